//! Reads a metric's blocks into cells: the loop that a query spends its time in.

use std::ops::ControlFlow;

use hints_index::MetricIndex;
use model::{LocalId, Minute};
use store::{Batch, Columns, EachBatch, Scan, ScanStats, StoreError};

use crate::budget::{Budget, JobError};
use crate::cells::{Cells, NONE};
use crate::groups::{Groups, Members};
use crate::partition::{PartitionError, Reading};
use crate::window::Steps;

/// A page has up to 1,024 series: of more than this part of them, hardly one would be left out.
const FEW_PART: usize = 8;

/// Every group in every step: the cell of group `g` in step `s` is `s × groups + g`.
pub(crate) fn fold(
    reading: &dyn Reading,
    index: &MetricIndex,
    groups: &Groups,
    steps: Steps,
    wanted: Columns,
    budget: &Budget,
) -> Result<Cells, JobError> {
    let mut cells = Cells::new(groups.len() * steps.len(), wanted);
    let mut targets = Vec::new();
    let series = groups.members().series(index);
    let scan = Scan { series: series.as_deref(), ..scan_of(index, steps, wanted) };
    let base = |minute| steps.index(minute) * groups.len();
    each_batch(reading, &scan, budget, |batch| {
        if let (Members::Identity, Some(first)) = (groups.members(), run(index, batch))
            && cells.add_run(batch.columns, base(batch.minutes.from) + first as usize)
        {
            return Ok(ControlFlow::Continue(()));
        }
        positions(index, batch, &mut targets)?;
        groups.members().apply(&mut targets);
        to_cells(&mut targets, batch, |minute| u32::try_from(base(minute)).unwrap_or(NONE));
        cells.add(batch.columns, &targets, budget)?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(cells)
}

/// All rows of a metric, in these steps.
pub(crate) fn scan_of(index: &MetricIndex, steps: Steps, wanted: Columns) -> Scan<'static> {
    let Steps { range, minutes } = steps;
    Scan { metric: index.metric_id(), minutes: range, step_minutes: minutes, wanted, series: None }
}

/// The store's scan, with our errors and the budget.
pub(crate) fn each_batch(
    reading: &dyn Reading,
    scan: &Scan<'_>,
    budget: &Budget,
    each: impl FnMut(&Batch<'_>) -> Result<ControlFlow<()>, JobError>,
) -> Result<(), JobError> {
    bounded(budget, each, |each| reading.scan(scan, each))
}

/// The same of the rows that no seal has taken yet.
pub(crate) fn each_unsealed_batch(
    reading: &dyn Reading,
    scan: &Scan<'_>,
    budget: &Budget,
    each: impl FnMut(&Batch<'_>) -> Result<ControlFlow<()>, JobError>,
) -> Result<(), JobError> {
    bounded(budget, each, |each| reading.scan_unsealed(scan, each))
}

fn bounded(
    budget: &Budget,
    mut each: impl FnMut(&Batch<'_>) -> Result<ControlFlow<()>, JobError>,
    scan: impl FnOnce(EachBatch<'_>) -> Result<ScanStats, StoreError>,
) -> Result<(), JobError> {
    let mut stopped = None;
    let stats = scan(&mut |batch| {
        let done = budget.take_points(batch.columns.len()).and_then(|()| each(batch));
        Ok(done.unwrap_or_else(|why| {
            stopped = Some(why);
            ControlFlow::Break(())
        }))
    });
    if let Some(why) = stopped {
        return Err(why);
    }
    budget.count(&stats.map_err(PartitionError::from)?);
    Ok(())
}

/// The position of each row's series.
pub(crate) fn positions(index: &MetricIndex, batch: &Batch<'_>, out: &mut Vec<u32>) -> Result<(), JobError> {
    index.local_ids().positions_of(batch.columns.ids(), out).map_err(unknown)
}

/// The ids of the wanted positions, where they are so few that naming them saves reading.
pub(crate) fn few(
    index: &MetricIndex,
    wanted: impl Iterator<Item = bool>,
    count: usize,
) -> Option<Vec<LocalId>> {
    let of_wanted = |(wanted, position): (bool, u32)| wanted.then(|| index.local_ids().get(position));
    (count <= index.len() / FEW_PART).then(|| wanted.zip(0..).filter_map(of_wanted).collect())
}

/// The position of the first row when those of the others follow one after the other, a row a series: the usual case of
/// a metric that is not alone for long.
fn run(index: &MetricIndex, batch: &Batch<'_>) -> Option<u32> {
    let (first, last) = (*batch.columns.ids().first()?, *batch.columns.ids().last()?);
    let steps = u32::try_from(batch.columns.len() - 1).ok()?;
    if !batch.columns.minutes().is_empty() || last - first != steps {
        return None;
    }
    // Ids ascend, here and in the index: so many ids between two that are as far apart leave no gap.
    let position = index.position_of(first)?;
    (index.position_of(last)? == position + steps).then_some(position)
}

/// From groups to cells: those of a step begin at its base.
fn to_cells(targets: &mut [u32], batch: &Batch<'_>, base: impl Fn(Minute) -> u32) {
    let add = |target: &mut u32, base: u32| {
        if *target != NONE {
            *target += base;
        }
    };
    match batch.columns.minutes() {
        [] => {
            let base = base(batch.minutes.from);
            targets.iter_mut().for_each(|target| add(target, base));
        }
        minutes => targets.iter_mut().zip(minutes).for_each(|(target, minute)| add(target, base(*minute))),
    }
}

/// A row is never left out in silence.
fn unknown(id: LocalId) -> JobError {
    let why =
        format!("BUG: a slab block names series {id}, which the dictionary of this metric does not have");
    PartitionError::Store(StoreError::Damaged { what: "the view".into(), why }).into()
}

// === impl Members ===

impl Members {
    /// From positions to groups.
    fn apply(&self, rows: &mut [u32]) {
        match self {
            Self::Identity => {}
            Self::One => rows.fill(0),
            Self::Table(table) => rows.iter_mut().for_each(|row| *row = table[*row as usize]),
        }
    }

    /// The series of all groups, where they are few of the metric's.
    fn series(&self, index: &MetricIndex) -> Option<Vec<LocalId>> {
        let Self::Table(table) = self else { return None };
        let wanted = table.iter().map(|group| *group != NONE);
        few(index, wanted.clone(), wanted.filter(|wanted| *wanted).count())
    }
}
