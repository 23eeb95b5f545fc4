//! Which appends to a partition are taken: as many as may wait, and none while it stands still.
//!
//! In:    appends and what became of them, with the time.
//! Out:   a place, or the refusal.
//! Kept:  how much waits, since when nothing has moved, and how the last record failed.
//! Never: lets a sender wait behind a record that does not get on. It hears that the log is away, and comes back.

use std::time::{Duration, Instant};

use crate::limits::{QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX, RECORD_BYTES_MAX};
use crate::log::AppendError;

/// A partition has not acknowledged anything for as long although records wait: it stands still. A healthy one takes
/// milliseconds, one whose leader has just changed a second.
pub(super) const STILL_AFTER: Duration = Duration::from_secs(2);

/// After a record has failed, the next is tried no sooner; then one at a time, until one is acknowledged.
pub(super) const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Gate {
    records: usize,
    bytes: usize,
    /// When a record was acknowledged last, or began to wait for nothing else.
    moved: Instant,
    failed: Option<Failed>,
    closed: Option<String>,
}

/// How the last record failed; until one is acknowledged.
#[derive(Debug)]
struct Failed {
    at: Instant,
    why: String,
}

// === impl Gate ===

impl Gate {
    pub(super) fn new(now: Instant) -> Self {
        Self { records: 0, bytes: 0, moved: now, failed: None, closed: None }
    }

    /// A place for a record of as many bytes, which is taken until [`Gate::settled`].
    pub(super) fn admit(&mut self, bytes: usize, now: Instant) -> Result<(), AppendError> {
        if bytes > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, max: RECORD_BYTES_MAX });
        }
        if let Some(why) = &self.closed {
            return Err(AppendError::Stopped(why.clone()));
        }
        if let Some(why) = self.refuses(now) {
            return Err(AppendError::Away(why));
        }
        if self.records >= QUEUE_RECORDS_MAX || self.bytes + bytes > QUEUE_BYTES_MAX {
            return Err(self.full());
        }
        if self.records == 0 {
            self.moved = now;
        }
        self.records += 1;
        self.bytes += bytes;
        Ok(())
    }

    /// A record that had a place is durable, or is not, and why.
    pub(super) fn settled(&mut self, bytes: usize, outcome: Result<(), String>, now: Instant) {
        debug_assert!(self.records > 0 && self.bytes >= bytes, "BUG: a record gave its place back twice");
        self.records -= 1;
        self.bytes -= bytes;
        match outcome {
            Ok(()) => (self.moved, self.failed) = (now, None),
            Err(why) => self.failed = Some(Failed { at: now, why }),
        }
    }

    /// Takes nothing more.
    pub(super) fn close(&mut self, why: &str) {
        self.closed.get_or_insert_with(|| why.to_owned());
    }

    /// Why appends are refused now, but for a full queue.
    pub(super) fn stopped(&self, now: Instant) -> Option<String> {
        let failed = self.failed.as_ref().map(|failed| failed.why.clone());
        self.closed.clone().or(failed).or_else(|| self.stands_still(now))
    }

    fn refuses(&self, now: Instant) -> Option<String> {
        match &self.failed {
            // The record at work is the one that tries whether it goes again.
            Some(failed) if self.records > 0 || now < failed.at + REST_AFTER_FAILURE => {
                Some(failed.why.clone())
            }
            _ => self.stands_still(now),
        }
    }

    fn stands_still(&self, now: Instant) -> Option<String> {
        let (waits, still) = (self.records > 0, now.saturating_duration_since(self.moved));
        (waits && still >= STILL_AFTER).then(|| {
            format!("nothing was acknowledged for {} s, and {} records wait", still.as_secs(), self.records)
        })
    }

    fn full(&self) -> AppendError {
        AppendError::Full {
            records: self.records,
            bytes: self.bytes,
            records_max: QUEUE_RECORDS_MAX,
            bytes_max: QUEUE_BYTES_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn as_many_are_taken_as_may_wait() {
        check("0 a1 a16 a15 a1", "ok ok ok full");
        check("0 a17", "too-large");
        let many = "a0 ".repeat(QUEUE_RECORDS_MAX);
        check(&format!("0 {many}a0"), &format!("{}full", "ok ".repeat(QUEUE_RECORDS_MAX)));
    }

    #[test]
    fn behind_a_record_that_stands_still_nobody_waits() {
        check("0 a1 1999 a1 2000 a1", "ok ok away");
        check("0 a1 1500 a1 1900 +1 3000 a1 3900 a1 +1 a1", "ok ok ok away ok");
        check("0 a1 +1 9000 a1", "ok ok");
    }

    #[test]
    fn after_a_failure_one_tries_and_the_others_hear_of_it() {
        check(
            "0 a1 a1 15000 -1 -1 15001 a1 15999 a1 16000 a1 a1 17000 -1 17500 a1 18000 a1 +1 a1 a1",
            "ok ok away away ok away away ok ok ok",
        );
    }

    #[test]
    fn a_closed_one_is_closed_for_good() {
        check("0 a1 x a1 +1 a1", "ok closed closed");
    }

    #[test]
    fn health_says_what_an_append_would_be_told() {
        let mut gate = Gate::new(Instant::now());
        let at = gate.moved;
        assert_eq!(gate.stopped(at), None);
        gate.admit(1, at).unwrap();
        assert!(gate.stopped(at + STILL_AFTER).unwrap().contains("1 records wait"));
        gate.settled(1, Err("it timed out".to_owned()), at + STILL_AFTER);
        assert_eq!(
            gate.stopped(at + 9 * STILL_AFTER).as_deref(),
            Some("it timed out"),
            "until one is through"
        );
        gate.admit(1, at + 9 * STILL_AFTER).unwrap();
        gate.settled(1, Ok(()), at + 9 * STILL_AFTER);
        assert_eq!(gate.stopped(at + 9 * STILL_AFTER), None);
    }

    /// Words: a time in ms; `aN` appends N MiB; `+N` and `-N`: N MiB are durable, or have failed; `x` closes it.
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let began = Instant::now();
        let (mut gate, mut now, mut said) = (Gate::new(began), began, Vec::new());
        for word in script.split_whitespace() {
            match word.split_at(1) {
                ("a", mib) => said.push(name(gate.admit(mib.parse::<usize>().unwrap() * MIB, now))),
                ("+", mib) => gate.settled(mib.parse::<usize>().unwrap() * MIB, Ok(()), now),
                ("-", mib) => gate.settled(mib.parse::<usize>().unwrap() * MIB, Err("why".to_owned()), now),
                ("x", _) => gate.close("it is closed"),
                _ => now = began + Duration::from_millis(word.parse().unwrap()),
            }
        }
        assert_eq!(said.join(" "), expected);
    }

    fn name(admitted: Result<(), AppendError>) -> &'static str {
        match admitted {
            Ok(()) => "ok",
            Err(AppendError::Full { .. }) => "full",
            Err(AppendError::TooLarge { .. }) => "too-large",
            Err(AppendError::Away(_)) => "away",
            Err(AppendError::Stopped(_)) => "closed",
            Err(other) => panic!("{other}"),
        }
    }
}
