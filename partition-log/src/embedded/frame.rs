//! The bytes of a segment: a header, then one frame per record. `FORMAT.md` draws them.
//!
//! ```text
//! header   magic "SLUICLOG" 8 │ version u32 │ crc32c u32 of the rest │ base offset u64            24 bytes
//! frame    len u32 │ crc32c u32 of the rest │ offset u64 │ behind u32 │ record, len bytes          20 + len
//! ```
//!
//! All numbers are little-endian. `behind` is how many records of the same group (one write, one fsync) come before
//! this one: whatever lies before a group was durable when the group was written. That is how a hole in a group
//! that was torn by a crash is told from damage in what was durable.

use crate::limits::RECORD_BYTES_MAX;
use crate::log::Offset;

pub(crate) const MAGIC: [u8; 8] = *b"SLUICLOG";
pub(crate) const FORMAT_VERSION: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 24;
pub(crate) const FRAME_HEAD_BYTES: usize = 20;

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Newer(u32),
    Damaged(&'static str),
}

/// A frame whose checksum holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) offset: Offset,
    pub(crate) behind: u32,
    pub(crate) record: &'a [u8],
}

/// Why there is no frame here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadFrame {
    /// It needs more bytes than there are.
    Short {
        needed: usize,
    },
    TooLong(usize),
    Checksum,
}

// === header ===

pub(crate) fn header(base: Offset) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[16..].copy_from_slice(&base.to_le_bytes());
    let checksum = header_checksum(&bytes);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

pub(crate) fn check_header(bytes: &[u8], base: Offset) -> Result<(), BadHeader> {
    let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(BadHeader::Damaged("the header is cut off"));
    };
    if bytes[..8] != MAGIC {
        return Err(BadHeader::Damaged("this is no log segment (wrong magic)"));
    }
    // Before the checksum: a later version may lay out the rest differently.
    match u32_at(bytes, 8) {
        version if version > FORMAT_VERSION => return Err(BadHeader::Newer(version)),
        FORMAT_VERSION => {}
        _ => return Err(BadHeader::Damaged("no such format version")),
    }
    if u32_at(bytes, 12) != header_checksum(bytes) {
        return Err(BadHeader::Damaged("the header's checksum is wrong"));
    }
    if u64_at(bytes, 16) != base {
        return Err(BadHeader::Damaged("the base offset is not the one in the file's name"));
    }
    Ok(())
}

fn header_checksum(bytes: &[u8; HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..])
}

// === frame ===

/// The bytes a record takes in a segment.
pub(crate) fn frame_bytes(record: usize) -> usize {
    FRAME_HEAD_BYTES + record
}

pub(crate) fn push_frame(out: &mut Vec<u8>, offset: Offset, behind: u32, record: &[u8]) {
    debug_assert!(record.len() <= RECORD_BYTES_MAX, "append refuses these");
    let mut head = [0; FRAME_HEAD_BYTES];
    head[..4].copy_from_slice(&(record.len() as u32).to_le_bytes());
    head[8..16].copy_from_slice(&offset.to_le_bytes());
    head[16..].copy_from_slice(&behind.to_le_bytes());
    let checksum = frame_checksum(&head, record);
    head[4..8].copy_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(record);
}

/// The frame that `bytes` begin with.
pub(crate) fn frame_at(bytes: &[u8]) -> Result<Frame<'_>, BadFrame> {
    let Some(head) = bytes.first_chunk::<FRAME_HEAD_BYTES>() else {
        return Err(BadFrame::Short { needed: FRAME_HEAD_BYTES });
    };
    let length = u32_at(head, 0) as usize;
    if length > RECORD_BYTES_MAX {
        return Err(BadFrame::TooLong(length));
    }
    let Some(record) = bytes.get(FRAME_HEAD_BYTES..frame_bytes(length)) else {
        return Err(BadFrame::Short { needed: frame_bytes(length) });
    };
    if u32_at(head, 4) != frame_checksum(head, record) {
        return Err(BadFrame::Checksum);
    }
    Ok(Frame { offset: u64_at(head, 8), behind: u32_at(head, 16), record })
}

impl Frame<'_> {
    /// Everything below this offset was durable when this frame was written.
    pub(crate) fn durable_below(&self) -> Offset {
        self.offset.saturating_sub(u64::from(self.behind))
    }
}

impl std::fmt::Display for BadFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short { needed } => write!(f, "a record of {needed} bytes is cut off"),
            Self::TooLong(length) => {
                write!(f, "a record claims {length} bytes, the limit is {RECORD_BYTES_MAX}")
            }
            Self::Checksum => f.write_str("a record's checksum is wrong"),
        }
    }
}

fn frame_checksum(head: &[u8; FRAME_HEAD_BYTES], record: &[u8]) -> u32 {
    let head = crc32c::crc32c_append(crc32c::crc32c(&head[..4]), &head[8..]);
    crc32c::crc32c_append(head, record)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by another program, in another language, from the drawing.
    const GOLDEN: &str = concat!(
        "534c5549434c4f4701000000c32376ec0700000000000000", // header, base 7
        "060000006a0999cd070000000000000000000000736c75696365", // record 7, `sluice`
        "0000000023e75711080000000000000001000000",         // record 8, empty, 1 behind
    );

    #[test]
    fn golden_bytes_of_version_1() {
        let mut bytes = header(7).to_vec();
        push_frame(&mut bytes, 7, 0, b"sluice");
        push_frame(&mut bytes, 8, 1, b"");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }

    #[test]
    fn a_frame_comes_back() {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, 41, 3, b"record");
        let frame = Frame { offset: 41, behind: 3, record: b"record" };
        assert_eq!(frame_at(&bytes), Ok(frame));
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(frame_at(&[0; 64]), Err(BadFrame::Checksum));
    }

    #[test]
    fn a_lying_length_claims_no_memory() {
        let lying = [0xFF; FRAME_HEAD_BYTES];
        assert_eq!(frame_at(&lying), Err(BadFrame::TooLong(u32::MAX as usize)));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let mut frame = Vec::new();
        push_frame(&mut frame, 5, 1, b"abc");
        for bytes in [header(3).to_vec(), frame] {
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(check_header(&flipped, 3).is_err() && frame_at(&flipped).is_err(), "bit {bit}");
            }
        }
    }
}
