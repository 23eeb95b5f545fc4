//! The frame around a column: version, kind and mode, count, length, payload, CRC32C. See `FORMAT.md`.

use std::fmt;

use crate::error::{CodecError, Flaw};
use crate::varint;

/// The format that this build writes, and the only one it reads. Version 1 had other modes under the same
/// numbers and was never released.
pub const VERSION: u8 = 2;

const CRC_BYTES: usize = 4;

/// What a column holds. The number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `i64`.
    Ints = 1,
    /// `u64`.
    Uints = 2,
    /// `u32`, strictly ascending.
    Ids = 3,
    /// `f64`, to the bit.
    Floats = 4,
    /// `i64`, usually at an even pace.
    Timestamps = 5,
    /// Byte strings.
    Bytes = 6,
    /// `u8`, usually constant.
    Flags = 7,
}

/// What a block says of itself before its payload is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHead {
    /// A [`Kind`] as its number; the reader may not know it.
    pub kind: u8,
    /// How the kind's encoder wrote the payload, 0 to 15.
    pub mode: u8,
    /// How many values the block stands for.
    pub count: u64,
    /// The bytes of the block from its version to its checksum.
    pub block_bytes: usize,
    /// Those of its content.
    pub payload_bytes: usize,
}

/// What a block frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// The kind's number in the upper half, the mode in the lower.
    pub(crate) kind_and_mode: u8,
    pub(crate) count: u64,
    pub(crate) payload: &'a [u8],
}

/// A block taken apart and found whole.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) mode: u8,
    pub(crate) count: usize,
    pub(crate) payload: &'a [u8],
    /// What follows the block.
    pub(crate) rest: &'a [u8],
}

// === impl Kind ===

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ints => "ints",
            Self::Uints => "uints",
            Self::Ids => "ids",
            Self::Floats => "floats",
            Self::Timestamps => "timestamps",
            Self::Bytes => "bytes",
            Self::Flags => "flags",
        })
    }
}

/// Appends a block.
pub(crate) fn put(kind: Kind, mode: u8, count: usize, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(mode < 16, "BUG: mode {mode} does not fit its half byte");
    Frame { kind_and_mode: (kind as u8) << 4 | mode, count: count as u64, payload }.put(out);
}

// === impl Frame ===

impl Frame<'_> {
    /// Appends the block.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[VERSION, self.kind_and_mode]);
        varint::put(self.count, out);
        varint::put(self.payload.len() as u64, out);
        out.extend_from_slice(self.payload);
        let crc = crc32c::crc32c(&out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
    }
}

/// Moves `input` behind its first block without reading that: neither checksum nor content are checked,
/// for what is not used need not be whole. This is how a reader of one column passes the others.
pub fn skip_block(input: &mut &[u8]) -> Result<BlockHead, CodecError> {
    let (head, _) = split(input)?;
    *input = &input[head.block_bytes..];
    Ok(head)
}

/// Takes the first block of `input` apart, and checks all but its content.
///
/// The checksum comes before the kind and the count: a flipped bit is named as damage, not as
/// somebody asking for the wrong thing.
pub(crate) fn open(input: &[u8], kind: Kind, values_max: usize) -> Result<Block<'_>, CodecError> {
    let (head, Frame { payload, .. }) = split(input)?;
    let (block, rest) = input.split_at(head.block_bytes);
    check_crc(block)?;
    if head.kind != kind as u8 {
        return Err(CodecError::Kind { expected: kind, found: head.kind });
    }
    let count = usize::try_from(head.count).ok().filter(|count| *count <= values_max);
    let count = count.ok_or(CodecError::TooManyValues { claimed: head.count, max: values_max })?;
    Ok(Block { mode: head.mode, count, payload, rest })
}

/// The head and what it frames, if all the bytes are there.
pub(crate) fn split(input: &[u8]) -> Result<(BlockHead, Frame<'_>), CodecError> {
    let truncated = |part, missing| CodecError::Truncated { part, at: input.len(), missing };
    let (version, mut rest) = input.split_first().ok_or(truncated("head", 1))?;
    if *version != VERSION {
        return Err(CodecError::Version { found: *version, known: VERSION });
    }
    let (kind_and_mode, after) = rest.split_first().ok_or(truncated("head", 1))?;
    rest = after;
    let count = take_number(input, &mut rest)?;
    let length = take_number(input, &mut rest)?;
    let payload = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    let payload = payload.ok_or(truncated("payload", length.saturating_sub(rest.len() as u64)))?;
    let after_payload = rest.len() - payload.len();
    let missing = CRC_BYTES.saturating_sub(after_payload);
    if missing > 0 {
        return Err(truncated("crc", missing as u64));
    }
    let block_bytes = input.len() - after_payload + CRC_BYTES;
    let (kind, mode, payload_bytes) = (kind_and_mode >> 4, kind_and_mode & 15, payload.len());
    let head = BlockHead { kind, mode, count, block_bytes, payload_bytes };
    Ok((head, Frame { kind_and_mode: *kind_and_mode, count, payload }))
}

/// A varint of the head. One without an end is cut off, or so damaged that more bytes would not help.
pub(crate) fn take_number(input: &[u8], rest: &mut &[u8]) -> Result<u64, CodecError> {
    varint::take(rest).map_err(|Flaw(_)| match rest.len() < varint::BYTES_MAX {
        true => CodecError::Truncated { part: "head", at: input.len(), missing: 1 },
        false => CodecError::Head,
    })
}

fn check_crc(block: &[u8]) -> Result<(), CodecError> {
    let (content, stored) = block.split_last_chunk::<CRC_BYTES>().unwrap_or((block, &[0; CRC_BYTES]));
    let (expected, got) = (u32::from_le_bytes(*stored), crc32c::crc32c(content));
    if expected == got { Ok(()) } else { Err(CodecError::Crc { expected, got }) }
}
