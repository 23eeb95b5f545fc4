//! Tables in which everything stands once, found by hash: the strings and the series of a batch that is being built.
//!
//! In:    strings, and tuples of their indices.
//! Out:   indices, by order of first appearance.
//! Never: lets the hash show. The order is that of arrival, so the seed of the hash changes no byte.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Strings, one after the other in one blob.
#[derive(Debug)]
pub(crate) struct Strings {
    pub(crate) lengths: Vec<u32>,
    pub(crate) bytes: Vec<u8>,
    starts: Vec<usize>,
    table: HashTable<Slot>,
    seed: u64,
}

/// Lists of indices (a series: its metric, then name and value of each dimension), one after the other.
#[derive(Debug)]
pub(crate) struct Lists {
    items: Vec<u32>,
    starts: Vec<usize>,
    table: HashTable<Slot>,
    seed: u64,
}

/// The hash stands beside the index, so that a growing table hashes nothing again.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    index: u32,
}

// === impl Strings ===

impl Default for Strings {
    fn default() -> Self {
        Self {
            lengths: Vec::new(),
            bytes: Vec::new(),
            starts: Vec::new(),
            table: HashTable::new(),
            seed: random_seed(),
        }
    }
}

impl Strings {
    /// The index of this string, which it gets when it is new.
    pub(crate) fn index_of(&mut self, string: &str) -> u32 {
        let hash = xxh3_64_with_seed(string.as_bytes(), self.seed);
        let is_it = |slot: &Slot| slot.hash == hash && self.get(slot.index) == string.as_bytes();
        if let Some(slot) = self.table.find(hash, is_it) {
            return slot.index;
        }
        let index = index(self.lengths.len());
        self.starts.push(self.bytes.len());
        self.lengths.push(self::index(string.len()));
        self.bytes.extend_from_slice(string.as_bytes());
        self.table.insert_unique(hash, Slot { hash, index }, |slot| slot.hash);
        index
    }

    fn get(&self, index: u32) -> &[u8] {
        let start = self.starts[index as usize];
        &self.bytes[start..start + self.lengths[index as usize] as usize]
    }
}

// === impl Lists ===

impl Default for Lists {
    fn default() -> Self {
        Self { items: Vec::new(), starts: Vec::new(), table: HashTable::new(), seed: random_seed() }
    }
}

impl Lists {
    /// The index of this list, which it gets when it is new.
    pub(crate) fn index_of(&mut self, list: &[u32]) -> u32 {
        let hash = hash_of(list, self.seed);
        let is_it = |slot: &Slot| slot.hash == hash && self.get(slot.index) == list;
        if let Some(slot) = self.table.find(hash, is_it) {
            return slot.index;
        }
        let index = index(self.starts.len());
        self.starts.push(self.items.len());
        self.items.extend_from_slice(list);
        self.table.insert_unique(hash, Slot { hash, index }, |slot| slot.hash);
        index
    }

    /// All lists in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..index(self.starts.len())).map(|index| self.get(index))
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Of all lists together.
    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }

    fn get(&self, index: u32) -> &[u32] {
        let at = index as usize;
        let end = self.starts.get(at + 1).copied().unwrap_or(self.items.len());
        &self.items[self.starts[at]..end]
    }
}

/// Multiply and fold, an index at a time: indices are small and dense, so this scatters them well enough.
#[expect(clippy::cast_possible_truncation, reason = "both halves are folded into one")]
fn hash_of(list: &[u32], seed: u64) -> u64 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15; // 2^64 / golden ratio
    list.iter().fold(seed, |hash, item| {
        let product = u128::from(hash.rotate_left(23) ^ u64::from(*item)) * ODD;
        (product >> 64) as u64 ^ product as u64
    })
}

/// Strings come from strangers: whoever could guess the seed could make them collide.
fn random_seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// A batch of 2^32 strings or bytes of strings would be a thousand times what a message may hold.
fn index(at: usize) -> u32 {
    u32::try_from(at).expect("callers split batches long before 4 Gi strings or bytes")
}
