//! What a process knows of one partition of the topic; sender, reader and watch share it.
//!
//! In:    what each of them has seen.
//! Out:   where the partition starts and ends; whether it can be reached.
//! Never: a lock that is held over a call to Kafka.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::gate::Gate;
use crate::log::{AppendError, Offset, ReadError};

/// See the module.
pub(super) struct PartitionState {
    pub(super) number: u32,
    pub(super) gate: Mutex<Gate>,
    seen: Mutex<Seen>,
    changed: Condvar,
    /// Somebody reads it: its ends are asked for.
    pub(super) is_read: AtomicBool,
}

#[derive(Debug)]
struct Seen {
    /// Why it cannot be used; `None` while it can.
    away: Option<String>,
    marks: Option<Marks>,
    /// How often it ended before where it had ended already.
    shrunk: u64,
}

/// Where it starts and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) start: Offset,
    pub(super) end: Offset,
}

// === impl PartitionState ===

impl PartitionState {
    pub(super) fn new(number: u32, now: Instant) -> Self {
        let seen = Seen { away: Some("it has not answered yet".to_owned()), marks: None, shrunk: 0 };
        Self {
            number,
            gate: Mutex::new(Gate::new(now)),
            seen: Mutex::new(seen),
            changed: Condvar::new(),
            is_read: AtomicBool::new(false),
        }
    }

    /// A place for a record.
    pub(super) fn admit(&self, bytes: usize, now: Instant) -> Result<(), AppendError> {
        // A record that is too large is so whatever the weather.
        match self.away() {
            Some(why) if bytes <= crate::limits::RECORD_BYTES_MAX => Err(AppendError::Away(why)),
            _ => self.gate.lock().admit(bytes, now),
        }
    }

    /// Why it cannot be used now.
    pub(super) fn away(&self) -> Option<String> {
        self.seen.lock().away.clone()
    }

    pub(super) fn is_away(&self) -> bool {
        self.seen.lock().away.is_some()
    }

    /// True when that is news.
    pub(super) fn set_away(&self, away: Option<String>) -> bool {
        let mut seen = self.seen.lock();
        let changed = seen.away.is_some() != away.is_some();
        seen.away = away;
        self.changed.notify_all();
        changed
    }

    pub(super) fn marks(&self) -> Option<Marks> {
        self.seen.lock().marks
    }

    pub(super) fn shrunk(&self) -> u64 {
        self.seen.lock().shrunk
    }

    /// A record is there, so the partition ends behind it.
    pub(super) fn saw(&self, offset: Offset) {
        if let Some(marks) = &mut self.seen.lock().marks {
            marks.end = marks.end.max(offset + 1);
        }
    }

    /// Kafka was asked, when the end was `before`. An end below that is another log's.
    pub(super) fn answered(&self, before: Option<Marks>, answer: Marks) {
        let mut seen = self.seen.lock();
        let shrunk = before.is_some_and(|before| answer.end < before.end);
        let end = seen
            .marks
            .map_or(answer.end, |marks| if shrunk { answer.end } else { marks.end.max(answer.end) });
        seen.shrunk += u64::from(shrunk);
        seen.marks = Some(Marks { end, ..answer });
        self.changed.notify_all();
    }

    /// Waits until it can be used again, or until then.
    pub(super) fn wait_back(&self, until: Instant) {
        let mut seen = self.seen.lock();
        self.changed.wait_while_until(&mut seen, |seen| seen.away.is_some(), until);
    }

    /// Somebody reads it from now on; true when that is news.
    pub(super) fn ask_for_ends(&self) -> bool {
        !self.is_read.swap(true, Ordering::AcqRel)
    }

    /// Waits until start and end are known, or for so long.
    pub(super) fn wait_known(&self, wait: Duration) -> Option<Marks> {
        let mut seen = self.seen.lock();
        self.changed.wait_while_for(&mut seen, |seen| seen.marks.is_none(), wait);
        seen.marks
    }
}

// === impl Marks ===

impl Marks {
    pub(super) fn check(self, from: Offset) -> Result<(), ReadError> {
        ReadError::check(from, self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_moves_on_with_what_is_seen_and_back_only_when_the_log_is_another() {
        let state = PartitionState::new(0, Instant::now());
        state.saw(5);
        assert_eq!(state.marks(), None, "where it starts is not known yet");
        state.answered(None, Marks { start: 2, end: 6 });
        let before = state.marks();
        state.saw(9);
        state.answered(before, Marks { start: 3, end: 8 }); // was asked before record 9 came
        assert_eq!((state.marks(), state.shrunk()), (Some(Marks { start: 3, end: 10 }), 0));
        state.answered(state.marks(), Marks { start: 0, end: 4 });
        assert_eq!((state.marks(), state.shrunk()), (Some(Marks { start: 0, end: 4 }), 1));
    }
}
