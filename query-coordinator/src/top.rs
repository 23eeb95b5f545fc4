//! The best or worst groups, with other metrics beside them, and everything else as one row.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Aggregate, Number};
use proto::v1;

use crate::cells::Cells;
use crate::completeness::cap_note;
use crate::gather::{Outcome, gather};
use crate::jobs::{CellsJob, RankJob, Ranked};
use crate::query::Query;
use crate::request::{self, PivotQuery, Scope, TopQuery};
use crate::tuple::Tuple;
use crate::window::Steps;
use crate::{Coordinator, QueryError, QueryLimits};

/// What is to be said of a pivot.
enum Pivoted {
    /// No partition that answered knows its metric.
    Unknown,
    /// Perhaps that it overflowed.
    Read(Option<String>),
}

// === impl Coordinator ===

impl Coordinator {
    /// The best or worst n groups: exactly those that sorting all groups would give.
    ///
    /// # Errors
    /// When the request cannot be meant, or asks for more than a query may cost.
    pub async fn top(&self, request: v1::TopRequest) -> Result<v1::TopReply, QueryError> {
        let top = request::top(request)?;
        let steps = top.points.map_or(1, Steps::len);
        check_answer(
            &self.inner.limits,
            top.n,
            if top.points.is_some() { top.pivots.len() + 1 } else { 1 },
            steps,
        )?;
        let metrics = top.pivots.iter().map(|pivot| pivot.metric.clone());
        let metrics: Vec<String> = metrics.chain([top.scope.metric.clone()]).collect();
        let (range, open) = (top.scope.range, top.scope.include_open);
        let mut query = Query::begin(&self.inner, &top.scope.account, metrics, range, open).await?;

        let outcome = ranking(&mut query, top.rank_job()).await?;
        let mut rows = rows(&top, &outcome);
        let tuples: Arc<[Tuple]> = outcome.winners.iter().map(|winner| winner.tuple.clone()).collect();
        if let Some(steps) = top.points {
            add_points(&mut query, &top, steps, &tuples, &mut rows).await?;
        }
        let mut warnings = warnings(&top, &outcome);
        let mut unknown = BTreeSet::new(); // a metric may be asked for under several samplings
        for pivot in &top.pivots {
            match add_pivot(&mut query, &top, pivot, &tuples, &mut rows).await? {
                Pivoted::Unknown => drop(unknown.insert(pivot.metric.clone())),
                Pivoted::Read(note) => warnings.extend(note),
            }
        }
        let unknown = unknown.into_iter().map(|metric| no_metric(&Scope { metric, ..top.scope.clone() }));
        warnings.extend(unknown);
        Ok(v1::TopReply {
            rows,
            others: Some(top.others(&outcome)),
            completeness: Some(query.completeness()),
            warnings,
            stats: Some(query.stats()),
        })
    }
}

/// Rows × metrics × steps.
pub(crate) fn check_answer(
    limits: &QueryLimits,
    rows: usize,
    metrics: usize,
    steps: usize,
) -> Result<(), QueryError> {
    let points = (rows as u64).saturating_mul(metrics as u64).saturating_mul(steps as u64);
    if points > limits.answer_points_max {
        return Err(QueryError::TooLargeAnswer { points, max: limits.answer_points_max });
    }
    Ok(())
}

/// Scatters the ranking and merges what comes back.
pub(crate) async fn ranking(query: &mut Query, mut job: RankJob) -> Result<Outcome, QueryError> {
    let partitions = query.partitions_of(&job.scope.metric);
    // A series lives in one partition; a group of several series may not.
    job.local = partitions.len() == 1 || job.by == crate::tuple::By::Whole;
    let partials = query.scatter(&partitions, job.clone()).await?;
    let (budget, all_answered) = (Arc::clone(query.budget()), partials.len() == partitions.len());
    let mut outcome = blocking(move || gather(&job, partials, &budget)).await?;
    // Who did not answer may know it.
    outcome.known |= !all_answered;
    Ok(outcome)
}

/// Merging millions of groups is no work for a thread that serves connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, QueryError> + Send + 'static,
) -> Result<T, QueryError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|why| Err(QueryError::Bug(format!("the gather panicked: {why}"))))
}

/// Reads named groups of a metric over time, from all partitions that can hold it.
pub(crate) async fn cells(query: &mut Query, job: CellsJob) -> Result<Option<Cells>, QueryError> {
    let partitions = query.partitions_of(&job.scope.metric);
    let parts = query.scatter(&partitions, job).await?;
    Ok(parts.into_iter().flatten().reduce(|mut all, part| {
        all.merge(part);
        all
    }))
}

fn rows(top: &TopQuery, outcome: &Outcome) -> Vec<v1::TopRow> {
    let seconds = u64::from(top.scope.range.len()) * 60;
    let row = |winner: &Ranked| {
        let rank = top.rank.read_number(&winner.aggregate, seconds).unwrap_or(winner.rank);
        let dims = winner.tuple.iter().cloned().collect();
        v1::TopRow { dims, rank: rank.to_f64(), rank_int: int(rank), ..Default::default() }
    };
    outcome.winners.iter().map(row).collect()
}

async fn add_points(
    query: &mut Query,
    top: &TopQuery,
    steps: Steps,
    tuples: &Arc<[Tuple]>,
    rows: &mut [v1::TopRow],
) -> Result<(), QueryError> {
    let (scope, by, theirs) = (top.scope.clone(), top.by.clone(), Arc::clone(tuples));
    let job = CellsJob { scope, by, sampling: top.rank, steps, tuples: theirs };
    let cells = cells(query, job).await?;
    for (group, row) in rows.iter_mut().enumerate() {
        row.points = points(cells.as_ref(), group, tuples.len(), top.rank, steps);
    }
    Ok(())
}

async fn add_pivot(
    query: &mut Query,
    top: &TopQuery,
    pivot: &PivotQuery,
    tuples: &Arc<[Tuple]>,
    rows: &mut [v1::TopRow],
) -> Result<Pivoted, QueryError> {
    let mut scope = top.scope.clone();
    scope.metric.clone_from(&pivot.metric);
    let seconds = u64::from(scope.range.len()) * 60;
    let steps = top.points.unwrap_or(Steps::one(scope.range));
    let (by, theirs) = (top.by.clone(), Arc::clone(tuples));
    let cells = cells(query, CellsJob { scope, by, sampling: pivot.sampling, steps, tuples: theirs }).await?;
    let mut overflowed = 0;
    for (group, row) in rows.iter_mut().enumerate() {
        let whole = cells.as_ref().map(|cells| reduced(cells, group, tuples.len(), steps));
        overflowed += u64::from(whole.as_ref().is_some_and(|whole| whole.scalars.overflowed()));
        let value = whole.and_then(|whole| pivot.sampling.read_number(&whole, seconds));
        row.pivot.push(v1::PivotValue {
            name: pivot.name.clone(),
            value: value.map(Number::to_f64),
            value_int: value.and_then(int),
            points: match top.points {
                Some(steps) => points(cells.as_ref(), group, tuples.len(), pivot.sampling, steps),
                None => Vec::new(),
            },
        });
    }
    if cells.is_none() {
        return Ok(Pivoted::Unknown);
    }
    Ok(Pivoted::Read(overflow_note(pivot.sampling, &pivot.metric, overflowed)))
}

/// An integer that is exact.
fn int(number: Number) -> Option<i64> {
    match number {
        Number::Int(int) => Some(int),
        Number::Float(_) => None,
    }
}

/// A group over all steps.
fn reduced(cells: &Cells, group: usize, groups: usize, steps: Steps) -> Aggregate {
    let mut whole = Aggregate::default();
    for step in 0..steps.len() {
        cells.merge_into(step * groups + group, &mut whole);
    }
    whole
}

/// A group step by step; a step without data has no value.
pub(crate) fn points(
    cells: Option<&Cells>,
    group: usize,
    groups: usize,
    sampling: model::Sampling,
    steps: Steps,
) -> Vec<v1::Point> {
    let read = |step: usize| sampling.read_number(&cells?.get(step * groups + group), steps.seconds(step));
    let point = |step: usize| {
        let value = read(step);
        let (time, value_int) = (steps.start(step), value.and_then(int));
        v1::Point { time, value: value.map(Number::to_f64), value_int }
    };
    (0..steps.len()).map(point).collect()
}

/// Rows whose sum is no exact integer any more.
pub(crate) fn overflow_note(sampling: model::Sampling, metric: &str, rows: u64) -> Option<String> {
    (rows > 0 && sampling.needs_sum()).then(|| {
        format!(
            "the sum of {metric} left the range of 64-bit integers in {rows} rows: there it is a float, exact to 15 \
             digits"
        )
    })
}

fn warnings(top: &TopQuery, outcome: &Outcome) -> Vec<String> {
    let mut warnings = Vec::new();
    if !outcome.known {
        warnings.push(no_metric(&top.scope));
    }
    let others = std::iter::once(&outcome.rest.aggregate);
    let all = outcome.winners.iter().map(|winner| &winner.aggregate).chain(others);
    let overflowed = all.filter(|aggregate| aggregate.scalars.overflowed()).count();
    warnings.extend(overflow_note(top.rank, &top.scope.metric, overflowed as u64));
    warnings.extend(no_sketch(top.rank, &top.scope.metric, outcome.rest.unranked));
    warnings.extend(cap_note(top.scope.range));
    warnings
}

/// The metric is nowhere.
pub(crate) fn no_metric(scope: &Scope) -> String {
    let (account, metric) = (&scope.account, &scope.metric);
    format!("account {account} has no metric {metric}: /v1/metrics/list has those that it has")
}

/// Groups that have data and no sketch to read.
pub(crate) fn no_sketch(sampling: model::Sampling, metric: &str, groups: u64) -> Option<String> {
    let (what, how) = if sampling.needs_distinct() {
        ("distinct sketch", "distinct")
    } else {
        ("distribution", "distribution")
    };
    (groups > 0).then(|| {
        format!(
            "{groups} groups of {metric} have data but no {what}, so {sampling} cannot be read: publish the metric \
             with a {how} instrument, or with `sluice publish --as {how}`"
        )
    })
}

// === impl TopQuery ===

impl TopQuery {
    fn rank_job(&self) -> RankJob {
        RankJob {
            scope: self.scope.clone(),
            by: self.by.clone(),
            rank: Some(self.rank),
            n: self.n,
            bottom: self.bottom,
            local: false,
        }
    }

    fn others(&self, outcome: &Outcome) -> v1::Others {
        let seconds = u64::from(self.scope.range.len()) * 60;
        let rank = self.rank.read_number(&outcome.rest.aggregate, seconds);
        v1::Others {
            groups: outcome.rest.groups,
            rank: rank.map(Number::to_f64),
            rank_int: rank.and_then(int),
        }
    }
}
