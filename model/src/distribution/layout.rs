//! The two layouts as one: which bucket a value falls into, and what stands for a bucket.

use std::ops::Range;

use super::bounds::Bounds;
use super::log_linear;
use crate::SketchError;
use crate::wire::Reader;

// Tags in the bytes.
const AUTOMATIC: u8 = 1;
const BOUNDED: u8 = 2;

/// How buckets are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Layout {
    /// Log-linear, within 0.05 % everywhere.
    #[default]
    Automatic,
    /// As a user said.
    Bounded(Bounds),
}

// === impl Layout ===

impl Layout {
    #[inline]
    pub(super) fn index_of(&self, value: f64) -> i32 {
        match self {
            Self::Automatic => log_linear::index_of(value),
            Self::Bounded(bounds) => bounds.index_of(value),
        }
    }

    /// Lower and upper end.
    pub(super) fn edges(&self, index: i32) -> (f64, f64) {
        match self {
            Self::Automatic => log_linear::bounds(index),
            Self::Bounded(bounds) => bounds.edges(index),
        }
    }

    /// The value that stands for all in a bucket. It follows from the layout alone, for a bucket must mean the same
    /// whatever it is merged with. Of a user's bucket it is the upper end: "99 % are at or under 200" is what a bound at
    /// 200 was set for. Above the last bound that is infinity: whoever knows the greatest measurement says that.
    pub(super) fn representative(&self, index: i32) -> f64 {
        match self {
            Self::Automatic => log_linear::midpoint(index),
            Self::Bounded(bounds) => bounds.edges(index).1,
        }
    }

    /// As low and as high as a bucket's measurements may be, as far as the layout says.
    pub(super) fn span(&self, index: i32) -> (f64, f64) {
        match self {
            Self::Automatic => (log_linear::midpoint(index), log_linear::midpoint(index)),
            Self::Bounded(bounds) => {
                let (low, high) = bounds.edges(index);
                (if low.is_finite() { low } else { high }, if high.is_finite() { high } else { low })
            }
        }
    }

    pub(super) fn indices(&self) -> Range<i32> {
        match self {
            Self::Automatic => -log_linear::INDEX_MAX..log_linear::INDEX_MAX + 1,
            Self::Bounded(bounds) => 0..bounds.index_max() + 1,
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Automatic => out.push(AUTOMATIC),
            Self::Bounded(bounds) => {
                out.push(BOUNDED);
                bounds.encode(out);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, SketchError> {
        match reader.byte()? {
            AUTOMATIC => Ok(Self::Automatic),
            BOUNDED => Ok(Self::Bounded(Bounds::decode(reader)?)),
            unknown => Err(SketchError::Layout(unknown)),
        }
    }
}
