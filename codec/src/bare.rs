//! Blocks without version and checksum, for a container that has both once for many small blocks.
//!
//! What is taken back is the block, to the byte, so that whoever reads columns knows one form.

use crate::block::{self, Frame};
use crate::error::CodecError;
use crate::varint;

/// In the first byte, above kind and mode: the count follows. Kinds are below 8.
const OWN_COUNT: u8 = 0x80;

/// Appends a block without version and checksum, and without its count where that is the usual one.
///
/// `block` is what an `encode_*` has appended; its checksum is not looked at.
pub fn put_bare(block: &[u8], usual_count: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let Frame { kind_and_mode, count, payload } = block::split(block)?.1;
    debug_assert!(kind_and_mode & OWN_COUNT == 0, "BUG: a kind above 7 needs another form");
    let is_usual = count == usual_count as u64;
    out.push(kind_and_mode | if is_usual { 0 } else { OWN_COUNT });
    if !is_usual {
        varint::put(count, out);
    }
    varint::put(payload.len() as u64, out);
    out.extend_from_slice(payload);
    Ok(())
}

/// The twin of [`put_bare`]: takes a bare block from the front of `input` and appends the block that it stands for. On
/// an error both are left as they were. Nothing but lengths is checked: that is for the container's checksum, and for
/// whoever reads the block.
pub fn take_bare(input: &mut &[u8], usual_count: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let truncated = |part, missing| CodecError::Truncated { part, at: input.len(), missing };
    let (first, mut rest) = input.split_first().ok_or(truncated("head", 1))?;
    let count = match first & OWN_COUNT {
        0 => usual_count as u64,
        _ => block::take_number(input, &mut rest)?,
    };
    let length = block::take_number(input, &mut rest)?;
    let parts = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (payload, rest) = parts.ok_or(truncated("payload", length.saturating_sub(rest.len() as u64)))?;
    Frame { kind_and_mode: first & !OWN_COUNT, count, payload }.put(out);
    *input = rest;
    Ok(())
}
