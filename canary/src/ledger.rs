//! What was published and what became of it, by minute and partition.
//!
//! In:    probes sent, their answers.
//! Out:   what an answer must hold.
//! Kept:  minutes that are not judged yet.
//! Never: a guess. While a probe is in flight, or after one whose fate nobody knows, there is no verdict.

use std::collections::BTreeMap;

use model::{Aggregate, Minute};

use crate::probe::probe;
use crate::seen::Seen;
use crate::verdict::Verdict;

#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<(Minute, u32), Entry>);

/// One partition in one minute.
#[derive(Debug, Default)]
struct Entry {
    acknowledged: Aggregate,
    in_flight: u32,
    /// Why it is not known whether a probe was taken.
    unsure: Option<String>,
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn sent(&mut self, minute: Minute, partition: u32) {
        self.0.entry((minute, partition)).or_default().in_flight += 1;
    }

    /// `Err` says why it is not known whether the rows were taken.
    pub(crate) fn answered(
        &mut self,
        minute: Minute,
        partition: u32,
        tick: u64,
        acknowledged: Result<(), &String>,
    ) {
        let Some(entry) = self.0.get_mut(&(minute, partition)) else { return }; // judged without it
        entry.in_flight -= 1;
        match acknowledged {
            Ok(()) => entry.acknowledged.merge(&probe(partition, minute, tick)),
            Err(why) => entry.unsure = Some(why.clone()),
        }
    }

    /// A probe of this partition has no answer yet.
    pub(crate) fn is_in_flight(&self, partition: u32) -> bool {
        self.0.iter().any(|((_, of), entry)| *of == partition && entry.in_flight > 0)
    }

    /// What an answer about this minute must hold, as far as it was acknowledged.
    pub(crate) fn expected(&self, minute: Minute, partition: u32) -> Seen {
        self.0
            .get(&(minute, partition))
            .map_or_else(Seen::default, |entry| Seen::expected(&entry.acknowledged))
    }

    pub(crate) fn judge(&self, minute: Minute, partition: u32, seen: Option<&Seen>) -> Verdict {
        let Some(entry) = self.0.get(&(minute, partition)) else {
            return Verdict::Unknown("no probe was sent".to_owned());
        };
        if entry.in_flight > 0 {
            return Verdict::Unknown(format!("{} probes have no answer yet", entry.in_flight));
        }
        if let Some(why) = &entry.unsure {
            return Verdict::Unknown(format!("a probe may have been taken or not: {why}"));
        }
        match seen {
            _ if entry.acknowledged.scalars.is_empty() => {
                Verdict::Unknown("no probe was acknowledged".to_owned())
            }
            None => Verdict::Missing,
            Some(seen) => match seen.difference(&Seen::expected(&entry.acknowledged)) {
                None => Verdict::Right,
                Some(difference) => Verdict::Wrong(difference),
            },
        }
    }

    pub(crate) fn forget_before(&mut self, minute: Minute) {
        self.0 = self.0.split_off(&(minute, 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Minute = Minute(100);

    /// Sends these ticks; answers those that are given.
    fn ledger(sent: u32, answered: &[(u64, Result<(), String>)]) -> Ledger {
        let mut ledger = Ledger::default();
        (0..sent).for_each(|_| ledger.sent(MINUTE, 3));
        for (tick, answer) in answered {
            ledger.answered(MINUTE, 3, *tick, answer.as_ref().copied());
        }
        ledger
    }

    fn seen(ticks: &[u64]) -> Seen {
        let mut all = Aggregate::default();
        ticks.iter().for_each(|tick| all.merge(&probe(3, MINUTE, *tick)));
        Seen::expected(&all)
    }

    #[track_caller]
    fn check(ledger: &Ledger, seen: Option<&Seen>, expected: &str) {
        assert_eq!(ledger.judge(MINUTE, 3, seen).name(), expected);
    }

    #[test]
    fn all_that_was_acknowledged_and_nothing_else_is_right() {
        let both = ledger(2, &[(0, Ok(())), (1, Ok(()))]);
        check(&both, Some(&seen(&[0, 1])), "right");
        check(&both, Some(&seen(&[0])), "wrong");
        check(&both, Some(&seen(&[0, 1, 1])), "wrong");
        check(&both, None, "missing");
        assert_eq!(both.expected(MINUTE, 3), seen(&[0, 1]));
    }

    #[test]
    fn each_sampling_counts() {
        let one = ledger(1, &[(0, Ok(()))]);
        for at in 0..crate::seen::SAMPLINGS.len() {
            let mut off = seen(&[0]);
            off.0[at] = off.0[at].map(|value| value + 1.0);
            check(&one, Some(&off), "wrong");
            off.0[at] = None;
            check(&one, Some(&off), "wrong");
        }
    }

    #[test]
    fn what_nobody_knows_is_never_wrong() {
        let flying = ledger(2, &[(0, Ok(()))]);
        assert!(flying.is_in_flight(3) && !flying.is_in_flight(2));
        check(&flying, Some(&seen(&[])), "unknown");
        check(&ledger(1, &[(0, Err("refused for its age".to_owned()))]), None, "unknown");
        check(&ledger(0, &[]), None, "unknown");
    }

    #[test]
    fn an_answer_after_the_verdict_changes_nothing() {
        let mut late = ledger(1, &[]);
        late.forget_before(MINUTE.next());
        late.answered(MINUTE, 3, 0, Ok(()));
        check(&late, None, "unknown");
    }
}
