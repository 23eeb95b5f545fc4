//! The sparse form: the indices that were hit at precision 25, each with its greatest rank.

use crate::SketchError;
use crate::wire::{Reader, put_varint};

/// As many bits of index as leave 6 of 32 for the rank and one over (Heule et al., section 5.3.2).
pub(super) const INDEX_BITS: u32 = 25;
const RANK_BITS: u32 = 6;
const RANK_MASK: u32 = (1 << RANK_BITS) - 1;
/// The 39 bits after the index can all be zero.
const RANK_MAX: u32 = 64 - INDEX_BITS + 1;

const _: () = assert!(INDEX_BITS + RANK_BITS < u32::BITS);
const _: () = assert!(RANK_MAX <= RANK_MASK);

/// `index << 6 | rank`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Code(u32);

/// Sorted, each index once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Codes(Vec<Code>);

// === impl Code ===

impl Code {
    #[inline]
    pub(super) fn of_hash(hash: u64) -> Self {
        let index = (hash >> (64 - INDEX_BITS)) as u32;
        let rank = ((hash << INDEX_BITS).leading_zeros() + 1).min(RANK_MAX);
        Self(index << RANK_BITS | rank)
    }

    pub(super) fn index(self) -> u32 {
        self.0 >> RANK_BITS
    }

    pub(super) fn rank(self) -> u32 {
        self.0 & RANK_MASK
    }
}

// === impl Codes ===

impl Codes {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Code> {
        self.0.iter().copied()
    }

    pub(super) fn observe(&mut self, code: Code) {
        match self.0.binary_search_by_key(&code.index(), |have| have.index()) {
            Ok(at) => self.0[at] = self.0[at].max(code),
            Err(at) => self.0.insert(at, code),
        }
    }

    /// Union; of equal indices the greater rank.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.0.len() <= 4 {
            other.iter().for_each(|code| self.observe(code));
            return;
        }
        let mut union = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut ours, mut theirs) = (self.0.iter().copied().peekable(), other.0.iter().copied().peekable());
        while let (Some(one), Some(two)) = (ours.peek(), theirs.peek()) {
            match one.index().cmp(&two.index()) {
                std::cmp::Ordering::Less => union.extend(ours.next()),
                std::cmp::Ordering::Greater => union.extend(theirs.next()),
                std::cmp::Ordering::Equal => union.extend(ours.next().max(theirs.next())),
            }
        }
        union.extend(ours.chain(theirs));
        self.0 = union;
    }

    /// Linear counting over 2^25 places.
    pub(super) fn estimate(&self) -> f64 {
        let places = f64::from(1_u32 << INDEX_BITS);
        #[expect(clippy::cast_precision_loss, reason = "at most 2^16")]
        let taken = self.0.len() as f64;
        -places * (-taken / places).ln_1p()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Code>()
    }

    /// Of each code a varint of `gap << 6 | rank`; the gap is to the index before.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut before = 0;
        for code in self.iter() {
            put_varint(out, u64::from((code.index() - before) << RANK_BITS | code.rank()));
            before = code.index();
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, max: usize) -> Result<Self, SketchError> {
        let length = reader.length(max, 1)?;
        let mut codes = Vec::with_capacity(length);
        let mut index = 0;
        for at in 0..length {
            let entry = u32::try_from(reader.varint()?).map_err(|_| SketchError::Range(at))?;
            let (gap, rank) = (entry >> RANK_BITS, entry & RANK_MASK);
            if gap == 0 && at > 0 {
                return Err(SketchError::Entry(at));
            }
            index += gap;
            if index >= 1 << INDEX_BITS || rank == 0 || rank > RANK_MAX {
                return Err(SketchError::Range(at));
            }
            codes.push(Code(index << RANK_BITS | rank));
        }
        Ok(Self(codes))
    }
}
