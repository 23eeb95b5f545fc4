//! Cells and side rows as slab blocks, one a metric and minute.

use std::collections::BTreeSet;

use model::{LocalId, MetricId, Minute};
use store::{Columns, SlabBlock, SlabColumns, StoreError};

use crate::island::Island;
use crate::open_minutes::Cells;
use crate::side_rows::{SideRow, SideRows};
use crate::view::OpenBlock;
use crate::{ApplyError, StateError};

/// Takes a metric's block of a minute, and which series are in it.
type EachOfMinute<'a> = &'a mut dyn FnMut(MetricId, &[LocalId], Vec<u8>);

/// Takes a block of any minute, and which series are in it.
type EachBlock<'a> = &'a mut dyn FnMut(MetricId, Minute, &[LocalId], Vec<u8>);

/// The rows of one minute, each metric a block, in order of the metrics.
pub(crate) fn of_cells(
    cells: &Cells,
    metric_of: impl Fn(LocalId) -> MetricId,
    wanted: Option<&BTreeSet<MetricId>>,
    each: EachOfMinute<'_>,
) -> Result<(), StoreError> {
    let mut ids: Vec<Vec<LocalId>> = Vec::new();
    for (id, _) in cells.iter() {
        let metric = metric_of(id);
        if wanted.is_some_and(|wanted| !wanted.contains(&metric)) {
            continue;
        }
        if ids.len() <= metric as usize {
            ids.resize_with(metric as usize + 1, Vec::new);
        }
        ids[metric as usize].push(id);
    }
    let mut block = SlabBlock::new();
    for (metric, ids) in (0..).zip(&ids).filter(|(_, ids)| !ids.is_empty()) {
        block.clear();
        ids.iter().for_each(|id| push_cell(&mut block, cells, *id));
        each(metric, ids, block.encode()?);
    }
    Ok(())
}

/// All rows of a minute in one block, whatever their metric: how an open minute survives a restart.
pub(crate) fn whole(cells: &Cells) -> Result<Vec<u8>, StoreError> {
    let mut block = SlabBlock::new();
    cells.iter().for_each(|(id, _)| push_cell(&mut block, cells, id));
    block.encode()
}

/// All of these rows in one block, whatever their metric.
pub(crate) fn whole_side(mut rows: Vec<SideRow>) -> Result<Vec<u8>, StoreError> {
    rows.sort_unstable_by_key(|((_, _, id), _)| *id);
    SlabBlock::of(rows.iter().map(|((_, _, id), row)| (*id, row))).encode()
}

/// Reads back [`whole`] and [`whole_side`]: a row for each of `series` at the most.
pub(crate) fn read(
    bytes: &[u8],
    series: u32,
    mut each: impl FnMut(LocalId, model::Aggregate) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let rows = SlabColumns::rows_of(bytes)?;
    if rows > series as usize {
        return Err(StateError::Contradiction(format!("a minute has {rows} rows of {series} series")));
    }
    let mut columns = SlabColumns::new();
    columns.read(bytes, Columns::WHOLE_ROWS)?;
    (0..columns.len()).try_for_each(|row| each(columns.ids()[row], columns.aggregate(row)?))
}

/// Rows in order of minute, metric and id, each minute and metric a block.
pub(crate) fn of_side<'a>(
    rows: impl IntoIterator<Item = (&'a (Minute, MetricId, LocalId), &'a model::Aggregate)>,
    each: EachBlock<'_>,
) -> Result<(), StoreError> {
    let (mut block, mut ids, mut current) = (SlabBlock::new(), Vec::new(), None);
    for ((minute, metric, id), row) in rows {
        if let Some((of_minute, of_metric)) = current
            && (of_minute, of_metric) != (*minute, *metric)
        {
            each(of_metric, of_minute, &ids, block.encode()?);
            block.clear();
            ids.clear();
        }
        current = Some((*minute, *metric));
        block.push_aggregate(*id, row);
        ids.push(*id);
    }
    if let Some((minute, metric)) = current {
        each(metric, minute, &ids, block.encode()?);
    }
    Ok(())
}

fn push_cell(block: &mut SlabBlock, cells: &Cells, id: LocalId) {
    let sketches = cells.sketches(id);
    let distinct = sketches.and_then(|sketches| sketches.distinct.as_ref());
    let distribution = sketches.and_then(|sketches| sketches.distribution.as_ref());
    block.push(id, cells.get(id), distinct, distribution);
}

// === impl Island ===

impl Island {
    /// All that no seal has taken yet, of these metrics or of all.
    pub(crate) fn open_blocks(
        &self,
        wanted: Option<&BTreeSet<MetricId>>,
    ) -> Result<Vec<OpenBlock>, ApplyError> {
        let mut blocks = Vec::new();
        for (minute, cells) in self.open.iter() {
            let metric_of = |id| self.series.metric_of(id);
            of_cells(cells, metric_of, wanted, &mut |metric, _, bytes| {
                blocks.push(OpenBlock { metric, minute, bytes });
            })?;
        }
        blocks.extend(side_blocks(&self.ahead, wanted)?);
        blocks.extend(self.late_blocks(wanted)?);
        Ok(blocks)
    }

    /// Rows of sealed minutes, of these metrics or of all.
    pub(crate) fn late_blocks(
        &self,
        wanted: Option<&BTreeSet<MetricId>>,
    ) -> Result<Vec<OpenBlock>, ApplyError> {
        side_blocks(&self.late, wanted)
    }
}

fn side_blocks(side: &SideRows, wanted: Option<&BTreeSet<MetricId>>) -> Result<Vec<OpenBlock>, ApplyError> {
    let mut blocks = Vec::new();
    let rows = side.iter().filter(|((_, metric, _), _)| wanted.is_none_or(|wanted| wanted.contains(metric)));
    of_side(rows, &mut |metric, minute, _, bytes| blocks.push(OpenBlock { metric, minute, bytes }))?;
    Ok(blocks)
}
