//! Lengths of time that rows are kept merged over, beside the minutes themselves.

use model::{Minute, MinuteRange};

use crate::Cf;

/// A length of time with a row a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// 60 minutes, from the full hour of UTC on.
    Hour,
    /// 24 hours, from midnight UTC on.
    Day,
}

/// Hours of a day.
pub(crate) const HOURS_A_DAY: u32 = 24;

// === impl Tier ===

impl Tier {
    /// How long it is.
    #[must_use]
    pub const fn minutes(self) -> u32 {
        match self {
            Self::Hour => 60,
            Self::Day => HOURS_A_DAY * 60,
        }
    }

    /// The hour or day, counted from 1970, that holds a minute.
    #[must_use]
    pub const fn of(self, minute: Minute) -> u32 {
        minute.0 / self.minutes()
    }

    /// The minutes of an hour or day. The last of all, in the year 10136, may be cut short.
    #[must_use]
    pub fn range(self, period: u32) -> MinuteRange {
        let from = Minute(period.saturating_mul(self.minutes()));
        MinuteRange::new(from, from.plus(self.minutes()))
    }

    /// Where its parts lie.
    #[must_use]
    pub const fn cf(self) -> Cf {
        match self {
            Self::Hour => Cf::Hours,
            Self::Day => Cf::Days,
        }
    }
}
