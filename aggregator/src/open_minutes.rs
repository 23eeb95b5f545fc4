//! The minutes that rows are merged into until their Seal comes.
//!
//! In:    rows of minutes that are not sealed.
//! Out:   whole minutes, by local id.
//! Kept:  at most [`OPEN_MINUTES_MAX`] minutes of 40 B a cell; sketches beside them for the few that have any.

use std::collections::BTreeMap;

use model::{Aggregate, Kinds, LocalId, Minute, OPEN_MINUTES_MAX, Scalars, Sketches};

/// Cells of one allocation: 10 KiB. A minute with one row costs one chunk; 5 M series need a table of 19,532 chunks,
/// which stays in L2.
const CHUNK: usize = 256;

/// One minute by local id.
#[derive(Default)]
pub(crate) struct Cells {
    chunks: Vec<Option<Box<[Scalars]>>>,
    sketches: BTreeMap<LocalId, Box<Sketches>>,
    rows: usize,
}

/// The open minutes, in no order: there are five at most.
#[derive(Default)]
pub(crate) struct OpenMinutes(Vec<(Minute, Cells)>);

// === impl Cells ===

impl Cells {
    /// What is known of a series that did not come.
    pub(crate) const NOTHING: &Scalars = &Scalars { count: 0, sum: 0, min: 0, max: 0, kinds: Kinds(0) };

    /// Adds a row's numbers.
    #[inline]
    pub(crate) fn merge(&mut self, id: LocalId, scalars: &Scalars) {
        let cell = match self.chunks.get_mut(id as usize / CHUNK) {
            Some(Some(chunk)) => &mut chunk[id as usize % CHUNK],
            _ => first_of_chunk(&mut self.chunks, id),
        };
        self.rows += usize::from(cell.count == 0);
        cell.merge(scalars);
    }

    /// Adds a row with all it has.
    pub(crate) fn merge_aggregate(&mut self, id: LocalId, row: &Aggregate) {
        self.merge(id, &row.scalars);
        if let Some(sketches) = &row.sketches {
            self.sketches.entry(id).or_default().merge(sketches);
        }
    }

    /// Forgets what is known of a series.
    pub(crate) fn remove(&mut self, id: LocalId) {
        if let Some(Some(chunk)) = self.chunks.get_mut(id as usize / CHUNK) {
            let cell = &mut chunk[id as usize % CHUNK];
            self.rows -= usize::from(cell.count > 0);
            *cell = Scalars::default();
        }
        self.sketches.remove(&id);
    }

    /// How many cells hold something.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// What is there, by ascending local id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (LocalId, &Scalars)> {
        self.chunks.iter().zip(0_u32..).filter_map(|(chunk, at)| Some((chunk.as_deref()?, at))).flat_map(
            |(chunk, at)| {
                let ids = at * CHUNK as u32..;
                ids.zip(chunk).filter(|(_, cell)| cell.count > 0)
            },
        )
    }

    /// What is known of one series; nothing of most.
    pub(crate) fn get(&self, id: LocalId) -> &Scalars {
        match self.chunks.get(id as usize / CHUNK) {
            Some(Some(chunk)) => &chunk[id as usize % CHUNK],
            _ => Self::NOTHING,
        }
    }

    /// The sketches of one series.
    pub(crate) fn sketches(&self, id: LocalId) -> Option<&Sketches> {
        // Most minutes have none at all, and then a look-up per cell would be the dearest part of a seal.
        if self.sketches.is_empty() { None } else { self.sketches.get(&id).map(Box::as_ref) }
    }
}

#[cold]
fn first_of_chunk(chunks: &mut Vec<Option<Box<[Scalars]>>>, id: LocalId) -> &mut Scalars {
    let at = id as usize / CHUNK;
    if chunks.len() <= at {
        chunks.resize_with(at + 1, || None);
    }
    let chunk = chunks[at].get_or_insert_with(|| vec![Scalars::default(); CHUNK].into_boxed_slice());
    &mut chunk[id as usize % CHUNK]
}

// === impl OpenMinutes ===

impl OpenMinutes {
    /// Where this minute is, opened if there is room for it.
    pub(crate) fn position_of(&mut self, minute: Minute) -> Option<usize> {
        if let Some(at) = self.0.iter().position(|(open, _)| *open == minute) {
            return Some(at);
        }
        if self.0.len() >= OPEN_MINUTES_MAX as usize {
            return None;
        }
        self.0.push((minute, Cells::default()));
        Some(self.0.len() - 1)
    }

    /// The cells at a [`OpenMinutes::position_of`], which holds until the next minute is closed.
    #[inline]
    pub(crate) fn at(&mut self, position: usize) -> &mut Cells {
        &mut self.0[position].1
    }

    /// Forgets what is known of some series, and the minutes that hold nothing any more, which it returns.
    pub(crate) fn remove(&mut self, ids: &[LocalId]) -> Vec<Minute> {
        let mut emptied = Vec::new();
        self.0.retain_mut(|(minute, cells)| {
            ids.iter().for_each(|id| cells.remove(*id));
            if cells.rows() == 0 {
                emptied.push(*minute);
            }
            cells.rows() > 0
        });
        emptied
    }

    /// Takes out every minute up to and including `through`, in order of time.
    pub(crate) fn close(&mut self, through: Minute) -> Vec<(Minute, Cells)> {
        let (mut closed, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(minute, _)| *minute <= through);
        self.0 = open;
        closed.sort_by_key(|(minute, _)| *minute);
        closed
    }

    /// What is open, in order of time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Minute, &Cells)> {
        let mut open: Vec<_> = self.0.iter().map(|(minute, cells)| (*minute, cells)).collect();
        open.sort_by_key(|(minute, _)| *minute);
        open.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use model::Number;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_are_a_map(rows in prop::collection::vec((0_u32..2000, -50_i64..50), 0..300)) {
            let (mut cells, mut oracle) = (Cells::default(), BTreeMap::<LocalId, Scalars>::new());
            for (id, value) in rows {
                cells.merge(id, &Scalars::of(Number::Int(value)));
                oracle.entry(id).or_default().record(Number::Int(value));
            }
            prop_assert_eq!(cells.rows(), oracle.len());
            let got: Vec<_> = cells.iter().map(|(id, cell)| (id, *cell)).collect();
            prop_assert_eq!(got, oracle.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_sixth_minute_has_no_room_until_one_closes() {
        let mut open = OpenMinutes::default();
        for minute in [9, 3, 5, 7, 1] {
            assert!(open.position_of(Minute(minute)).is_some());
        }
        assert_eq!(open.position_of(Minute(2)), None);
        assert_eq!(open.position_of(Minute(5)), Some(2));
        let closed: Vec<_> = open.close(Minute(5)).iter().map(|(minute, _)| minute.0).collect();
        assert_eq!(closed, [1, 3, 5]);
        assert_eq!(open.iter().map(|(minute, _)| minute.0).collect::<Vec<_>>(), [7, 9]);
        assert!(open.position_of(Minute(2)).is_some());
    }
}
