//! The owner's wall clock, as far as it is believed: a clock that jumps ahead must not seal the future.
//!
//! In:    the wall clock and a monotonic one, in milliseconds, at each look.
//! Out:   the time to seal by.
//! Kept:  how far the two are apart, and a step ahead that waits to be believed.
//! Never: waits with a step back. Who seals too late is made up for by the next Seal, who seals too early by nothing.
//!
//! A host that was suspended looks the same as one whose clock was set: its monotonic clock stood still. It seals on
//! once the step has stood. The first look is believed whatever it says: there is nothing to hold it against.

/// Steps ahead up to here are believed at once: frontends take rows that are as far ahead, too.
const STEP_MAX_MS: u64 = 120_000;

/// A larger one, once it has stood for so long. A resumed host seals a minute later for it; a clock that is set wrong
/// and corrected within the minute has done nothing.
const CONFIRM_MS: u64 = 60_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct BelievedClock {
    /// Wall clock minus monotonic clock. `None` before the first look.
    offset_ms: Option<i64>,
    step: Option<Step>,
}

/// A step ahead that is not believed yet.
#[derive(Clone, Copy, Debug)]
struct Step {
    offset_ms: i64,
    /// By the monotonic clock.
    since_ms: u64,
}

// === impl BelievedClock ===

impl BelievedClock {
    /// The wall clock; while it is not believed, where it would be without the step.
    pub(crate) fn now(&mut self, wall_ms: u64, monotonic_ms: u64) -> u64 {
        let (wall, monotonic) = (signed(wall_ms), signed(monotonic_ms));
        let offset_ms = wall - monotonic; // both are at least 0
        let believed = *self.offset_ms.get_or_insert(offset_ms);
        if self.is_believed(offset_ms, believed, monotonic_ms) {
            (self.offset_ms, self.step) = (Some(offset_ms), None);
            return wall_ms;
        }
        monotonic.saturating_add(believed).max(0).cast_unsigned()
    }

    /// What a person should know of it; empty while all is well.
    pub(crate) fn detail(&self) -> String {
        let Some((step, believed)) = self.step.zip(self.offset_ms) else { return String::new() };
        format!(
            "the clock has stepped {} s ahead: minutes are sealed without the step until it has stood for {} s",
            step.offset_ms.abs_diff(believed) / 1000,
            CONFIRM_MS / 1000
        )
    }

    fn is_believed(&mut self, offset_ms: i64, believed: i64, monotonic_ms: u64) -> bool {
        if offset_ms <= believed || offset_ms.abs_diff(believed) <= STEP_MAX_MS {
            return true;
        }
        // Where the clock is now it must have stood; one that wanders begins anew.
        let step = self.step.filter(|step| step.offset_ms.abs_diff(offset_ms) <= STEP_MAX_MS);
        let step = *self.step.insert(step.unwrap_or(Step { offset_ms, since_ms: monotonic_ms }));
        monotonic_ms.saturating_sub(step.since_ms) >= CONFIRM_MS
    }
}

/// Milliseconds are below 2^63 for 292 million years.
fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_is_believed() {
        check("1000@0 1005@5 61000@60000", "1000 1005 61000");
    }

    #[test]
    fn small_steps_and_steps_back_are_believed_at_once() {
        check("1000000@0 1120000@0 1239000@0", "1000000 1120000 1239000");
        check("1000000@0 10000@5 10005@10", "1000000 10000 10005");
        check("1000000@0 0@5", "1000000 0");
    }

    #[test]
    fn a_large_step_ahead_is_believed_once_it_has_stood() {
        check(
            "1000000@0 9000000@10 9059989@59999 9060009@60009 9060010@60010",
            "1000000 1000010 1059999 1060009 9060010",
        );
    }

    #[test]
    fn a_step_that_is_taken_back_was_never_there() {
        check(
            "1000000@0 9000000@10 1030000@30000 9060000@60000 9120000@119999",
            "1000000 1000010 1030000 1060000 1119999",
        );
    }

    #[test]
    fn a_clock_that_wanders_begins_anew() {
        check(
            "1000000@0 9000000@10 19000000@60000 19059999@119999 19060000@120000",
            "1000000 1000010 1060000 1119999 19060000",
        );
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        check("0@0 18446744073709551615@5 18446744073709551615@60005", "0 5 18446744073709551615");
    }

    #[test]
    fn a_step_is_told_while_it_waits() {
        let mut clock = BelievedClock::default();
        clock.now(1_000_000, 0);
        assert_eq!(clock.detail(), "");
        clock.now(4_600_000, 0);
        assert!(clock.detail().contains("stepped 3600 s ahead"), "{}", clock.detail());
        clock.now(4_660_000, 60_000);
        assert_eq!(clock.detail(), "");
    }

    /// Looks of `wall@monotonic`, and what is believed.
    #[track_caller]
    fn check(looks: &str, expected: &str) {
        let mut clock = BelievedClock::default();
        let said: Vec<String> = looks
            .split(' ')
            .map(|look| {
                let (wall, monotonic) = look.split_once('@').unwrap();
                clock.now(wall.parse().unwrap(), monotonic.parse().unwrap()).to_string()
            })
            .collect();
        assert_eq!(said.join(" "), expected);
    }
}
