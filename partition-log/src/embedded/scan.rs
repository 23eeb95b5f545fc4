//! Walks a segment's bytes and says how far they are good, and whether what follows is a torn tail or damage.
//!
//! In:    the bytes behind a segment's header.
//! Out:   the frames, and a verdict on the rest.
//! Never: I/O, a skipped record.

use super::frame::{BadFrame, FRAME_HEAD_BYTES, Frame, HEADER_BYTES, frame_at, frame_bytes, u64_at};
use crate::log::Offset;

/// Where a walk ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    /// One past the last good record.
    pub(crate) end: Offset,
    /// The byte of the file where good data ends.
    pub(crate) position: usize,
    /// What stands there.
    pub(crate) rest: Rest,
}

/// What stands behind the last good record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    Nothing,
    /// What a crash leaves of the last write: nobody was told that it was durable.
    Torn(BadFrame),
    /// A record that was durable is broken: a group written after its fsync follows it.
    Damaged {
        reason: BadFrame,
        follows: Offset,
    },
    /// A good frame, but not the one that belongs here.
    OutOfOrder(Offset),
}

/// Calls `each` with every good frame and its position; `file` is the whole segment, its first record is `base`.
pub(crate) fn walk(file: &[u8], base: Offset, mut each: impl FnMut(u64, &Frame<'_>)) -> Walked {
    let (mut end, mut position) = (base, HEADER_BYTES);
    let rest = loop {
        if position == file.len() {
            break Rest::Nothing;
        }
        match frame_at(&file[position..]) {
            Ok(frame) if frame.offset == end => {
                each(position as u64, &frame);
                position += frame_bytes(frame.record.len());
                end += 1;
            }
            Ok(frame) => break Rest::OutOfOrder(frame.offset),
            Err(reason) => break judge(&file[position..], end, reason),
        }
    };
    Walked { end, position, rest }
}

/// `bytes` begin with a bad frame where record `missing` should be.
fn judge(bytes: &[u8], missing: Offset, reason: BadFrame) -> Rest {
    match later_frames(bytes, missing).find(|frame| frame.durable_below() > missing) {
        Some(frame) => Rest::Damaged { reason, follows: frame.offset },
        None => Rest::Torn(reason),
    }
}

/// Every good frame above `missing` that begins anywhere in `bytes`: a broken length hides where the next one begins.
fn later_frames(bytes: &[u8], missing: Offset) -> impl Iterator<Item = Frame<'_>> {
    // Only as many records as fit can follow; this keeps the checksum from being tried at every byte.
    let highest = missing + (bytes.len() / FRAME_HEAD_BYTES) as u64;
    let starts = 1..bytes.len().saturating_sub(FRAME_HEAD_BYTES - 1);
    starts.filter_map(move |start| {
        let offset = u64_at(bytes, start + 8);
        if offset <= missing || offset > highest {
            return None;
        }
        frame_at(&bytes[start..]).ok()
    })
}
