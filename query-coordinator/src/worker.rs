//! What is done within one partition: a job each, on a thread that may block.
//!
//! In:    a reading of the partition, a job.
//! Out:   partial groups, cells, or lists, that the gather merges.
//! Never: a clock, a lock, another partition.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use hints_index::{ABSENT, Search};
use model::{Aggregate, Matcher, Minute, MinuteRange, Number, Sampling, Scalars};
use store::Columns;

use crate::active::active;
use crate::best::best;
use crate::budget::{Budget, JobError};
use crate::cells::{Cells, columns_of};
use crate::fold::{each_batch, fold, scan_of};
use crate::groups::Groups;
use crate::keys::Keys;
use crate::partition::Reading;
use crate::request::{HintsQuery, MetricsQuery, Scope};
use crate::tuple::{By, Tuple};
use crate::window::Steps;

/// The metric that says how many rows a publisher built for a minute.
pub(crate) const DECLARED_METRIC: &str = "sluice.publisher.rows_built";

/// Groups, ranked.
#[derive(Clone, Debug)]
pub(crate) struct RankJob {
    pub(crate) scope: Scope,
    pub(crate) by: By,
    /// Absent: all groups with data rank the same, so that the first tuples win.
    pub(crate) rank: Option<Sampling>,
    pub(crate) n: usize,
    pub(crate) bottom: bool,
    /// No other partition holds a part of any of these groups.
    pub(crate) local: bool,
}

/// What a partition knows of the groups.
#[derive(Debug)]
pub(crate) struct RankPartial {
    /// Does the partition know the metric at all?
    pub(crate) known: bool,
    pub(crate) groups: PartialGroups,
}

/// Groups that leave a worker.
#[derive(Debug)]
pub(crate) enum PartialGroups {
    /// The best of them, best first, and all others as one.
    Best { best: Vec<Ranked>, rest: Rest },
    /// All of them.
    All { keys: Keys, aggregates: Vec<Aggregate> },
}

/// A group with its name and place.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub(crate) tuple: Tuple,
    pub(crate) aggregate: Aggregate,
    pub(crate) rank: Number,
}

/// Everything the best do not hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest {
    pub(crate) aggregate: Aggregate,
    pub(crate) groups: u64,
    /// Of these groups: how many have data but not what the ranking reads.
    pub(crate) unranked: u64,
}

/// The values of named groups over time.
#[derive(Clone, Debug)]
pub(crate) struct CellsJob {
    pub(crate) scope: Scope,
    pub(crate) by: By,
    pub(crate) sampling: Sampling,
    pub(crate) steps: Steps,
}

/// Values of a dimension.
#[derive(Clone, Debug, Default)]
pub(crate) struct HintsPartial {
    /// Ascending, with their series.
    pub(crate) values: Vec<(String, u64)>,
    /// On all pages.
    pub(crate) total: usize,
    /// There is another page.
    pub(crate) more: bool,
}

/// A metric with data.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetricPartial {
    pub(crate) series: u64,
    /// Sorted.
    pub(crate) dims: Vec<String>,
}

/// A dimension with data: its values, each once, and how many series have it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DimensionPartial {
    pub(crate) values: Vec<String>,
    pub(crate) series: u64,
}

// === ranking ===

pub(crate) fn rank(reading: &dyn Reading, job: &RankJob, budget: &Budget) -> Result<RankPartial, JobError> {
    let scope = &job.scope;
    let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else {
        return Ok(RankPartial { known: false, groups: PartialGroups::nothing() });
    };
    let selection = index.select(&scope.matchers);
    budget.count_series(selection.len());
    let groups = Groups::of(index, &job.by, &selection, budget)?;
    let wanted = job.rank.map_or(Columns::IDS, columns_of);
    let cells = fold(reading, index, &groups, Steps::one(scope.range), wanted, budget)?;
    let groups = match &job.by {
        By::Dims(names) if !job.local => all_groups(cells, |keys, group| {
            keys.push(index, names, groups.representative(group));
        }),
        by => {
            let position = |group: u32| groups.representative(group);
            let compare = |a: u32, b: u32| by.compare(index, position(a), position(b));
            best_groups(cells, job, compare, |group| by.tuple(index, position(group)))
        }
    };
    Ok(RankPartial { known: true, groups })
}

fn all_groups(mut cells: Cells, mut push: impl FnMut(&mut Keys, u32)) -> PartialGroups {
    let (mut keys, mut aggregates) = (Keys::default(), Vec::new());
    for (cell, group) in (0..cells.len()).zip(0_u32..) {
        if cells.is_present(cell) {
            push(&mut keys, group);
            aggregates.push(cells.take(cell));
        }
    }
    PartialGroups::All { keys, aggregates }
}

fn best_groups(
    mut cells: Cells,
    job: &RankJob,
    compare: impl Fn(u32, u32) -> std::cmp::Ordering,
    tuple: impl Fn(u32) -> Tuple,
) -> PartialGroups {
    let seconds = u64::from(job.scope.range.len()) * 60;
    let ranked = (0..cells.len())
        .zip(0_u32..)
        .filter_map(|(cell, group)| Some((cells.rank_by(cell, job.rank, seconds)?, group)));
    let winners = best(job.n, ranked, |one, other| {
        order(job.bottom, one.0, other.0).then_with(|| compare(one.1, other.1))
    });
    let best = winners
        .into_iter()
        .map(|(rank, group)| Ranked { tuple: tuple(group), aggregate: cells.take(group as usize), rank })
        .collect();
    PartialGroups::Best { best, rest: rest(&cells, job.rank, seconds) }
}

/// What is left when the winners' cells are empty.
fn rest(cells: &Cells, sampling: Option<Sampling>, seconds: u64) -> Rest {
    if let Some((aggregate, groups)) = cells.total_of_sums() {
        return Rest { aggregate, groups, unranked: 0 };
    }
    let mut rest = Rest::default();
    for cell in 0..cells.len() {
        let is_ranked = cells.rank_by(cell, sampling, seconds).is_some();
        rest.add(|all| cells.merge_into(cell, all), is_ranked);
    }
    rest
}

/// Best first.
pub(crate) fn order(bottom: bool, one: Number, other: Number) -> std::cmp::Ordering {
    if bottom { one.total_cmp(other) } else { other.total_cmp(one) }
}

// === named groups ===

/// `None` when the partition does not know the metric.
pub(crate) fn cells(
    reading: &dyn Reading,
    job: &CellsJob,
    tuples: &[Tuple],
    budget: &Budget,
) -> Result<Option<Cells>, JobError> {
    let scope = &job.scope;
    let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else { return Ok(None) };
    let selection = index.select(&scope.matchers);
    let groups = Groups::named(index, &job.by, &selection, tuples);
    fold(reading, index, &groups, job.steps, columns_of(job.sampling), budget).map(Some)
}

// === what exists ===

/// A page of values, or all of them when other partitions have some too.
pub(crate) fn hints(
    reading: &dyn Reading,
    query: &HintsQuery,
    is_alone: bool,
    budget: &Budget,
) -> Result<HintsPartial, JobError> {
    let scope = &query.scope;
    let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else {
        return Ok(HintsPartial::default());
    };
    let selection = active(reading, index, &query.conditions(), scope.range, budget)?;
    let search = Search { prefix: &query.prefix, substring: &query.substring, ..Search::ALL };
    let page = Search { after: &query.after, limit: query.limit, ..search };
    let values = index.values_of(&query.of, &selection, if is_alone { page } else { search });
    budget.check_groups(values.page.len())?;
    let owned = |(value, series): (&str, u64)| (value.to_owned(), series);
    Ok(HintsPartial {
        values: values.page.into_iter().map(owned).collect(),
        total: values.total,
        more: values.more,
    })
}

/// How many series with data are left after none, one, two … of these conditions.
pub(crate) fn left(
    reading: &dyn Reading,
    scope: &Scope,
    conditions: &[Matcher],
    budget: &Budget,
) -> Result<Vec<u64>, JobError> {
    let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else {
        return Ok(vec![0; conditions.len() + 1]);
    };
    let after = |count: usize| {
        active(reading, index, &conditions[..count], scope.range, budget).map(|left| left.len() as u64)
    };
    (0..=conditions.len()).map(after).collect()
}

/// Metrics with data, by name.
pub(crate) fn metrics(
    reading: &dyn Reading,
    query: &MetricsQuery,
    budget: &Budget,
) -> Result<BTreeMap<String, MetricPartial>, JobError> {
    let mut all = BTreeMap::new();
    for (name, index) in
        reading.hints().metrics(&query.account).filter(|(name, _)| name.starts_with(&query.prefix))
    {
        let found = active(reading, index, &[], query.range, budget)?;
        if !found.is_empty() {
            let has = |dim: &&hints_index::Dim| found.iter().any(|position| dim.value_id(position) != ABSENT);
            let dims = index.dims().iter().filter(has).map(|dim| dim.name().to_owned()).collect();
            all.insert(name.to_owned(), MetricPartial { series: found.len() as u64, dims });
        }
    }
    Ok(all)
}

/// Dimensions of a metric with data, by name.
pub(crate) fn dimensions(
    reading: &dyn Reading,
    scope: &Scope,
    budget: &Budget,
) -> Result<BTreeMap<String, DimensionPartial>, JobError> {
    let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else {
        return Ok(BTreeMap::new());
    };
    let found = active(reading, index, &[], scope.range, budget)?;
    let mut all = BTreeMap::new();
    for dim in index.dims() {
        let values = index.values_of(dim.name(), &found, Search::ALL).page;
        budget.check_groups(values.len())?;
        let series = values.iter().map(|(_, series)| series).sum();
        if series > 0 {
            let values = values.into_iter().map(|(value, _)| value.to_owned()).collect();
            all.insert(dim.name().to_owned(), DimensionPartial { values, series });
        }
    }
    Ok(all)
}

// === completeness ===

/// Rows that publishers say they built, by minute.
pub(crate) fn declared(
    reading: &dyn Reading,
    account: &str,
    range: MinuteRange,
    budget: &Budget,
) -> Result<Vec<(Minute, u64)>, JobError> {
    let Some(index) = reading.hints().metric(account, DECLARED_METRIC) else { return Ok(Vec::new()) };
    let mut minutes: BTreeMap<Minute, Scalars> = BTreeMap::new();
    // By minute in a map: a range may be ten years long, and few of them have rows.
    let scan = scan_of(index, Steps { range, minutes: 1 }, Columns::SUM | Columns::IDS);
    each_batch(reading, &scan, budget, |batch| {
        for (row, id) in batch.columns.ids().iter().enumerate() {
            if index.position_of(*id).is_some_and(|position| index.is_deleted(position)) {
                continue;
            }
            let sum = Scalars::of(batch.columns.sum(row));
            minutes.entry(batch.minute(row)).or_default().merge(&sum);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(minutes.into_iter().map(|(minute, all)| (minute, rows(all.sum()))).collect())
}

/// A sum of counts, as the count that it is.
fn rows(sum: Number) -> u64 {
    match sum {
        Number::Int(rows) => u64::try_from(rows).unwrap_or(0),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        Number::Float(rows) => rows.round() as u64,
    }
}

// === impl PartialGroups ===

impl PartialGroups {
    pub(crate) fn nothing() -> Self {
        Self::Best { best: Vec::new(), rest: Rest::default() }
    }
}

// === impl Rest ===

impl Rest {
    /// One more group, if `merge` says that it holds data.
    pub(crate) fn add(&mut self, merge: impl FnOnce(&mut Aggregate) -> bool, is_ranked: bool) {
        if merge(&mut self.aggregate) {
            self.groups += 1;
            self.unranked += u64::from(!is_ranked);
        }
    }

    /// The rest of another partition, of other groups.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.aggregate.merge(&other.aggregate);
        self.groups += other.groups;
        self.unranked += other.unranked;
    }
}
