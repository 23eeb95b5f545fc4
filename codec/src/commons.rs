//! Numbers that occur far more often than their neighbours, such as the two values of a switch or the
//! step of a counter that jumps. They are worth symbols of their own beside their classes.

use crate::classes::{self, SHARED_MIN};
use crate::fibonacci;

/// Sets of the table; a number belongs to one, so that a look-up is a few comparisons.
const SETS: usize = 256;
/// Numbers of a set. Twenty common numbers are all but never five in one set.
const WAYS: usize = 4;
/// Common numbers of a column: a byte is enough to count them.
pub(crate) const COMMONS_MAX: usize = 255;
/// One more than a number must not need a 65th bit.
const NUMBER_MAX: u64 = u64::MAX - 1;
/// Fewer votes of a sample, beyond what is expected, may be chance.
const SAMPLED_VOTES_MIN: u64 = 8;

/// A set of numbers, each with its place among them.
#[derive(Debug, Default, Clone)]
pub(crate) struct Commons {
    /// Ascending.
    pub(crate) numbers: Vec<u64>,
    /// None at all if there are no numbers.
    sets: Vec<[Slot; WAYS]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    number: u64,
    /// Votes while counting, then the number's place among the common ones.
    votes: u32,
}

/// The upper bits of a product (Fibonacci hashing): eight for [`SETS`].
#[inline]
fn set(number: u64) -> usize {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

/// A vote for `number` (Misra and Gries): one more, or a free place, or one less for all the others.
fn vote(number: u64, set: &mut [Slot; WAYS]) {
    if let Some(slot) = set.iter_mut().find(|slot| slot.number == number) {
        slot.votes += 1;
    } else if let Some(slot) = set.iter_mut().find(|slot| slot.votes == 0) {
        *slot = Slot { number, votes: 1 };
    } else {
        set.iter_mut().for_each(|slot| slot.votes -= 1);
    }
}

/// What listing a number costs, about: its gap to the one before, and its share.
pub(crate) fn listing_bits(number: u64) -> u64 {
    u64::from(fibonacci::length(number)) + 10
}

// === impl Commons ===

impl Commons {
    /// Those of a sample that pay in a column `times` as long; a column may be its own sample. Each set
    /// keeps the numbers that outvote the others, so votes are a lower bound.
    pub(crate) fn of(sample: impl Iterator<Item = u64>, class_counts: &[u32], times: u64) -> Self {
        let mut sets = vec![[Slot::default(); WAYS]; SETS];
        for number in sample.filter(|number| (SHARED_MIN..=NUMBER_MAX).contains(number)) {
            vote(number, &mut sets[set(number)]);
        }
        let pays = |slot: &&Slot| {
            if slot.votes == 0 {
                return false;
            }
            let class = classes::class(slot.number);
            let raw = classes::raw_bits(class);
            // Nearly twice what it had if all of its class were alike (a class of two cannot give more than twice),
            // and more raw bits saved than listing costs.
            let (votes, alike) = (u64::from(slot.votes), u64::from(class_counts[class]) >> raw);
            let votes_min = if times == 1 { 0 } else { SAMPLED_VOTES_MIN };
            4 * votes >= 7 * alike + 4 * votes_min
                && votes * times * u64::from(raw) > listing_bits(slot.number)
        };
        let mut found: Vec<Slot> = sets.as_flattened().iter().filter(pays).copied().collect();
        found.sort_unstable_by_key(|slot| (std::cmp::Reverse(slot.votes), slot.number));
        found.truncate(COMMONS_MAX);
        Self::listed(found.into_iter().map(|slot| slot.number).collect())
    }

    fn listed(mut numbers: Vec<u64>) -> Self {
        if numbers.is_empty() {
            return Self::default();
        }
        numbers.sort_unstable();
        let mut sets = vec![[Slot::default(); WAYS]; SETS];
        for (place, number) in (0..).zip(&numbers) {
            // No common number is 0, so that is a free place; a set had no more numbers than it has places.
            if let Some(slot) = sets[set(*number)].iter_mut().find(|slot| slot.number == 0) {
                *slot = Slot { number: *number, votes: place };
            }
        }
        Self { numbers, sets }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The place of `number` among the common ones.
    #[inline]
    pub(crate) fn place(&self, number: u64) -> Option<usize> {
        if number < SHARED_MIN {
            return None;
        }
        let slot = self.sets.get(set(number))?.iter().find(|slot| slot.number == number)?;
        Some(slot.votes as usize)
    }
}
