//! Sorted buckets with their counts, in two columns: indices compare and counts add in whole vectors.

use std::ops::Range;

use crate::SketchError;
use crate::wire::{Reader, put_varint};

/// Indices ascend, each once; no count is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Buckets {
    indices: Vec<i32>,
    counts: Vec<u64>,
}

// === impl Buckets ===

impl Buckets {
    pub(super) fn len(&self) -> usize {
        self.indices.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        self.indices.iter().copied().zip(self.counts.iter().copied())
    }

    /// The outermost two indices.
    pub(super) fn ends(&self) -> Option<(i32, i32)> {
        self.indices.first().copied().zip(self.indices.last().copied())
    }

    pub(super) fn total(&self) -> u128 {
        self.counts.iter().copied().map(u128::from).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.indices.capacity() * size_of::<i32>() + self.counts.capacity() * size_of::<u64>()
    }

    pub(super) fn add(&mut self, index: i32, count: u64) {
        match self.indices.binary_search(&index) {
            Ok(at) => self.counts[at] = self.counts[at].saturating_add(count),
            Err(at) => {
                self.indices.insert(at, index);
                self.counts.insert(at, count);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.indices == other.indices {
            for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
                *ours = ours.saturating_add(*theirs);
            }
            return;
        }
        let missing = self.add_known(other);
        if missing > 0 {
            self.insert_missing(other, missing);
        }
    }

    /// Adds to the buckets that are here already, and says how many are not.
    fn add_known(&mut self, other: &Self) -> usize {
        let (mut at, mut missing) = (0, 0);
        for (index, count) in other.iter() {
            while self.indices.get(at).is_some_and(|have| *have < index) {
                at += 1;
            }
            if self.indices.get(at) == Some(&index) {
                self.counts[at] = self.counts[at].saturating_add(count);
            } else {
                missing += 1;
            }
        }
        missing
    }

    /// From the back, so that every bucket moves once and nothing but the columns is allocated.
    fn insert_missing(&mut self, other: &Self, missing: usize) {
        let mut ours = self.len();
        self.indices.resize(ours + missing, 0);
        self.counts.resize(ours + missing, 0);
        let mut to = self.len();
        for (index, count) in other.indices.iter().copied().zip(other.counts.iter().copied()).rev() {
            while ours > 0 && self.indices[ours - 1] > index {
                (ours, to) = (ours - 1, to - 1);
                (self.indices[to], self.counts[to]) = (self.indices[ours], self.counts[ours]);
            }
            if ours == 0 || self.indices[ours - 1] != index {
                to -= 1;
                (self.indices[to], self.counts[to]) = (index, count);
            }
        }
    }

    pub(super) fn minus(&self, earlier: &Self) -> Option<Self> {
        let mut left = Self::default();
        let mut before = earlier.iter().peekable();
        for (index, count) in self.iter() {
            let taken = before.next_if(|(have, _)| *have <= index);
            let rest = match taken {
                Some((have, _)) if have < index => return None,
                Some((_, taken)) => count.checked_sub(taken)?,
                None => count,
            };
            if rest > 0 {
                left.indices.push(index);
                left.counts.push(rest);
            }
        }
        before.peek().is_none().then_some(left)
    }

    /// Of each bucket its index (the first zigzag, then the gap to the one before) and its count, as varints.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut before = None;
        for (index, count) in self.iter() {
            put_varint(out, u64::from(before.map_or_else(|| zigzag(index), |before| index.abs_diff(before))));
            put_varint(out, count);
            before = Some(index);
        }
    }

    /// Back from [`Buckets::encode`], in a layout that has these indices.
    pub(super) fn decode(reader: &mut Reader<'_>, indices: Range<i32>) -> Result<Self, SketchError> {
        let length = reader.length(indices.end.abs_diff(indices.start) as usize, 2)?;
        let mut read = Self { indices: Vec::with_capacity(length), counts: Vec::with_capacity(length) };
        let mut before = None;
        for at in 0..length {
            let (gap, count) = (reader.varint()?, reader.varint()?);
            if count == 0 || (gap == 0 && at > 0) {
                return Err(SketchError::Entry(at));
            }
            let index = index_after(before, gap, &indices).ok_or(SketchError::Range(at))?;
            read.indices.push(index);
            read.counts.push(count);
            before = Some(index);
        }
        Ok(read)
    }
}

fn index_after(before: Option<i32>, gap: u64, indices: &Range<i32>) -> Option<i32> {
    let gap = u32::try_from(gap).ok()?;
    let index = match before {
        None => unzigzag(gap),
        Some(before) => before.checked_add_unsigned(gap)?,
    };
    indices.contains(&index).then_some(index)
}

fn zigzag(index: i32) -> u32 {
    (index << 1 ^ index >> 31).cast_unsigned()
}

fn unzigzag(bits: u32) -> i32 {
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}
