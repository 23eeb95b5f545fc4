//! Reads a metric's blocks into cells: the loop that a query spends its time in.

use std::ops::ControlFlow;

use hints_index::MetricIndex;
use model::{LocalId, Minute, MinuteRange};
use store::{Columns, SlabColumns, StoreError};

use crate::budget::{Budget, JobError};
use crate::cells::{Cells, NONE};
use crate::groups::{Groups, Members};
use crate::partition::{PartitionError, Reading};
use crate::window::Steps;

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
    each_block(reading, index, steps.range, wanted, budget, |minute, columns| {
        let base = steps.index(minute) * groups.len();
        positions(index, columns.ids(), &mut targets)?;
        groups.members().apply(&mut targets, u32::try_from(base).unwrap_or(NONE));
        cells.add(columns, &targets, budget)?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(cells)
}

/// By position, which of the wanted series have data in the range. Reads no further once all have.
pub(crate) fn present(
    reading: &dyn Reading,
    index: &MetricIndex,
    wanted: &[bool],
    range: MinuteRange,
    budget: &Budget,
) -> Result<Vec<bool>, JobError> {
    let mut present = vec![false; index.len()];
    let mut missing = wanted.iter().filter(|wanted| **wanted).count();
    if missing == 0 {
        return Ok(present);
    }
    let mut found = Vec::new();
    each_block(reading, index, range, Columns::IDS, budget, |_, columns| {
        positions(index, columns.ids(), &mut found)?;
        for &position in &found {
            let at = position as usize;
            if wanted[at] && !present[at] {
                present[at] = true;
                missing -= 1;
            }
        }
        Ok(if missing == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(present)
}

/// The store's scan, with our errors and the budget.
pub(crate) fn each_block(
    reading: &dyn Reading,
    index: &MetricIndex,
    range: MinuteRange,
    wanted: Columns,
    budget: &Budget,
    mut each: impl FnMut(Minute, &SlabColumns) -> Result<ControlFlow<()>, JobError>,
) -> Result<(), JobError> {
    let mut stopped = None;
    let bytes = reading.scan(index.metric_id(), range, wanted, &mut |minute, columns| {
        let done = budget.take_points(columns.len()).and_then(|()| each(minute, columns));
        Ok(done.unwrap_or_else(|why| {
            stopped = Some(why);
            ControlFlow::Break(())
        }))
    });
    if let Some(why) = stopped {
        return Err(why);
    }
    budget.count_bytes(bytes.map_err(PartitionError::from)?);
    Ok(())
}

/// The position of each series. Both lists ascend.
fn positions(index: &MetricIndex, ids: &[LocalId], out: &mut Vec<u32>) -> Result<(), JobError> {
    out.clear();
    let known = index.local_ids();
    let (Some(&first), Some(&last)) = (known.first(), known.last()) else {
        return if ids.is_empty() { Ok(()) } else { Err(unknown(ids[0])) };
    };
    let (Some(&least), Some(&greatest)) = (ids.first(), ids.last()) else { return Ok(()) };
    if (last - first) as usize == known.len() - 1 && first <= least && greatest <= last {
        // All series of the metric came one after the other: the usual case of a metric that is not alone for long.
        out.extend(ids.iter().map(|id| id - first));
        return Ok(());
    }
    if ids.len() < known.len() / 16 {
        return by_search(index, ids, out);
    }
    by_walk(known, ids, out)
}

fn by_search(index: &MetricIndex, ids: &[LocalId], out: &mut Vec<u32>) -> Result<(), JobError> {
    for &id in ids {
        out.push(index.position_of(id).ok_or_else(|| unknown(id))?);
    }
    Ok(())
}

fn by_walk(known: &[LocalId], ids: &[LocalId], out: &mut Vec<u32>) -> Result<(), JobError> {
    let mut candidates = known.iter().zip(0_u32..);
    for &id in ids {
        let found = candidates.find(|(have, _)| **have >= id).filter(|(have, _)| **have == id);
        out.push(found.ok_or_else(|| unknown(id))?.1);
    }
    Ok(())
}

/// A row is never left out in silence.
fn unknown(id: LocalId) -> JobError {
    let why =
        format!("BUG: a slab block names series {id}, which the dictionary of this metric does not have");
    PartitionError::Store(StoreError::Damaged { what: "the view".into(), why }).into()
}

// === impl Members ===

impl Members {
    /// From positions to cells of the step that begins at `base`.
    fn apply(&self, rows: &mut [u32], base: u32) {
        match self {
            Self::Identity => rows.iter_mut().for_each(|row| *row += base),
            Self::One => rows.fill(base),
            Self::Table(table) => rows.iter_mut().for_each(|row| {
                let group = table[*row as usize];
                *row = if group == NONE { NONE } else { group + base };
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use hints_index::HintsIndex;

    use super::*;

    #[test]
    fn positions_are_found_in_every_way() {
        check(&[5, 6, 7, 8], &[6, 8], "1 3"); // consecutive
        check(&[5, 6, 9, 12], &[5, 9, 12], "0 2 3"); // with gaps
        let many: Vec<u32> = (0..100).map(|id| id * 3).collect();
        check(&many, &[297], "99"); // few of many
        check(&many, &(0..50).map(|id| id * 6).collect::<Vec<_>>(), &joined((0..50).map(|at| at * 2)));
    }

    #[test]
    fn an_unknown_series_is_an_error() {
        check(&[5, 6, 7], &[8], "series 8");
        check(&[5, 6, 7], &[4], "series 4");
        check(&[5, 9], &[6], "series 6");
        check(&[], &[0], "series 0");
    }

    #[track_caller]
    fn check(known: &[u32], ids: &[u32], expected: &str) {
        let mut hints = HintsIndex::new();
        let empty = HintsIndex::new();
        for &id in known {
            let value = id.to_string();
            hints.insert("a", "m", 0, id, [("id", value.as_str())]).unwrap();
        }
        let mut out = Vec::new();
        let said = match hints.metric("a", "m") {
            Some(index) => positions(index, ids, &mut out),
            None => {
                assert_eq!(empty.metric_count(), 0);
                Err(unknown(ids[0]))
            }
        };
        match said {
            Ok(()) => assert_eq!(joined(out.into_iter()), expected),
            Err(why) => assert!(why.to_string().contains(expected), "{why}"),
        }
    }

    fn joined(numbers: impl Iterator<Item = u32>) -> String {
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
    }
}
