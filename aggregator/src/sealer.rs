//! When to append a Seal: the only place where an owner's clock enters the log.
//!
//! In:    the time as far as it is believed, what the island has sealed, how many late rows wait.
//! Out:   minutes to seal. One append a minute; after a pause the newest complete minute at once.
//! Never: waits for its own append. One that is lost is made up for by the next minute's.

use model::Minute;

/// See the module.
#[derive(Debug)]
pub(crate) struct Sealer {
    grace_ms: u64,
    late_rows_max: usize,
    /// The newest complete minute that an append was made for.
    appended: Option<Minute>,
    /// An append for late rows is under way.
    late_pending: bool,
    /// After a refusal: not before this time.
    retry_at_ms: u64,
}

/// A log whose queue is full is tried again after as long.
const RETRY_MS: u64 = 200;

// === impl Sealer ===

impl Sealer {
    pub(crate) fn new(grace_ms: u64, late_rows_max: usize) -> Self {
        Self { grace_ms, late_rows_max, appended: None, late_pending: false, retry_at_ms: 0 }
    }

    /// The minute of a Seal that should be appended now.
    pub(crate) fn due(&mut self, now_ms: u64, sealed: Option<Minute>, late_rows: usize) -> Option<Minute> {
        if now_ms < self.retry_at_ms && self.retry_at_ms - now_ms <= RETRY_MS {
            return None;
        }
        let complete =
            Minute::of_unix_millis(now_ms.saturating_sub(self.grace_ms)).0.checked_sub(1).map(Minute);
        // An append that lies ahead was made by a clock that has come back since: it holds up nothing.
        self.appended = self.appended.filter(|appended| Some(*appended) <= complete);
        if complete > self.appended && (complete > sealed || late_rows > 0) {
            self.appended = complete;
            return complete;
        }
        if late_rows > self.late_rows_max && !self.late_pending {
            self.late_pending = true;
            return sealed; // closes nothing, writes the late rows
        }
        None
    }

    /// The log did not take the last one.
    pub(crate) fn refused(&mut self, now_ms: u64) {
        (self.appended, self.late_pending) = (None, false);
        self.retry_at_ms = now_ms.saturating_add(RETRY_MS);
    }

    /// A checkpoint was made: no late rows wait any more.
    pub(crate) fn checkpointed(&mut self) {
        self.late_pending = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_sealed_once_after_its_grace() {
        check("599999 - 0; 604999 - 0; 605000 - 0; 605001 - 0; 665000 9 0", "8 - 9 - 10");
        check("605000 9 0", "-");
    }

    #[test]
    fn after_a_pause_the_newest_complete_minute_is_sealed_at_once() {
        check("605000 2 0; 6005000 9 0", "9 99");
    }

    #[test]
    fn late_rows_ask_for_a_checkpoint_beyond_their_bound_and_once_a_minute() {
        check("605000 9 11; 605001 9 11; 605002 9 11", "9 9 -");
        check("605000 50 1; 605001 50 1; 665000 50 1; 725000 50 0", "9 - 10 -");
    }

    #[test]
    fn a_clock_that_jumps_back_seals_nothing_twice() {
        check("605000 - 0; 5000 9 0; 605000 9 0", "9 - -");
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_hold_up_what_comes_after() {
        // The Seal of the wrong minute was lost; and it was not, and late rows are written every minute.
        check("6005000 9 0; 665000 9 0; 725000 10 0", "99 10 11");
        check("6005000 9 0; 665000 99 0; 725000 99 3; 725001 99 3", "99 - 11 -");
    }

    #[test]
    fn a_refusal_is_tried_again() {
        let mut sealer = Sealer::new(5000, 10);
        assert_eq!(sealer.due(605_000, None, 0), Some(Minute(9)));
        sealer.refused(605_000);
        assert_eq!(sealer.due(605_100, None, 0), None);
        assert_eq!(sealer.due(605_200, None, 0), Some(Minute(9)));
    }

    /// Steps of `now_ms sealed late_rows` with a grace of 5 s and a bound of 10 rows.
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let mut sealer = Sealer::new(5000, 10);
        let said: Vec<String> = script
            .split("; ")
            .map(|step| {
                let words: Vec<&str> = step.split(' ').collect();
                let sealed = words[1].parse().ok().map(Minute);
                let due = sealer.due(words[0].parse().unwrap(), sealed, words[2].parse().unwrap());
                due.map_or("-".to_owned(), |minute| minute.to_string())
            })
            .collect();
        assert_eq!(said.join(" "), expected);
    }
}
