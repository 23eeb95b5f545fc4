//! Where each value of a column stands: of a block of 65,536 positions, the positions sorted by value.
//!
//! In:    the chunks of a column that is full.
//! Out:   the positions of a value within the block, or that it stands at too many to be worth a list.
//! Kept:  2 bytes for each position but those of crowded values, and a value for each 64 of them. Never changes, so that
//!        clones share it.
//! Never: saved: they are a function of the columns, and made again at a load.
//!
//! ```text
//! column   │ 7 │ 9 │ 7 │ 8 │ 9 │ 7 │
//! order    │ 0   2   5 │ 3 │ 1   4 │      the lists of 7, 8 and 9, one after the other
//! fences   │ 7           …              the value of each 64th
//! ```
//!
//! These are a roaring bitmap's array containers, laid out by block instead of by value. A bitmap a value could not be
//! shared with a clone (each new series would copy one bitmap a dimension), and takes a container a position where values
//! are rare: 30 series of one VM among 30 M lie in 30 containers. Here a list has no head: where it begins and ends is
//! searched for, by the column itself.

use std::ops::Range;
use std::sync::Arc;

use crate::packed::Packed;
use crate::{CHUNK, ValueId};

/// Chunks of a block.
pub(crate) const CHUNKS: usize = BLOCK / CHUNK;
/// Positions of a block: as many as 16 bits number.
pub(crate) const BLOCK: usize = 1 << 16;

const _: () = assert!(BLOCK.is_multiple_of(CHUNK));

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Postings {
    /// By value, then by position.
    order: Box<[u16]>,
    /// Values at each [`FENCE`]th of `order`.
    fences: Box<[ValueId]>,
    /// Values that stand at [`CROWD`] positions or more: they have no list. Ascending.
    crowded: Box<[ValueId]>,
}

/// Looking through the packed column takes as long as walking along a list of so many.
const CROWD: usize = BLOCK / 16;
/// Bits of a digit when a block is sorted: their counts fit the first cache.
const DIGIT: usize = 11;
const DIGITS: usize = 1 << DIGIT;
/// Between two fences are six steps of a search.
const FENCE: usize = 64;

// === impl Postings ===

impl Postings {
    /// Of a block's chunks, all full.
    pub(crate) fn of(chunks: &[Arc<Packed>]) -> Self {
        debug_assert_eq!(chunks.len(), CHUNKS, "BUG: not a block");
        if let Some(value) = constant(chunks) {
            return Self::crowded(value);
        }
        let (mut order, mut fences, mut crowded) = (Vec::with_capacity(BLOCK), Vec::new(), Vec::new());
        for list in sorted(chunks).chunk_by(|one, next| value_of(*one) == value_of(*next)) {
            let value = value_of(list[0]);
            if list.len() >= CROWD {
                crowded.push(value);
                continue;
            }
            let due = order.len().next_multiple_of(FENCE);
            fences.extend((due..order.len() + list.len()).step_by(FENCE).map(|_| value));
            order.extend(list.iter().map(|key| *key as u16)); // the position is the lower 16 bits
        }
        Self { order: order.into(), fences: fences.into(), crowded: crowded.into() }
    }

    /// Of a block that holds one value.
    pub(crate) fn crowded(value: ValueId) -> Self {
        Self { order: Box::default(), fences: Box::default(), crowded: [value].into() }
    }

    /// The positions of a value, ascending; `None` when they are too many. `value_at` reads the column.
    pub(crate) fn list(&self, value: ValueId, value_at: impl Fn(u16) -> ValueId) -> Option<&[u16]> {
        if self.crowded.binary_search(&value).is_ok() {
            return None;
        }
        let from = self.first(0..self.order.len(), value, &value_at);
        let Some(next) = value.checked_add(1) else { return Some(&self.order[from..]) };
        Some(&self.order[from..self.first(from..self.order.len(), next, &value_at)])
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.order) + size_of_val(&*self.fences) + size_of_val(&*self.crowded)
    }

    /// Where in `order`, within a range of it, the values from this one on begin.
    fn first(&self, within: Range<usize>, value: ValueId, value_at: &impl Fn(u16) -> ValueId) -> usize {
        let fences = within.start.div_ceil(FENCE)..within.end.div_ceil(FENCE);
        let beyond = fences.start + self.fences[fences].partition_point(|have| *have < value);
        let from = within.start.max(beyond.saturating_sub(1) * FENCE);
        let to = within.end.min(beyond * FENCE).max(from);
        from + self.order[from..to].partition_point(|at| value_at(*at) < value)
    }
}

/// The one value of a block that has no other.
fn constant(chunks: &[Arc<Packed>]) -> Option<ValueId> {
    let mut values = chunks.iter().map(|chunk| chunk.as_constant());
    let first = values.next()??;
    values.all(|value| value == Some(first)).then_some(first)
}

/// Value and position of each, as one number.
fn sorted(chunks: &[Arc<Packed>]) -> Vec<u64> {
    let (mut keys, mut values) = (Vec::with_capacity(BLOCK), Vec::new());
    for chunk in chunks {
        chunk.unpack(&mut values);
        let positions = keys.len() as u64..;
        keys.extend(positions.zip(&values).map(|(at, value)| u64::from(*value) << 16 | at));
    }
    let values = keys.iter().map(|key| value_of(*key));
    let (least, most) = (values.clone().min().unwrap_or(0), values.max().unwrap_or(0));
    for shift in (0..ValueId::BITS - (most - least).leading_zeros()).step_by(DIGIT) {
        keys = by_digit(&keys, |key| (value_of(key) - least) as usize >> shift & (DIGITS - 1));
    }
    keys
}

/// Sorted by a digit; what has the same stays in order. Least digits first, so all of it is sorted in the end.
fn by_digit(keys: &[u64], digit: impl Fn(u64) -> usize) -> Vec<u64> {
    let mut ends = [0_usize; DIGITS + 1];
    keys.iter().for_each(|key| ends[digit(*key) + 1] += 1);
    (0..DIGITS).for_each(|at| ends[at + 1] += ends[at]);
    let mut sorted = vec![0; keys.len()];
    for key in keys {
        let place = &mut ends[digit(*key)];
        sorted[*place] = *key;
        *place += 1;
    }
    sorted
}

fn value_of(key: u64) -> ValueId {
    (key >> 16) as ValueId // 32 bits above the 16 of the position
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A value of so many, in runs or scattered, with one that is common.
    fn column() -> impl Strategy<Value = Vec<ValueId>> {
        let values = prop_oneof![1_u64..4, 1_u64..60, 1_u64..3_000, 1_u64..200_000];
        (any::<u64>(), values, 0_u64..=100, 1_u64..5_000).prop_map(|(seed, values, common, run)| {
            let mix = |at: u64| (at ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let one = |at: u64| if mix(at) % 100 < common { 0 } else { mix(mix(at / run)) % values };
            (0..BLOCK as u64).map(|at| one(at) as ValueId).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_list_is_where_the_value_stands(column in column(), others in prop::collection::vec(any::<u16>(), 20)) {
            let chunks: Vec<_> = column.chunks(CHUNK).map(|chunk| Arc::new(Packed::of(chunk))).collect();
            let postings = Postings::of(&chunks);
            let some = others.iter().map(|at| column[usize::from(*at)]).chain([0, 1, 77, ValueId::MAX]);
            for value in some {
                let expected: Vec<u16> =
                    (0..=u16::MAX).filter(|at| column[usize::from(*at)] == value).collect();
                let list = postings.list(value, |at| column[usize::from(at)]);
                let expected = (expected.len() < CROWD).then_some(&expected[..]);
                prop_assert_eq!(list, expected, "{}", value);
            }
        }
    }

    #[test]
    fn what_is_crowded_costs_nothing() {
        let one = Arc::new(Packed::constant(3, CHUNK));
        let chunks: Vec<_> = (0..CHUNKS).map(|_| Arc::clone(&one)).collect();
        let postings = Postings::of(&chunks);
        assert_eq!((postings.list(3, |_| 3), postings.list(4, |_| 3)), (None, Some(&[][..])));
        assert_eq!(postings.heap_bytes(), size_of::<ValueId>());
    }
}
