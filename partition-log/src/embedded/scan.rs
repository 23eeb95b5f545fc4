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

/// A record, and the byte of the file where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: Offset,
    pub(crate) position: usize,
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
        follows: Place,
    },
    /// A good frame, but not the one that belongs here.
    OutOfOrder(Offset),
}

/// Calls `each` with every good frame and its position; `file` is the whole segment, its first record is `base`.
pub(crate) fn walk(file: &[u8], base: Offset, each: impl FnMut(u64, &Frame<'_>)) -> Walked {
    walk_from(file, Place { offset: base, position: HEADER_BYTES }, each)
}

/// The same from a record in the middle of it.
pub(crate) fn walk_from(file: &[u8], from: Place, mut each: impl FnMut(u64, &Frame<'_>)) -> Walked {
    let Place { offset: mut end, mut position } = from;
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
            Err(reason) => break judge(file, Place { offset: end, position }, reason),
        }
    };
    Walked { end, position, rest }
}

/// A bad frame stands where `missing` should be.
fn judge(file: &[u8], missing: Place, reason: BadFrame) -> Rest {
    let mut later = later_frames(&file[missing.position..], missing.offset);
    match later.find(|(_, frame)| frame.durable_below() > missing.offset) {
        Some((start, frame)) => {
            let follows = Place { offset: frame.offset, position: missing.position + start };
            Rest::Damaged { reason, follows }
        }
        None => Rest::Torn(reason),
    }
}

/// Every good frame above `missing` that begins anywhere in `bytes`, and where: a broken length hides where the next one
/// begins.
fn later_frames(bytes: &[u8], missing: Offset) -> impl Iterator<Item = (usize, Frame<'_>)> {
    // Only as many records as fit can follow; this keeps the checksum from being tried at every byte.
    let highest = missing + (bytes.len() / FRAME_HEAD_BYTES) as u64;
    let starts = 1..bytes.len().saturating_sub(FRAME_HEAD_BYTES - 1);
    starts.filter_map(move |start| {
        let offset = u64_at(bytes, start + 8);
        if offset <= missing || offset > highest {
            return None;
        }
        Some((start, frame_at(&bytes[start..]).ok()?))
    })
}
