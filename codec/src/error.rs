//! What can be wrong with a block, by name.

use crate::block::Kind;

/// Why a block was not decoded. The input and the output are then as they were before the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The first byte names a format that this build does not read.
    #[error(
        "cannot read block version {found}: this build reads version {known}; another build wrote it, or the bytes are damaged"
    )]
    Version {
        /// The version byte found.
        found: u8,
        /// The version that this build reads.
        known: u8,
    },
    /// The bytes end before the block does.
    #[error("cannot read block: truncated at byte {at}, in its {part}, {missing} bytes missing")]
    Truncated {
        /// `head`, `payload` or `crc`.
        part: &'static str,
        /// The length of what is there, from the block's first byte.
        at: usize,
        /// How many more bytes the block needs, at least.
        missing: u64,
    },
    /// The head's count or length is no number.
    #[error("cannot read block: damaged, its head holds a number of more than 64 bits")]
    Head,
    /// The bytes are not those that were written.
    #[error("cannot read block: damaged, crc32c is {got:08x} and should be {expected:08x}")]
    Crc {
        /// The checksum stored in the block.
        expected: u32,
        /// The checksum of the bytes as they are.
        got: u32,
    },
    /// A whole block, but of another kind of column.
    #[error("cannot read block: it holds kind {found:#x}, and {expected} were asked for")]
    Kind {
        /// The kind asked for.
        expected: Kind,
        /// The kind found, which may be one unknown to this build.
        found: u8,
    },
    /// The block stands for more values than the caller allows.
    #[error("cannot read block: it claims {claimed} values and at most {max} are allowed here")]
    TooManyValues {
        /// The count in the block's head.
        claimed: u64,
        /// `values_max` of the call.
        max: usize,
    },
    /// The checksum holds and the content breaks the format: a fault of the writer.
    #[error("cannot read block of {kind}: {what}")]
    Malformed {
        /// The kind of column.
        kind: Kind,
        /// The rule that is broken.
        what: &'static str,
    },
}

/// A broken rule inside a payload; [`crate::column`] adds the kind and makes it a [`CodecError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw(pub(crate) &'static str);

impl Flaw {
    pub(crate) fn in_block(self, kind: Kind) -> CodecError {
        CodecError::Malformed { kind, what: self.0 }
    }
}
