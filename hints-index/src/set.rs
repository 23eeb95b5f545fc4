//! A set of positions of one chunk in as few bytes as its shape needs.

use std::sync::Arc;

use crate::bits::{Bits, WORDS};
use crate::bytes::{Reader, put_u8, put_u16, put_u64};
use crate::{CHUNK, LoadError};

/// Equal sets are equal values: a set has one form, the first of these that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// `0..n`: nothing, everything, or every series that there was at the time. No bytes on the heap.
    Below(u16),
    /// Where it changes: position `i` is in the set if an odd number of these are at most `i`. Ascending, of even
    /// length. Series that come and go together are few runs, wherever they stand.
    Runs(Arc<[u16]>),
    /// A bit each.
    Bits(Arc<[u64; WORDS]>),
}

/// Runs pay below the bytes of a bitmap: 2 × 2 bytes each.
const ENDS_MAX: usize = WORDS * 8 / 2 / 2;

// === impl Set ===

impl Set {
    pub(crate) const NONE: Self = Self::Below(0);

    pub(crate) fn of(bits: &Bits) -> Self {
        let mut ends = Vec::new();
        let mut inside = false;
        for (at, &word) in bits.0.iter().enumerate() {
            // A bit is set where the set changes from the position before.
            let mut changes = word ^ (word << 1 | u64::from(inside));
            inside = word >> 63 == 1;
            while changes != 0 {
                ends.push((at * 64) as u16 + changes.trailing_zeros() as u16);
                changes &= changes - 1;
            }
            if ends.len() > ENDS_MAX {
                return Self::Bits(Arc::new(bits.0));
            }
        }
        if inside {
            ends.push(CHUNK as u16);
        }
        match ends[..] {
            [] => Self::NONE,
            [0, end] => Self::Below(end),
            _ => Self::Runs(ends.into()),
        }
    }

    pub(crate) fn bits(&self) -> Bits {
        match self {
            Self::Below(len) => Bits::below(usize::from(*len)),
            Self::Bits(words) => Bits(**words),
            Self::Runs(ends) => ends.iter().fold(Bits::NONE, |mut all, end| {
                let below = Bits::below(usize::from(*end));
                all.0.iter_mut().zip(&below.0).for_each(|(word, below)| *word ^= below);
                all
            }),
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Below(_) => 0,
            Self::Runs(ends) => ARC_BYTES + size_of_val(&**ends),
            Self::Bits(words) => ARC_BYTES + size_of_val(&**words),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Below(len) => {
                put_u8(out, 0);
                put_u16(out, *len);
            }
            Self::Runs(ends) => {
                put_u8(out, 1);
                put_u16(out, ends.len() as u16); // at most ENDS_MAX and one
                ends.iter().for_each(|end| put_u16(out, *end));
            }
            Self::Bits(words) => {
                put_u8(out, 2);
                words.iter().for_each(|word| put_u64(out, *word));
            }
        }
    }

    pub(crate) fn decode(bytes: &mut Reader<'_>) -> Result<Self, LoadError> {
        let end = |bytes: &mut Reader<'_>| match bytes.u16()? {
            end if usize::from(end) <= CHUNK => Ok(end),
            _ => Err(bytes.damaged("a set reaches beyond its chunk")),
        };
        match bytes.u8()? {
            0 => end(bytes).map(Self::Below),
            1 => {
                let len = bytes.u16()?;
                let ends = (0..len).map(|_| end(bytes)).collect::<Result<Vec<_>, _>>()?;
                let is_good = ends.is_sorted_by(|a, b| a < b) && ends.len().is_multiple_of(2);
                is_good.then(|| Self::Runs(ends.into())).ok_or_else(|| bytes.damaged("runs of a set"))
            }
            2 => {
                let mut words = [0; WORDS];
                for word in &mut words {
                    *word = bytes.u64()?;
                }
                Ok(Self::Bits(Arc::new(words)))
            }
            _ => Err(bytes.damaged("a set of an unknown form")),
        }
    }
}

/// Two counters before what is shared.
pub(crate) const ARC_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits() -> impl Strategy<Value = Bits> {
        let sparse = prop::collection::vec(0..CHUNK, 0..20);
        let runs = prop::collection::vec((0..CHUNK, 0_usize..300), 0..20);
        let dense = prop::collection::vec(any::<u64>(), WORDS..=WORDS);
        prop_oneof![
            (0..=CHUNK).prop_map(Bits::below),
            sparse.prop_map(|all| {
                let mut bits = Bits::NONE;
                all.into_iter().for_each(|at| bits.insert(at));
                bits
            }),
            runs.prop_map(|all| {
                let mut bits = Bits::NONE;
                all.into_iter()
                    .for_each(|(at, len)| (at..CHUNK.min(at + len)).for_each(|at| bits.insert(at)));
                bits
            }),
            dense.prop_map(|words| Bits(words.try_into().unwrap())),
        ]
    }

    proptest! {
        #[test]
        fn a_set_is_its_bits(bits in bits()) {
            let set = Set::of(&bits);
            prop_assert_eq!(set.bits(), bits);
            prop_assert_eq!(bits.iter().count(), bits.len());
            prop_assert!((0..CHUNK).all(|at| bits.contains(at) == bits.iter().any(|have| have == at)) || bits.len() > 100);
            let mut bytes = Vec::new();
            set.encode(&mut bytes);
            prop_assert_eq!(Set::decode(&mut Reader::new("test", &bytes)), Ok(set));
        }
    }

    #[test]
    fn what_is_whole_or_a_prefix_costs_nothing() {
        assert_eq!(Set::of(&Bits::below(CHUNK)), Set::Below(CHUNK as u16));
        assert_eq!(Set::of(&Bits::below(70)), Set::Below(70));
        assert_eq!(Set::of(&Bits::below(70)).heap_bytes(), 0);
        let mut hole = Bits::below(CHUNK);
        hole.remove(100);
        assert_eq!(Set::of(&hole), Set::Runs([0, 100, 101, CHUNK as u16].into()));
    }
}
