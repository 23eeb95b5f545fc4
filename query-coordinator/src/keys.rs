//! Names of groups from several partitions, side by side: the values of fixed dimensions in one byte string.
//!
//! A value ends with 0xFF, which no UTF-8 holds; an absent one is empty. So equal keys are equal groups.

use std::cmp::Ordering;

use hashbrown::HashTable;
use hints_index::MetricIndex;
use xxhash_rust::xxh3::xxh3_64;

use crate::tuple::Tuple;

const END: u8 = 0xFF;

/// Keys one after the other.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Numbers keys by first appearance.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    keys: Keys,
    table: HashTable<u32>,
}

// === impl Keys ===

impl Keys {
    /// The key of the group that the series at this position belongs to.
    pub(crate) fn push(&mut self, index: &MetricIndex, names: &[String], position: u32) {
        for name in names {
            let value = index.dim(name).map_or("", |dim| dim.value_at(position));
            self.bytes.extend_from_slice(value.as_bytes());
            self.bytes.push(END);
        }
        self.ends.push(self.bytes.len());
    }

    /// Their bytes, and the length of each.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Vec<u32>) {
        let lengths =
            (0..self.len()).map(|at| u32::try_from(self.get(at).len()).unwrap_or(u32::MAX)).collect();
        (self.bytes, lengths)
    }

    /// Back from [`Keys::into_parts`]; `None` when these are no keys of so many values.
    pub(crate) fn from_parts(bytes: Vec<u8>, lengths: &[u32], values: usize) -> Option<Self> {
        let (mut ends, mut end) = (Vec::with_capacity(lengths.len()), 0_usize);
        for length in lengths {
            let from = end;
            end = end.checked_add(*length as usize)?;
            let key = bytes.get(from..end)?;
            if key.last().is_some_and(|last| *last != END)
                || key.iter().filter(|byte| **byte == END).count() != values
            {
                return None;
            }
            ends.push(end);
        }
        (end == bytes.len()).then_some(Self { bytes, ends })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[from..self.ends[at]]
    }

    /// The order of tuples.
    pub(crate) fn compare(&self, left: usize, right: usize) -> Ordering {
        values(self.get(left)).cmp(values(self.get(right)))
    }

    /// The pairs of a key whose dimensions are these.
    pub(crate) fn tuple(&self, at: usize, names: &[String]) -> Tuple {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let pairs = names.iter().zip(values(self.get(at)));
        pairs
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    }
}

fn values(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|byte| *byte == END)
}

// === impl KeyTable ===

impl KeyTable {
    /// The number of a key; the next one when it is new.
    pub(crate) fn number(&mut self, key: &[u8]) -> usize {
        let Self { keys, table } = self;
        if let Some(&at) = table.find(xxh3_64(key), |at| keys.get(*at as usize) == key) {
            return at as usize;
        }
        let at = keys.len();
        keys.bytes.extend_from_slice(key);
        keys.ends.push(keys.bytes.len());
        // Groups are bounded far below 2^32.
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        table.insert_unique(xxh3_64(key), number, |have| xxh3_64(keys.get(*have as usize)));
        at
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_once_and_sort_as_tuples() {
        let mut table = KeyTable::default();
        let numbers = ["ab\u{0}", "a", "ab\u{0}", "", "ä"].map(|value| {
            let mut key = value.as_bytes().to_vec();
            key.push(END);
            table.number(&key)
        });
        assert_eq!(numbers, [0, 1, 0, 2, 3]);
        let keys = table.keys();
        assert_eq!(
            (keys.compare(1, 0), keys.compare(2, 1), keys.compare(3, 0)),
            (Ordering::Less, Ordering::Less, Ordering::Greater)
        );
        assert_eq!(keys.tuple(3, &["Api".to_owned()]), [("Api".to_owned(), "ä".to_owned())]);
        assert_eq!(keys.tuple(2, &["Api".to_owned()]), []);
    }

    #[test]
    fn keys_come_back_from_their_parts_and_nothing_else_does() {
        let check = |bytes: &[u8], lengths: &[u32], values, expected: bool| {
            let keys = Keys::from_parts(bytes.to_vec(), lengths, values);
            assert_eq!(keys.is_some(), expected);
            keys.into_iter()
                .for_each(|keys| assert_eq!(keys.into_parts(), (bytes.to_vec(), lengths.to_vec())));
        };
        check(b"", &[], 3, true);
        check(b"", &[0, 0], 0, true);
        check(b"a\xff\xffb\xffc\xff", &[3, 4], 2, true);
        check(b"a\xff\xffb\xffc\xff", &[3, 4], 1, false);
        check(b"a\xff\xffb\xffc\xff", &[3, 3], 2, false);
        check(b"a\xff\xffb", &[4], 2, false);
        check(b"a\xff", &[u32::MAX, 3], 1, false);
    }
}
