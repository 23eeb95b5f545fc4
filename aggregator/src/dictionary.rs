//! Numbers the partition's series by first appearance in the log.
//!
//! In:    series hashes.
//! Out:   local ids, the same on every replica.
//! Kept:  hash → local id (24 B an entry), local id → metric id.
//! Never: words (the hints have them); an id twice, deleted or not.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use model::{LocalId, MetricId, SeriesHash};

/// See the module.
#[derive(Default)]
pub(crate) struct Dictionary {
    table: HashTable<Entry>,
    metric_of: Vec<MetricId>,
}

/// The hash in halves: a u128 would be aligned to 16 bytes and the entry grow to 32.
struct Entry {
    high: u64,
    low: u64,
    id: LocalId,
}

// === impl Dictionary ===

impl Dictionary {
    /// The series' number, if it was seen before. The hash is one already, so the table takes it as it is.
    #[inline]
    pub(crate) fn find(&self, hash: SeriesHash) -> Option<LocalId> {
        let (high, low) = (hash.high(), hash.low());
        self.table.find(low, |entry| entry.low == low && entry.high == high).map(|entry| entry.id)
    }

    /// Numbers a series; `None` when it has a number already.
    pub(crate) fn insert(&mut self, hash: SeriesHash, metric: MetricId) -> Option<LocalId> {
        let (id, high, low) = (self.len(), hash.high(), hash.low());
        let is_it = |entry: &Entry| entry.low == low && entry.high == high;
        match self.table.entry(low, is_it, |entry| entry.low) {
            Slot::Occupied(_) => return None,
            Slot::Vacant(slot) => slot.insert(Entry { high, low, id }),
        };
        self.metric_of.push(metric);
        Some(id)
    }

    /// Numbers a series that is deleted already: nobody finds it.
    pub(crate) fn insert_deleted(&mut self, metric: MetricId) {
        self.metric_of.push(metric);
    }

    /// From now on the series is not found any more; its id stays its own.
    pub(crate) fn delete(&mut self, hash: SeriesHash) {
        let (high, low) = (hash.high(), hash.low());
        if let Ok(entry) = self.table.find_entry(low, |entry| entry.low == low && entry.high == high) {
            entry.remove();
        }
    }

    /// How many series there are, the deleted ones included.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.metric_of.len()).expect("series_max is a u32")
    }

    /// Is there such a series of this metric, deleted or not?
    pub(crate) fn has(&self, id: LocalId, metric: MetricId) -> bool {
        self.metric_of.get(id as usize) == Some(&metric)
    }

    /// The metric of a series.
    #[inline]
    pub(crate) fn metric_of(&self, id: LocalId) -> MetricId {
        self.metric_of[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_are_those_of_a_map(hashes in prop::collection::vec((0_u64..4, 0_u64..40), 0..200)) {
            let (mut dictionary, mut oracle) = (Dictionary::default(), HashMap::new());
            for (high, low) in hashes {
                let hash = SeriesHash::from_halves(high, low);
                let next = u32::try_from(oracle.len()).unwrap();
                let expected = *oracle.entry(hash).or_insert(next);
                let got = dictionary.find(hash).unwrap_or_else(|| dictionary.insert(hash, next * 2).unwrap());
                prop_assert_eq!(got, expected);
                prop_assert_eq!(dictionary.metric_of(got), got * 2);
                prop_assert!(dictionary.has(got, got * 2) && !dictionary.has(got, got * 2 + 1));
                prop_assert_eq!(dictionary.insert(hash, 7), None, "numbered twice");
            }
            prop_assert_eq!(dictionary.len() as usize, oracle.len());
        }
    }
}
