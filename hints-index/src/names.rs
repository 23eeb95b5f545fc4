//! From the hash of a value to its id: extendible hashing (Fagin et al., 1979) over small shared tables.
//!
//! A bucket that is full is split in two by one more bit of the hash; the directory doubles when it must. So what is
//! copied while a reader holds the whole is the directory once, and of the buckets only those that change.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::ValueId;
use crate::set::ARC_BYTES;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The bucket of each value of `depth` bits of the hash; several may be the same.
    directory: Vec<u32>,
    depth: u32,
    buckets: Vec<Arc<Bucket>>,
    len: usize,
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    /// Bits of the hash that all its entries share.
    depth: u32,
    table: HashTable<ValueId>,
}

/// Entries before a bucket is split: 5 KB, copied in a microsecond.
const BUCKET_MAX: usize = 1024;
/// The directory's bits of the hash begin here: `HashTable` looks at the lowest and at the topmost itself.
const SHIFT: u32 = 24;
const DEPTH_MAX: u32 = 24;
/// The directory has no more slots than a 64th of the values: values that were made to have like hashes fill one
/// bucket instead of the memory.
const VALUES_PER_SLOT: usize = 64;

// === impl Names ===

impl Default for Names {
    fn default() -> Self {
        Self { directory: vec![0], depth: 0, buckets: vec![Arc::default()], len: 0 }
    }
}

impl Names {
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&ValueId) -> bool) -> Option<ValueId> {
        self.buckets[self.bucket(hash)].table.find(hash, is_it).copied()
    }

    /// One that [`Names::find`] does not find.
    pub(crate) fn insert(&mut self, hash: u64, id: ValueId, hash_of: impl Fn(&ValueId) -> u64) {
        while self.buckets[self.bucket(hash)].table.len() >= BUCKET_MAX && self.has_room_for_a_bucket(hash) {
            self.split(hash, &hash_of);
        }
        let bucket = self.bucket(hash);
        Arc::make_mut(&mut self.buckets[bucket]).table.insert_unique(hash, id, hash_of);
        self.len += 1;
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let bucket = |bucket: &Arc<Bucket>| ARC_BYTES + size_of::<Bucket>() + bucket.table.allocation_size();
        self.directory.capacity() * size_of::<u32>()
            + self.buckets.capacity() * size_of::<Arc<Bucket>>()
            + self.buckets.iter().map(bucket).sum::<usize>()
    }

    fn bucket(&self, hash: u64) -> usize {
        self.directory[(hash >> SHIFT) as usize & ((1 << self.depth) - 1)] as usize
    }

    fn has_room_for_a_bucket(&self, hash: u64) -> bool {
        let doubles = self.buckets[self.bucket(hash)].depth == self.depth;
        !doubles || self.depth < DEPTH_MAX && self.directory.len() * 2 * VALUES_PER_SLOT <= self.len
    }

    /// The bucket of this hash becomes two.
    fn split(&mut self, hash: u64, hash_of: &impl Fn(&ValueId) -> u64) {
        let at = self.bucket(hash);
        let old = std::mem::take(&mut self.buckets[at]);
        if old.depth == self.depth {
            self.directory.extend_from_within(..);
            self.depth += 1;
        }
        let goes_over = |hash: u64| hash >> SHIFT >> old.depth & 1 == 1;
        let mut halves = [(); 2].map(|()| Bucket { depth: old.depth + 1, table: HashTable::new() });
        for &id in &old.table {
            let hash = hash_of(&id);
            halves[usize::from(goes_over(hash))].table.insert_unique(hash, id, hash_of);
        }
        let [stays, goes] = halves.map(Arc::new);
        let new = u32::try_from(self.buckets.len()).expect("fewer buckets than values");
        self.buckets[at] = stays;
        self.buckets.push(goes);
        let slots = self.directory.iter_mut().enumerate();
        slots
            .filter(|(slot, bucket)| **bucket as usize == at && slot >> old.depth & 1 == 1)
            .for_each(|(_, bucket)| *bucket = new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hashes: &[u64]) -> Names {
        let mut names = Names::default();
        for (id, hash) in (0..).zip(hashes) {
            assert_eq!(names.find(*hash, |have| hashes[*have as usize] == *hash), None);
            let before = names.clone();
            names.insert(*hash, id, |have| hashes[*have as usize]);
            assert_eq!(before.find(*hash, |have| *have == id), None, "a clone does not change");
        }
        for (id, hash) in (0..).zip(hashes) {
            assert_eq!(names.find(*hash, |have| *have == id), Some(id));
        }
        names
    }

    #[test]
    fn it_grows_bucket_by_bucket() {
        let hashes: Vec<u64> = (0..6_000_u64).map(|n| xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes())).collect();
        let names = check(&hashes);
        assert!((6..=16).contains(&names.buckets.len()), "{}", names.buckets.len());
        assert!(names.buckets.iter().all(|bucket| bucket.table.len() <= BUCKET_MAX));
    }

    #[test]
    fn like_hashes_fill_a_bucket_and_not_the_memory() {
        let hashes: Vec<u64> = (0..3_000_u64).map(|n| n.rotate_right(6) | (0xABC << SHIFT)).collect();
        let names = check(&hashes);
        assert!(names.directory.len() <= 3_000 / VALUES_PER_SLOT, "{}", names.directory.len());
    }
}
