//! Groups over time.

use std::sync::Arc;

use proto::v1;

use crate::cells::Cells;
use crate::completeness::cap_note;
use crate::gather::Outcome;
use crate::jobs::{CellsJob, RankJob};
use crate::query::Query;
use crate::request::{self, SeriesQuery};
use crate::top::{cells, check_answer, no_metric, no_sketch, overflow_note, points, ranking};
use crate::tuple::Tuple;
use crate::window::Steps;
use crate::{Coordinator, QueryError};

// === impl Coordinator ===

impl Coordinator {
    /// Every group with data, ascending by its tuple, step by step. Beyond the limit on series the last are left out,
    /// and a warning says how many.
    ///
    /// # Errors
    /// When the request cannot be meant, or asks for more than a query may cost.
    pub async fn series(&self, request: v1::SeriesRequest) -> Result<v1::SeriesReply, QueryError> {
        let series = request::series(request)?;
        let (scope, steps) = (&series.scope, series.steps);
        let metrics = vec![scope.metric.clone()];
        let mut query =
            Query::begin(&self.inner, &scope.account, metrics, scope.range, scope.include_open).await?;
        let outcome = ranking(&mut query, series.rank_job(self.inner.limits.series_max)).await?;
        let tuples: Arc<[Tuple]> = outcome.winners.iter().map(|winner| winner.tuple.clone()).collect();
        check_answer(&self.inner.limits, tuples.len(), 1, steps.len())?;
        let (scope, by, theirs) = (scope.clone(), series.by.clone(), Arc::clone(&tuples));
        let job = CellsJob { scope, by, sampling: series.sampling, steps, tuples: theirs };
        let cells = cells(&mut query, job).await?;
        let row = |(group, tuple): (usize, &Tuple)| v1::SeriesRow {
            dims: tuple.iter().cloned().collect(),
            points: points(cells.as_ref(), group, tuples.len(), series.sampling, steps),
        };
        let rows: Vec<v1::SeriesRow> = tuples.iter().enumerate().map(row).collect();
        Ok(v1::SeriesReply {
            warnings: warnings(&series, &outcome, &rows, overflowed(cells.as_ref(), rows.len(), steps)),
            rows,
            completeness: Some(query.completeness()),
            stats: Some(query.stats()),
        })
    }
}

/// Rows with a point whose sum overflowed.
fn overflowed(cells: Option<&Cells>, groups: usize, steps: Steps) -> u64 {
    let Some(cells) = cells else { return 0 };
    let is_one = |group: &usize| (0..steps.len()).any(|step| cells.is_overflowed(step * groups + group));
    (0..groups).filter(is_one).count() as u64
}

fn warnings(series: &SeriesQuery, outcome: &Outcome, rows: &[v1::SeriesRow], overflowed: u64) -> Vec<String> {
    let (known, left_out) = (outcome.known, outcome.rest.groups);
    let scope = &series.scope;
    let mut warnings = Vec::new();
    if !known {
        warnings.push(no_metric(scope));
    }
    if left_out > 0 {
        let shown = rows.len();
        warnings.push(format!(
            "{left_out} series after the first {shown} are left out: filter, or group by less"
        ));
    }
    warnings.extend(overflow_note(series.sampling, &scope.metric, overflowed));
    // Every row has data; one without any value has no sketch.
    let silent = rows.iter().filter(|row| row.points.iter().all(|point| point.value.is_none())).count();
    warnings.extend(no_sketch(series.sampling, &scope.metric, silent as u64));
    warnings.extend(cap_note(scope.range));
    warnings
}

// === impl SeriesQuery ===

impl SeriesQuery {
    fn rank_job(&self, series_max: usize) -> RankJob {
        RankJob {
            scope: self.scope.clone(),
            by: self.by.clone(),
            rank: None,
            n: series_max.max(1),
            bottom: false,
            local: false,
        }
    }
}
