//! What a reader asks for.

use std::ops::BitOr;

/// A set of columns. Local ids always come along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Columns(u16);

/// The percentiles that are computed at the seal and kept as plain columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Percentile {
    /// The median.
    P50,
    /// 90 % lie at or under it.
    P90,
    /// 95 %.
    P95,
    /// 99 %.
    P99,
    /// 99.9 %.
    P999,
}

// === impl Columns ===

impl Columns {
    /// Nothing but local ids.
    pub const IDS: Self = Self(0);
    /// Measurements.
    pub const COUNT: Self = Self(1);
    /// The sum.
    pub const SUM: Self = Self(2);
    /// The least; brings count and sum along, because a row of one measurement stores no other.
    pub const MIN: Self = Self(4 | 3);
    /// The greatest; brings count and sum along.
    pub const MAX: Self = Self(8 | 3);
    /// Count, sum, min and max.
    pub const SCALARS: Self = Self(15);
    /// The estimate of the distinct sketch, as a number.
    pub const DISTINCT_ESTIMATE: Self = Self(16);
    /// The distinct sketch itself.
    pub const DISTINCT: Self = Self(32);
    /// The distribution itself.
    pub const DISTRIBUTION: Self = Self(64);
    /// p50, p90, p95, p99 and p99.9, as numbers.
    pub const PERCENTILES: Self = Self(0b11111 << PERCENTILES_AT);
    /// All that a row was before it was stored: count, sum, min, max and both sketches.
    pub const WHOLE_ROWS: Self = Self(15 | 32 | 64);
    /// Whatever there is.
    pub const ALL: Self = Self(Self::SCALARS.0 | 16 | 32 | 64 | Self::PERCENTILES.0);

    /// One of the percentiles that are kept as numbers.
    #[must_use]
    pub const fn percentile(which: Percentile) -> Self {
        Self(1 << (PERCENTILES_AT + which as u16))
    }

    /// Are all of `other` in here?
    #[must_use]
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Is any of `other` in here?
    #[must_use]
    #[inline]
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

const PERCENTILES_AT: u16 = 8;

impl BitOr for Columns {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

// === impl Percentile ===

impl Percentile {
    /// All of them, ascending.
    pub const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P95, Self::P99, Self::P999];

    /// In percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        match self {
            Self::P50 => 50.0,
            Self::P90 => 90.0,
            Self::P95 => 95.0,
            Self::P99 => 99.0,
            Self::P999 => 99.9,
        }
    }
}
