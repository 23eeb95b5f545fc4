//! Pages that were read back, the ones used last, by bytes.

use std::collections::{BTreeMap, HashMap};

use super::Reference;

/// See the module.
pub(super) struct Cache {
    bytes_max: usize,
    bytes: usize,
    /// Counts uses.
    now: u64,
    pages: HashMap<Reference, (u64, Vec<u8>)>,
    /// The same by their last use.
    by_use: BTreeMap<u64, Reference>,
}

// === impl Cache ===

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, now: 0, pages: HashMap::new(), by_use: BTreeMap::new() }
    }

    pub(super) fn get(&mut self, reference: &Reference) -> Option<Vec<u8>> {
        let (used, page) = self.pages.get_mut(reference)?;
        self.now += 1;
        self.by_use.remove(used);
        self.by_use.insert(self.now, reference.clone());
        *used = self.now;
        Some(page.clone())
    }

    /// What alone is larger than the cache is not kept.
    pub(super) fn put(&mut self, reference: Reference, page: Vec<u8>) {
        if page.len() > self.bytes_max || self.pages.contains_key(&reference) {
            return;
        }
        self.now += 1;
        self.bytes += page.len();
        self.by_use.insert(self.now, reference.clone());
        self.pages.insert(reference, (self.now, page));
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            self.bytes -= self.pages.remove(&oldest).map_or(0, |(_, page)| page.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays_and_the_bound_holds() {
        let at = |offset| Reference { pack: "p".into(), offset, length: 0, crc: 0 };
        let mut cache = Cache::new(100);
        (0..3).for_each(|offset| cache.put(at(offset), vec![0; 33]));
        assert!(cache.get(&at(0)).is_some());
        cache.put(at(3), vec![0; 33]);
        cache.put(at(4), vec![0; 101]);
        let there: Vec<u64> = (0..5).filter(|offset| cache.get(&at(*offset)).is_some()).collect();
        assert_eq!((there, cache.bytes, cache.by_use.len()), (vec![0, 2, 3], 99, 3));
    }
}
