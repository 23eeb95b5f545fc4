//! Checksums put right around whatever the fuzzer made of the bytes that they protect.

use crc32c::{crc32c, crc32c_append};

/// Rows that a mended block may claim. A block of a few constants may well stand for 67 million rows, which is by
/// design (`SlabBlock::ROWS_MAX`) and more than a run has memory for.
const ROWS_MAX: u32 = 4_096;

/// `store/src/slab/short.rs`.
const SHORT_VERSION: u8 = 2;
/// `store/src/slab/directory.rs`.
const HEAD_BYTES: usize = 6;
const ENTRY_BYTES: usize = 5;
const CRC_BYTES: usize = 4;

/// `partition-log/src/embedded/frame.rs`.
const SEGMENT_HEADER_BYTES: usize = 24;
const FRAME_HEAD_BYTES: usize = 20;

/// A record of the hints (version 1) or of the island's state (version 2).
#[must_use]
pub fn record(version: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![version];
    record.extend_from_slice(body);
    sealed(record)
}

/// A slab block or a page whose head and columns have good checksums, and whose lengths add up.
#[must_use]
pub fn mended_block(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() < HEAD_BYTES + CRC_BYTES {
        return bytes;
    }
    if bytes[0] == SHORT_VERSION {
        return mended_short_block(bytes);
    }
    let columns = usize::from(bytes[1]).min((bytes.len() - HEAD_BYTES - CRC_BYTES) / ENTRY_BYTES);
    bytes[1] = columns as u8; // no more than it was
    let rows = u32_at(&bytes, 2);
    put_u32_at(&mut bytes, 2, if rows > ROWS_MAX { rows % ROWS_MAX } else { rows });
    let head_end = HEAD_BYTES + ENTRY_BYTES * columns;
    let mut start = head_end + CRC_BYTES;
    for column in 0..columns {
        let (at, left) = (HEAD_BYTES + ENTRY_BYTES * column + 1, bytes.len() - start);
        let length = if column + 1 == columns { left } else { left.min(u32_at(&bytes, at) as usize) };
        put_u32_at(&mut bytes, at, length as u32); // an input is far below 4 GiB
        mend_column(&mut bytes[start..start + length]);
        start += length;
    }
    put_crc(&mut bytes, head_end);
    bytes
}

/// Its columns have no checksums of their own.
fn mended_short_block(mut bytes: Vec<u8>) -> Vec<u8> {
    let rows = u32_at(&bytes, 1);
    put_u32_at(&mut bytes, 1, if rows > ROWS_MAX { rows % ROWS_MAX } else { rows });
    let content = bytes.len() - CRC_BYTES;
    put_crc(&mut bytes, content);
    bytes
}

/// The blocks of `codec` that a column is, one after the other: version, kind and mode, two varints, payload, CRC.
fn mend_column(mut bytes: &mut [u8]) {
    loop {
        let Some((_, count_end)) = varint(bytes, 2) else { return };
        let Some((length, payload)) = varint(bytes, count_end) else { return };
        let left = bytes.len().saturating_sub(payload + CRC_BYTES);
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= left) else { return };
        let end = payload + length;
        if end + CRC_BYTES > bytes.len() {
            return;
        }
        put_crc(bytes, end);
        bytes = &mut bytes[end + CRC_BYTES..];
    }
}

/// A reference to a cold page.
#[must_use]
pub fn mended_reference(bytes: &[u8]) -> Vec<u8> {
    let body = bytes.len().saturating_sub(CRC_BYTES);
    sealed(bytes[..body].to_vec())
}

/// A segment whose header and frames have good checksums, as far as their lengths go.
#[must_use]
pub fn mended_segment(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() < SEGMENT_HEADER_BYTES {
        return bytes;
    }
    let crc = crc32c_append(crc32c(&bytes[..12]), &bytes[16..SEGMENT_HEADER_BYTES]);
    put_u32_at(&mut bytes, 12, crc);
    let mut at = SEGMENT_HEADER_BYTES;
    while bytes.len() - at >= FRAME_HEAD_BYTES {
        let length = u32_at(&bytes, at) as usize;
        if length > bytes.len() - at - FRAME_HEAD_BYTES {
            return bytes;
        }
        let end = at + FRAME_HEAD_BYTES + length;
        let crc = crc32c_append(crc32c(&bytes[at..at + 4]), &bytes[at + 8..end]);
        put_u32_at(&mut bytes, at + 4, crc);
        at = end;
    }
    bytes
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Of all before `end`, there.
fn put_crc(bytes: &mut [u8], end: usize) {
    let crc = crc32c(&bytes[..end]);
    put_u32_at(bytes, end, crc);
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |number| u32::from_le_bytes(*number))
}

fn put_u32_at(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

/// The number at `at`, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut number = 0;
    for (place, byte) in bytes.get(at..)?.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place).min(63);
        if byte & 0x80 == 0 {
            return Some((number, at + place + 1));
        }
    }
    None
}
