//! Numbers that occur far more often than their neighbours, such as the two values of a switch or the
//! step of a counter that jumps. They are worth symbols of their own beside their classes.

use crate::classes::{self, SHARED_MIN};
use crate::fibonacci;

/// Places of the table; a number has one only, so that a look-up is one comparison.
const SLOTS: usize = 1024;
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
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    number: u64,
    /// Votes while counting, then the number's place among the common ones.
    votes: u32,
}

/// The upper bits of a product (Fibonacci hashing): ten for [`SLOTS`].
#[inline]
fn slot(number: u64) -> usize {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}

/// What listing a number costs, about: its gap to the one before, and its share.
pub(crate) fn listing_bits(number: u64) -> u64 {
    u64::from(fibonacci::length(number)) + 10
}

// === impl Commons ===

impl Commons {
    /// Those of a sample that pay in a column `times` as long; a column may be its own sample. Each slot
    /// keeps the number that outvotes the others (Boyer and Moore), so votes are a lower bound.
    pub(crate) fn of(sample: impl Iterator<Item = u64>, class_counts: &[u32], times: u64) -> Self {
        let mut slots = vec![Slot::default(); SLOTS];
        for number in sample.filter(|number| (SHARED_MIN..=NUMBER_MAX).contains(number)) {
            let slot = &mut slots[slot(number)];
            if slot.number == number {
                slot.votes += 1;
            } else if slot.votes == 0 {
                *slot = Slot { number, votes: 1 };
            } else {
                slot.votes -= 1;
            }
        }
        let pays = |slot: &&Slot| {
            let class = classes::class(slot.number);
            let raw = classes::raw_bits(class);
            // Twice what it had if all of its class were alike, and more raw bits saved than listing costs.
            let (votes, alike) = (u64::from(slot.votes), u64::from(class_counts[class]) >> raw);
            let votes_min = if times == 1 { 0 } else { SAMPLED_VOTES_MIN };
            votes >= 2 * alike + votes_min && votes * times * u64::from(raw) > listing_bits(slot.number)
        };
        let mut found: Vec<Slot> = slots.iter().filter(pays).copied().collect();
        found.sort_unstable_by_key(|slot| (std::cmp::Reverse(slot.votes), slot.number));
        found.truncate(COMMONS_MAX);
        Self::listed(found.into_iter().map(|slot| slot.number).collect())
    }

    fn listed(mut numbers: Vec<u64>) -> Self {
        if numbers.is_empty() {
            return Self::default();
        }
        numbers.sort_unstable();
        let mut slots = vec![Slot { number: 0, votes: u32::MAX }; SLOTS];
        for (place, number) in numbers.iter().enumerate() {
            slots[slot(*number)] = Slot { number: *number, votes: place as u32 };
        }
        Self { numbers, slots }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The place of `number` among the common ones; there must be some.
    #[inline]
    pub(crate) fn place(&self, number: u64) -> Option<usize> {
        let slot = self.slots.get(slot(number))?;
        (slot.number == number && number >= SHARED_MIN).then_some(slot.votes as usize)
    }
}
