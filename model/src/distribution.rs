//! How measurements are distributed: counts in buckets, which are cut automatically or at bounds that the user set.
//!
//! *Automatic* is the log-linear layout of HDR histograms (Gil Tene), carried over to floats of either sign. Every
//! octave has 1,024 buckets of equal width, read straight off the sign, exponent and top 10 mantissa bits of the f64. A
//! bucket is `2^-10` of its lower bound wide (or less), so its midpoint is within 0.05 % of all that is in it. Octaves
//! reach from `2^-64` (5e-20) to `2^64` (1.8e19), so no metric needs a unit for its magnitudes; an integer HDR histogram
//! with one unit cannot hold 1e-6..1e12 at three digits: 1e12 / 1e-9 = 1e21 is beyond u64. Smaller magnitudes count as
//! zero, greater ones into the outermost bucket.
//!
//! *Bounds* of the user's: a percentile is the bound at or under which that many lie, so it is never too low, and too
//! high by at most the width of the bucket that it falls into.
//!
//! Merging adds buckets where both are cut alike. Else every measurement of a user's bucket moves to the automatic
//! bucket of that bucket's upper end, on either side, and then buckets add: where a bucket moves to follows from its
//! bounds alone, and what is automatic stays so, hence the order and grouping of merges do not matter. No bucket is
//! ever split, so nothing is converted into bounds. What holds nothing has no say in how the sum is cut.
//!
//! The bytes are drawn in `FORMAT.md`.

mod bounds;
mod buckets;
mod layout;
mod log_linear;

use std::borrow::Cow;

use crate::SketchError;
use crate::wire::{Reader, put_varint};
use buckets::Buckets;
use layout::Layout;

pub use bounds::{Bounds, BoundsError};

const VERSION: u8 = 1;
/// Percentiles are told apart down to a millionth of a percent.
const PARTS_PER_PERCENT: u32 = 1_000_000;

/// Measurements by magnitude, sparse: only buckets that hold something are kept. Counts saturate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    layout: Layout,
    buckets: Buckets,
}

// === impl Distribution ===

impl Distribution {
    /// Nothing recorded yet, cut automatically.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing recorded yet, cut at these bounds.
    #[must_use]
    pub fn with_bounds(bounds: Bounds) -> Self {
        Self { layout: Layout::Bounded(bounds), buckets: Buckets::default() }
    }

    /// The user's bounds; `None` when it is cut automatically.
    #[must_use]
    pub fn bounds(&self) -> Option<&Bounds> {
        match &self.layout {
            Layout::Automatic => None,
            Layout::Bounded(bounds) => Some(bounds),
        }
    }

    /// Records one measurement.
    #[inline]
    pub fn record(&mut self, value: f64) {
        self.record_n(value, 1);
    }

    /// Records the same measurement `count` times. NaN is no measurement and is left out.
    #[inline]
    pub fn record_n(&mut self, value: f64, count: u64) {
        if count > 0 && !value.is_nan() {
            self.buckets.add(self.layout.index_of(value), count);
        }
    }

    /// Adds what another one recorded; the sum is automatic where the two are not cut alike.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        if self.layout == other.layout {
            self.buckets.merge(&other.buckets);
        } else {
            self.merge_cut_otherwise(other);
        }
    }

    #[cold]
    fn merge_cut_otherwise(&mut self, other: &Self) {
        match (self.is_empty(), other.is_empty()) {
            (false, true) => {}
            (true, false) => *self = other.clone(),
            _ => {
                if let Cow::Owned(ours) = self.automatic_buckets() {
                    *self = Self { layout: Layout::Automatic, buckets: ours };
                }
                self.buckets.merge(&other.automatic_buckets());
            }
        }
    }

    /// The same measurements cut automatically. Those of a user's bucket all become its upper end, so that a percentile
    /// moves by 0.05 % at most; those above the last bound become the greatest there is.
    #[must_use]
    pub fn to_automatic(&self) -> Self {
        Self { layout: Layout::Automatic, buckets: self.automatic_buckets().into_owned() }
    }

    fn automatic_buckets(&self) -> Cow<'_, Buckets> {
        if self.layout == Layout::Automatic {
            return Cow::Borrowed(&self.buckets);
        }
        let mut moved = Buckets::default();
        for (index, count) in self.buckets.iter() {
            moved.add(Layout::Automatic.index_of(self.layout.representative(index)), count);
        }
        Cow::Owned(moved)
    }

    /// How many measurements there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.buckets.total()).unwrap_or(u64::MAX)
    }

    /// Nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.len() == 0
    }

    /// The smallest measurement at or under which at least `p` % of all lie. Automatic: as the midpoint of its bucket,
    /// within 0.05 % for magnitudes in `[2^-64, 2^64)`. In bounds: the smallest bound at or under which as many lie,
    /// infinity when that is none. `None` when nothing was recorded or `p` is not in `[0, 100]`.
    #[must_use]
    pub fn percentile(&self, p: f64) -> Option<f64> {
        if !(0.0..=100.0).contains(&p) {
            return None;
        }
        let rank = rank_of(p, self.buckets.total());
        let mut below = 0;
        self.buckets
            .iter()
            .find(|(_, count)| {
                below += u128::from(*count);
                below >= rank
            })
            .map(|(index, _)| self.layout.representative(index))
    }

    /// The least and the greatest measurement, as well as their buckets know them: automatic ones within 0.05 %, of a
    /// user's the outer ends, or the only end that there is.
    #[must_use]
    pub fn extremes(&self) -> Option<(f64, f64)> {
        let (first, last) = self.buckets.ends()?;
        Some((self.layout.span(first).0, self.layout.span(last).1))
    }

    /// What was recorded since `earlier`, bucket by bucket; `None` when a bucket would go below zero or the two are not
    /// cut alike, which means that the source was reset in between.
    #[must_use]
    pub fn minus(&self, earlier: &Self) -> Option<Self> {
        if self.layout != earlier.layout {
            return earlier.is_empty().then(|| self.clone());
        }
        Some(Self { layout: self.layout.clone(), buckets: self.buckets.minus(&earlier.buckets)? })
    }

    /// Lower end, upper end and count of every bucket that holds something, in ascending order. Automatic: the end
    /// nearer to zero belongs to the bucket; the outermost two also hold all that lies beyond them. In bounds: the upper
    /// end belongs to it; the outermost two are open, to an infinity.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        self.buckets.iter().map(|(index, count)| {
            let (low, high) = self.layout.edges(index);
            (low, high, count)
        })
    }

    /// Bytes that it occupies, itself included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.buckets.memory_bytes() + self.bounds().map_or(0, Bounds::memory_bytes)
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.layout.encode(out);
        put_varint(out, self.buckets.len() as u64);
        self.buckets.encode(out);
    }

    /// Back from [`Distribution::encode`].
    ///
    /// # Errors
    /// When the bytes are anything else. Memory stays below eight times the input's length.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut reader = Reader(bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(SketchError::Version { got: version, reads: VERSION });
        }
        let layout = Layout::decode(&mut reader)?;
        let buckets = Buckets::decode(&mut reader, layout.indices())?;
        reader.end()?;
        Ok(Self { layout, buckets })
    }
}

/// `ceil(p / 100 * total)`, at least 1. In integers, because in floats p99.9 of 1000 would be the 1000th.
fn rank_of(p: f64, total: u128) -> u128 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=10^8")]
    let parts = (p * f64::from(PARTS_PER_PERCENT)).round() as u64;
    // total is at most 2^18 buckets of u64, below 2^83; parts below 2^27.
    (u128::from(parts) * total).div_ceil(u128::from(PARTS_PER_PERCENT) * 100).max(1)
}
