//! A minute of UTC, the grain of everything that Sluice stores.

use std::fmt;

/// Minutes since 1970-01-01T00:00Z: `floor(unix_seconds / 60)`. Fits until the year 10136.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub u32);

/// Whole minutes `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MinuteRange {
    /// The first minute inside.
    pub from: Minute,
    /// The first minute after.
    pub to: Minute,
}

// === impl Minute ===

impl Minute {
    /// The minute that holds this second; seconds before 1970 or after the year 10136 have none.
    #[must_use]
    pub fn of_unix_seconds(seconds: i64) -> Option<Self> {
        u32::try_from(seconds.div_euclid(60)).ok().map(Self)
    }

    /// What a number that is far too large for unix seconds most likely counts, and the way out.
    #[must_use]
    pub fn instead_of_seconds(time: f64) -> Option<&'static str> {
        // Each range is from 1973 to 5138 in its unit, and nobody's seconds.
        match time {
            1e11..1e14 => Some("it looks like milliseconds: divide by 1000"),
            1e14..1e17 => Some("it looks like microseconds: divide by 1000000"),
            1e17..1e20 => Some("it looks like nanoseconds: divide by 1000000000"),
            _ => None,
        }
    }

    /// The minute that holds this nanosecond since 1970.
    #[must_use]
    pub fn of_unix_nanos(nanos: u64) -> Self {
        // u64 nanoseconds end in the year 2554, long before u32 minutes do.
        Self(u32::try_from(nanos / 60_000_000_000).unwrap_or(u32::MAX))
    }

    /// The minute that holds this millisecond since 1970.
    #[must_use]
    pub fn of_unix_millis(millis: u64) -> Self {
        Self(u32::try_from(millis / 60_000).unwrap_or(u32::MAX))
    }

    /// Its first second since 1970.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        u64::from(self.0) * 60
    }

    /// Its first millisecond since 1970.
    #[must_use]
    pub fn unix_millis(self) -> u64 {
        u64::from(self.0) * 60_000
    }

    /// The minute after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The minute before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// `minutes` earlier, not before 1970.
    #[must_use]
    pub fn minus(self, minutes: u32) -> Self {
        Self(self.0.saturating_sub(minutes))
    }

    /// `minutes` later.
    #[must_use]
    pub fn plus(self, minutes: u32) -> Self {
        Self(self.0.saturating_add(minutes))
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl MinuteRange ===

impl MinuteRange {
    /// `[from, to)`; empty when `to <= from`.
    #[must_use]
    pub fn new(from: Minute, to: Minute) -> Self {
        Self { from, to }
    }

    /// How many minutes are inside.
    #[must_use]
    pub fn len(self) -> u32 {
        self.to.0.saturating_sub(self.from.0)
    }

    /// No minute is inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The minutes inside, ascending.
    pub fn minutes(self) -> impl DoubleEndedIterator<Item = Minute> {
        (self.from.0..self.to.0).map(Minute)
    }

    /// The minutes inside of both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// Is this minute inside?
    #[must_use]
    pub fn contains(self, minute: Minute) -> bool {
        self.from <= minute && minute < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_starts_at_its_first_second() {
        assert_eq!(Minute::of_unix_seconds(119), Some(Minute(1)));
        assert_eq!(Minute::of_unix_seconds(120), Some(Minute(2)));
        assert_eq!(Minute::of_unix_seconds(-1), None);
        assert_eq!(Minute::of_unix_nanos(119_999_999_999), Minute(1));
        assert_eq!(Minute(2).unix_seconds(), 120);
    }

    #[test]
    fn a_range_holds_its_start_and_not_its_end() {
        let range = MinuteRange::new(Minute(3), Minute(5));
        assert_eq!((range.len(), range.contains(Minute(3)), range.contains(Minute(5))), (2, true, false));
        assert!(range.minutes().eq([Minute(3), Minute(4)]));
        assert!(MinuteRange::new(Minute(5), Minute(3)).is_empty());
        assert_eq!(MinuteRange::new(Minute(5), Minute(3)).minutes().count(), 0);
    }

    #[test]
    fn ranges_intersect_where_both_are() {
        let range = |from, to| MinuteRange::new(Minute(from), Minute(to));
        assert_eq!(range(1, 5).intersection(range(3, 9)), range(3, 5));
        assert!(range(1, 3).intersection(range(3, 9)).is_empty());
    }

    #[test]
    fn the_ends_of_time_do_not_wrap() {
        let last = Minute(u32::MAX);
        assert_eq!(
            (last.next(), last.plus(9), Minute(0).previous(), Minute(3).minus(4)),
            (last, last, Minute(0), Minute(0))
        );
        assert_eq!(Minute::of_unix_seconds(i64::from(u32::MAX) * 60 + 59), Some(last));
        assert_eq!(Minute::of_unix_seconds(i64::from(u32::MAX) * 60 + 60), None);
        assert_eq!(Minute::of_unix_millis(last.unix_millis()), last);
        assert_eq!(Minute::of_unix_millis(u64::MAX), last);
    }
}
