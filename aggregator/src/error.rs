//! What can stop an island.

use model::SketchError;
use partition_log::Offset;
use store::StoreError;
use thiserror::Error;

/// A checkpoint that cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// The store itself, or its dictionary.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A value is not what was written.
    #[error("state {key:02x?} {what}: restore the partition from a backup")]
    Damaged {
        /// Its key in `Cf::State`.
        key: Vec<u8>,
        /// What is wrong.
        what: &'static str,
    },
    /// A sketch in it is not what was written.
    #[error("a sketch in the state is damaged: {0}; restore the partition from a backup")]
    Sketch(#[from] SketchError),
    /// Written by a later version.
    #[error("the state has format version {got}, this build reads {reads}: run the newer version")]
    Version {
        /// What stands there.
        got: u8,
        /// What can be read.
        reads: u8,
    },
    /// Written by an earlier version.
    #[error(
        "the state has format version {got}, older than {reads}, the only one that this build reads: run the build that \
         wrote it, or start with an empty data directory"
    )]
    Older {
        /// What stands there.
        got: u8,
        /// What can be read.
        reads: u8,
    },
    /// Parts of the checkpoint contradict each other.
    #[error("the checkpoint contradicts itself ({0}): restore the partition from a backup")]
    Contradiction(String),
}

// === impl StateError ===

impl StateError {
    pub(crate) fn bad_key(key: &[u8]) -> Self {
        Self::Damaged { key: key.to_vec(), what: "is no key of this version" }
    }
}

/// A record that cannot be applied. The island is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// Records come one by one, in order; a gap is never skipped in silence.
    #[error("BUG: record {got} came where record {expected} is due")]
    Order {
        /// The record that is due.
        expected: Offset,
        /// The record that came.
        got: Offset,
    },
    /// A block cannot be built.
    #[error(transparent)]
    Store(#[from] StoreError),
}
