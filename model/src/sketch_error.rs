//! What can be wrong with a sketch's bytes or settings.

use thiserror::Error;

use crate::BoundsError;

/// Bytes that are no sketch, or a setting that no sketch has. Nothing was kept of them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SketchError {
    /// The bytes end before the sketch does.
    #[error("the sketch ends early: its bytes were cut off")]
    Truncated,
    /// Bytes follow after the end.
    #[error("{0} bytes follow after the end of the sketch")]
    Trailing(usize),
    /// Written by a later version, or no sketch at all.
    #[error("the sketch's first byte is {got}, this version reads {reads}: update the reader")]
    Version {
        /// What stands there.
        got: u8,
        /// What can be read.
        reads: u8,
    },
    /// A layout that this version does not know.
    #[error("the sketch has layout {0}, which this version does not know: update the reader")]
    Layout(u8),
    /// Outside of 4..=18.
    #[error("precision is {0}, must be from 4 to 18")]
    Precision(u8),
    /// More entries than this layout can have.
    #[error("the sketch claims {claimed} entries, its layout has at most {max}")]
    TooMany {
        /// What it claims.
        claimed: u64,
        /// What there can be.
        max: u64,
    },
    /// An entry that repeats the one before, or a bucket without measurements.
    #[error("entry {0} repeats its predecessor or is empty")]
    Entry(usize),
    /// A number outside of what the layout allows.
    #[error("entry {0} lies outside of the sketch's layout")]
    Range(usize),
    /// Bounds that nobody can set.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// A variable-length integer with more bytes than it needs or than 64 bits have.
    #[error("a variable-length integer is longer than it has to be")]
    Varint,
}
