//! How long a metric's rows are kept, and how finely.

use crate::Minute;

/// How many minutes back each tier reaches: rows by the minute, then merged by the hour, then by the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// By the minute.
    pub minutes: u32,
    /// By the hour; not shorter.
    pub hours: u32,
    /// By the day; not shorter either. What is older is gone.
    pub days: u32,
}

// === impl Retention ===

impl Retention {
    /// The least that any tier may reach back: an hour is compacted when its late rows have had their time, and what
    /// waits for that must not be due for deletion yet.
    pub const LEAST_MINUTES: u32 = 2 * 60;

    /// The most: a hundred years, so that nothing is far from the ends of [`Minute`].
    pub const MOST_MINUTES: u32 = 36_500 * 24 * 60;

    /// The same for every tier.
    #[must_use]
    pub const fn uniform(minutes: u32) -> Self {
        Self { minutes, hours: minutes, days: minutes }
    }

    /// No tier reaches back further than a finer one.
    #[must_use]
    pub const fn ascends(self) -> bool {
        self.minutes <= self.hours && self.hours <= self.days
    }

    /// The first minute that a tier keeps when `sealed` is the newest that is sealed.
    #[must_use]
    pub fn first_kept(reach_minutes: u32, sealed: Minute) -> Minute {
        sealed.next().minus(reach_minutes)
    }
}

const _: () = assert!(Retention::LEAST_MINUTES > crate::Limits::DEFAULT.lateness_minutes + 60 - 1);
