//! How measurements are distributed: the log-linear layout of HDR histograms (Gil Tene), carried over to floats of
//! either sign.
//!
//! Every octave has 1,024 buckets of equal width, read straight off the sign, exponent and top 10 mantissa bits of
//! the f64. A bucket is `2^-10` of its lower bound wide (or less), so its midpoint is within 0.05 % of all that is in
//! it. Octaves reach from `2^-64` (5e-20) to `2^64` (1.8e19), so no metric needs a unit for its magnitudes; an integer
//! HDR histogram with one unit cannot hold 1e-6..1e12 at three digits: 1e12 / 1e-9 = 1e21 is beyond u64.
//! Smaller magnitudes count as zero, greater ones into the outermost bucket.
//!
//! The bytes are drawn in `FORMAT.md`.

mod buckets;
mod layout;

use crate::SketchError;
use crate::wire::{Reader, put_varint};
use buckets::Buckets;

const VERSION: u8 = 1;
/// The layout tag; buckets that the user set will be another.
const LOG_LINEAR: u8 = 1;
/// Percentiles are told apart down to a millionth of a percent.
const PARTS_PER_PERCENT: u32 = 1_000_000;

/// Measurements by magnitude, sparse: only buckets that hold something are kept. Counts saturate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    buckets: Buckets,
}

// === impl Distribution ===

impl Distribution {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
            self.buckets.add(layout::index_of(value), count);
        }
    }

    /// Adds what another one recorded.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.merge(&other.buckets);
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

    /// The smallest measurement at or under which at least `p` % of all lie, as the midpoint of its bucket: within
    /// 0.05 % for magnitudes in `[2^-64, 2^64)`. `None` when nothing was recorded or `p` is not in `[0, 100]`.
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
            .map(|(index, _)| layout::midpoint(index))
    }

    /// What was recorded since `earlier`, bucket by bucket; `None` when a bucket would go below zero, which means
    /// that the source was reset in between.
    #[must_use]
    pub fn minus(&self, earlier: &Self) -> Option<Self> {
        Some(Self { buckets: self.buckets.minus(&earlier.buckets)? })
    }

    /// Lower bound, upper bound and count of every bucket that holds something, in ascending order. The bound nearer
    /// to zero belongs to the bucket; the outermost two also hold all that lies beyond them.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        self.buckets.iter().map(|(index, count)| {
            let (low, high) = layout::bounds(index);
            (low, high, count)
        })
    }

    /// Bytes that it occupies, itself included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.buckets.memory_bytes()
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[VERSION, LOG_LINEAR]);
        put_varint(out, self.buckets.len() as u64);
        self.buckets.encode(out);
    }

    /// Back from [`Distribution::encode`].
    ///
    /// # Errors
    /// When the bytes are anything else. Memory stays below six times the input's length.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut reader = Reader(bytes);
        let (version, layout) = (reader.byte()?, reader.byte()?);
        if version != VERSION {
            return Err(SketchError::Version { got: version, reads: VERSION });
        }
        if layout != LOG_LINEAR {
            return Err(SketchError::Layout(layout));
        }
        let buckets = Buckets::decode(&mut reader)?;
        reader.end()?;
        Ok(Self { buckets })
    }
}

/// `ceil(p / 100 * total)`, at least 1. In integers, because in floats p99.9 of 1000 would be the 1000th.
fn rank_of(p: f64, total: u128) -> u128 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=10^8")]
    let parts = (p * f64::from(PARTS_PER_PERCENT)).round() as u64;
    // total is at most 2^18 buckets of u64, below 2^83; parts below 2^27.
    (u128::from(parts) * total).div_ceil(u128::from(PARTS_PER_PERCENT) * 100).max(1)
}
