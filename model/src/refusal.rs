//! Why a row or a batch was not taken: one name for each reason, the same in replies, counters and documents.

use std::fmt;

/// The reason, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The account's name is empty or too long.
    Account,
    /// The metric's name is empty or too long.
    MetricName,
    /// A dimension's name is empty or too long.
    DimensionName,
    /// A dimension's value is too long.
    DimensionValue,
    /// Too many dimensions.
    DimensionCount,
    /// A name stands twice.
    DimensionTwice,
    /// All names and values together are too long.
    TupleSize,
    /// A string is not UTF-8.
    Utf8,
    /// NaN or infinite.
    NotFinite,
    /// Count, sum, min and max contradict each other.
    Numbers,
    /// A sketch cannot be read.
    Sketch,
    /// Older than lateness (or, as backfill, than retention).
    TooOld,
    /// Further ahead than clocks may be wrong.
    TooFarAhead,
    /// The batch contradicts itself: columns of unequal length, an index that points nowhere.
    Malformed,
    /// More rows than a batch may have.
    BatchSize,
    /// A point of a kind that is not understood.
    Unsupported,
    /// A cumulative point is older than one that was counted already.
    OutOfOrder,
    /// The first point of a cumulative series that does not say since when it counts.
    NoStartTime,
    /// The partition holds as many series as it may.
    SeriesLimit,
}

/// A reason with the field, the limit and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is counted under.
    pub reason: Reason,
    /// What a person is told.
    pub message: String,
}

// === impl Reason ===

impl Reason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 19] = [
        Self::Account,
        Self::MetricName,
        Self::DimensionName,
        Self::DimensionValue,
        Self::DimensionCount,
        Self::DimensionTwice,
        Self::TupleSize,
        Self::Utf8,
        Self::NotFinite,
        Self::Numbers,
        Self::Sketch,
        Self::TooOld,
        Self::TooFarAhead,
        Self::Malformed,
        Self::BatchSize,
        Self::Unsupported,
        Self::OutOfOrder,
        Self::NoStartTime,
        Self::SeriesLimit,
    ];

    /// The name in replies, counters and documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::MetricName => "metric_name",
            Self::DimensionName => "dimension_name",
            Self::DimensionValue => "dimension_value",
            Self::DimensionCount => "dimension_count",
            Self::DimensionTwice => "dimension_twice",
            Self::TupleSize => "tuple_size",
            Self::Utf8 => "utf8",
            Self::NotFinite => "not_finite",
            Self::Numbers => "numbers",
            Self::Sketch => "sketch",
            Self::TooOld => "too_old",
            Self::TooFarAhead => "too_far_ahead",
            Self::Malformed => "malformed",
            Self::BatchSize => "batch_size",
            Self::Unsupported => "unsupported",
            Self::OutOfOrder => "out_of_order",
            Self::NoStartTime => "no_start_time",
            Self::SeriesLimit => "series_limit",
        }
    }

    /// Back from [`Reason::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// With a message for a person.
    #[must_use]
    pub fn because(self, message: impl Into<String>) -> Refusal {
        Refusal { reason: self, message: message.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        for (code, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, code);
            assert!(Reason::ALL[0] <= reason, "the first in every order");
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
        }
        assert_eq!(Reason::from_name("Account"), None);
    }

    #[test]
    fn a_refusal_says_its_reason_first() {
        assert_eq!(Reason::Utf8.because("metric 3 is not UTF-8").to_string(), "utf8: metric 3 is not UTF-8");
    }
}
