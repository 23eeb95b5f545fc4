//! What upkeep could not compact, so that it is not read again every few seconds, nor told of.
//!
//! In:    chores that failed, with why; chores that were done.
//! Out:   whether one waits; whether its failure is news.
//! Kept:  a line for each that fails. Forgotten at a restart, all are tried, and told of, once more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use store::Chore;

/// All blocks of an hour are read at each try.
const WAIT: Duration = Duration::from_secs(600);
/// More than this, and the disk as a whole wants looking after: they are tried, and told of, anew.
const CHORES_MAX: usize = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct PutOff(BTreeMap<Chore, Failed>);

#[derive(Debug)]
struct Failed {
    until: Instant,
    why: String,
}

// === impl PutOff ===

impl PutOff {
    /// Has it failed, not long ago?
    pub(crate) fn waits(&self, chore: Chore, now: Instant) -> bool {
        self.0.get(&chore).is_some_and(|failed| now < failed.until)
    }

    /// It failed. True when it did not fail for the same reason before: the reason names the block.
    pub(crate) fn failed(&mut self, chore: Chore, why: &str, now: Instant) -> bool {
        if self.0.len() >= CHORES_MAX && !self.0.contains_key(&chore) {
            self.0.clear();
        }
        let before = self.0.insert(chore, Failed { until: now + WAIT, why: why.to_owned() });
        before.is_none_or(|before| before.why != why)
    }

    /// It did not.
    pub(crate) fn done(&mut self, chore: Chore) {
        self.0.remove(&chore);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_once_and_tried_again_after_a_while() {
        let (mut put_off, now) = (PutOff::default(), Instant::now());
        let [one, other] = [1, 2].map(|hour| Chore::Hour { metric: 0, hour });
        assert!(!put_off.waits(one, now));
        assert!(put_off.failed(one, "block 7", now));
        assert_eq!([one, other].map(|chore| put_off.waits(chore, now)), [true, false]);
        assert!(!put_off.waits(one, now + WAIT));
        assert!(!put_off.failed(one, "block 7", now + WAIT));
        assert!(put_off.waits(one, now + WAIT));
        assert!(put_off.failed(one, "block 8", now), "another block");
        put_off.done(one);
        assert!(!put_off.waits(one, now) && put_off.failed(one, "block 8", now));
    }

    #[test]
    fn they_are_no_more_than_the_bound() {
        let (mut put_off, now) = (PutOff::default(), Instant::now());
        for hour in 0..=CHORES_MAX as u32 {
            assert!(put_off.failed(Chore::Hour { metric: 0, hour }, "it", now));
            assert!(put_off.0.len() <= CHORES_MAX);
        }
        assert_eq!(put_off.0.len(), 1);
    }
}
