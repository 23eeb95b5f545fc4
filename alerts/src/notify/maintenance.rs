//! Times in which work is done on something, and its alerts are expected: said beforehand, in the file.
//!
//! ```text
//! 2000-01-01T00:00:00Z ├───────┤ once: from a time to a time
//! mon tue wed thu fri  ├───┤   ├───┤   on these days, from a time of day to another, beyond midnight too; UTC
//! ```

use model::Matcher;

use super::alert::AlertName;

const DAY_SECONDS: u64 = 86_400;
/// The first of January 1970 was a Thursday, the fourth day of a week that begins on Monday.
const EPOCH_WEEKDAY: u64 = 3;

/// A time in which some alerts are not told.
#[derive(Clone, Debug)]
pub struct Maintenance {
    /// Unique in its file.
    pub name: String,
    /// Which alerts; at least one condition.
    pub filter: Vec<Matcher>,
    /// When.
    pub when: When,
}

/// When it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// From, and up to, in unix seconds.
    Once(u64, u64),
    /// On each of these days of the week (bit 0 is Monday) from a second of the day on, for so many seconds; UTC.
    Weekly {
        /// Days on which it begins.
        weekdays: u8,
        /// Second of the day.
        begins: u64,
        /// At most a day.
        lasts: u64,
    },
}

// === impl Maintenance ===

impl Maintenance {
    /// Is this alert kept quiet now?
    #[must_use]
    pub fn covers(&self, alert: &AlertName, unix_seconds: u64) -> bool {
        self.when.is_at(unix_seconds) && alert.is_in(&self.filter)
    }
}

// === impl When ===

impl When {
    /// Is it now?
    #[must_use]
    pub fn is_at(&self, unix_seconds: u64) -> bool {
        match *self {
            Self::Once(from, to) => (from..to).contains(&unix_seconds),
            Self::Weekly { weekdays, begins, lasts } => {
                let (day, second) = (unix_seconds / DAY_SECONDS, unix_seconds % DAY_SECONDS);
                let is_on = |day: u64| weekdays & (1 << ((day + EPOCH_WEEKDAY) % 7)) != 0;
                let today = is_on(day) && (begins..begins + lasts).contains(&second);
                // The part of yesterday's that lies beyond midnight.
                let yesterday = day > 0 && is_on(day - 1) && second + DAY_SECONDS < begins + lasts;
                today || yesterday
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sunday, 2026-11-29, midnight.
    const SUNDAY: u64 = 1_795_910_400;

    #[test]
    fn a_weekly_one_goes_on_beyond_midnight() {
        let when = When::Weekly { weekdays: 1 << 6, begins: 22 * 3600, lasts: 4 * 3600 };
        for (at, expected) in [
            (SUNDAY, false),
            (SUNDAY + 22 * 3600 - 1, false),
            (SUNDAY + 22 * 3600, true),
            (SUNDAY + DAY_SECONDS, true),
            (SUNDAY + DAY_SECONDS + 2 * 3600 - 1, true),
            (SUNDAY + DAY_SECONDS + 2 * 3600, false),
            (SUNDAY + DAY_SECONDS + 22 * 3600, false),
            (SUNDAY + 7 * DAY_SECONDS + 22 * 3600, true),
        ] {
            assert_eq!(when.is_at(at), expected, "{at}");
        }
    }

    #[test]
    fn a_whole_day_is_a_day() {
        let when = When::Weekly { weekdays: 1 << 6, begins: 0, lasts: DAY_SECONDS };
        assert!(!when.is_at(SUNDAY - 1) && when.is_at(SUNDAY) && when.is_at(SUNDAY + DAY_SECONDS - 1));
        assert!(!when.is_at(SUNDAY + DAY_SECONDS));
    }

    #[test]
    fn once_is_once() {
        let when = When::Once(100, 200);
        assert!(!when.is_at(99) && when.is_at(100) && when.is_at(199) && !when.is_at(200));
    }
}
