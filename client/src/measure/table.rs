//! The cells of the series that the threads of one stripe record with dynamic dimensions.

use std::sync::Arc;

use hashbrown::HashTable;
use model::{Aggregate, Scalars};

use super::key::Key;
use super::registry::Series;
use crate::limits::IDLE_MINUTES_MAX;

/// What a table keeps for each series.
pub(crate) trait Cell: Default {
    fn is_empty(&self) -> bool;
    /// What was in it; it is empty then.
    fn take(&mut self) -> Aggregate;
}

/// Entry `i` of the index has its cell and its owner at `i` of the columns.
#[derive(Debug)]
pub(crate) struct Table<C> {
    index: HashTable<(Key, u32)>,
    cells: Vec<C>,
    owners: Vec<Option<Owner>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Owner {
    key: Key,
    series: Arc<Series>,
    /// Closed minutes without a measurement.
    idle: u8,
}

impl Cell for Scalars {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn take(&mut self) -> Aggregate {
        Aggregate::of(std::mem::take(self))
    }
}

impl Cell for Aggregate {
    fn is_empty(&self) -> bool {
        self.scalars.is_empty()
    }

    fn take(&mut self) -> Aggregate {
        std::mem::take(self)
    }
}

impl<C> Default for Table<C> {
    fn default() -> Self {
        Self { index: HashTable::new(), cells: Vec::new(), owners: Vec::new(), free: Vec::new() }
    }
}

// === impl Table ===

impl<C: Cell> Table<C> {
    /// The cell of a series that is known.
    #[inline]
    pub(crate) fn get(&mut self, key: Key) -> Option<&mut C> {
        let (_, at) = self.index.find(key.table_hash(), |(have, _)| *have == key)?;
        self.cells.get_mut(*at as usize)
    }

    /// The cell of this series, new if need be.
    pub(crate) fn get_or_insert(&mut self, key: Key, series: &Arc<Series>) -> &mut C {
        let at = match self.index.find(key.table_hash(), |(have, _)| *have == key) {
            Some((_, at)) => *at,
            None => self.insert(key, Arc::clone(series)),
        };
        &mut self.cells[at as usize]
    }

    /// Takes what is in the next `many` cells from `from`; `None` when these were the last. `close`: a minute ends here.
    pub(crate) fn drain(
        &mut self,
        from: usize,
        many: usize,
        close: bool,
        mut out: impl FnMut(&Arc<Series>, Aggregate),
    ) -> Option<usize> {
        let to = self.cells.len().min(from + many);
        for at in from..to {
            let Some(owner) = &mut self.owners[at] else { continue };
            if !self.cells[at].is_empty() {
                owner.idle = 0;
                out(&owner.series, self.cells[at].take());
            } else if close {
                owner.idle += 1;
                if owner.idle >= IDLE_MINUTES_MAX {
                    self.forget(at);
                }
            }
        }
        (to < self.cells.len()).then_some(to)
    }

    fn insert(&mut self, key: Key, series: Arc<Series>) -> u32 {
        let owner = Some(Owner { key, series, idle: 0 });
        let at = match self.free.pop() {
            Some(at) => {
                self.owners[at as usize] = owner;
                at
            }
            None => {
                self.owners.push(owner);
                self.cells.push(C::default());
                u32::try_from(self.cells.len() - 1).expect("series_max is far below 2^32")
            }
        };
        self.index.insert_unique(key.table_hash(), (key, at), |(key, _)| key.table_hash());
        at
    }

    fn forget(&mut self, at: usize) {
        let Some(owner) = self.owners[at].take() else { return };
        if let Ok(entry) = self.index.find_entry(owner.key.table_hash(), |(have, _)| *have == owner.key) {
            self.free.push(entry.remove().0.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Dims, Number};

    use super::super::key::Keys;
    use super::*;

    #[test]
    fn a_silent_series_is_forgotten_and_its_place_is_used_again() {
        let keys = Keys::random();
        let series = |id| Arc::new(Series { id, metric: "M".into(), dims: Dims::default(), overflow: false });
        let mut table = Table::<Scalars>::default();
        table.get_or_insert(keys.metric("a"), &series(0)).record(Number::Int(1));
        for minute in 0..=IDLE_MINUTES_MAX {
            let mut rows = 0;
            assert_eq!(table.drain(0, 100, true, |_, _| rows += 1), None);
            assert_eq!(rows, usize::from(minute == 0));
        }
        assert!(table.get(keys.metric("a")).is_none());
        table.get_or_insert(keys.metric("b"), &series(1)).record(Number::Int(2));
        assert_eq!((table.cells.len(), table.index.len()), (1, 1));
    }
}
