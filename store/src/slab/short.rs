//! The short form of small blocks: one checksum for all columns, and three bytes in front of most of them.
//!
//! In the long form every column can be read and checked by itself, for 13 to 17 bytes each. Of a metric of few series
//! that is more than its numbers take. A block that is read is made long again first: there is one reader.

use crate::StoreError;

use super::directory::{CRC_BYTES, DirectoryWriter};

pub(super) const VERSION: u8 = 2;
/// Blocks that would be no longer than this in their long form. Checking so much takes two microseconds, and there the
/// heads of a dozen columns are a hundredth of it.
pub(super) const LONG_BYTES_MAX: usize = 16 << 10;
/// Version, rows.
const HEAD_BYTES: usize = 1 + 4;

/// The bytes of a block in its short form.
pub(super) fn put(block: &DirectoryWriter) -> Result<Vec<u8>, StoreError> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&(block.rows() as u32).to_le_bytes()); // `finish` has seen to it that they fit
    for (tag, column) in block.columns() {
        out.push(tag);
        codec::put_bare(column, block.rows(), &mut out).map_err(|why| damaged(tag, &why))?;
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    Ok(out)
}

/// A block in its long form: as it is, or made in `long`.
pub(super) fn lengthened<'a>(bytes: &'a [u8], long: &'a mut Vec<u8>) -> Result<&'a [u8], StoreError> {
    let (VERSION, Some((content, crc))) =
        (bytes.first().copied().unwrap_or(0), bytes.split_last_chunk::<CRC_BYTES>())
    else {
        return Ok(bytes);
    };
    if crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
        return Err(StoreError::damaged("the block", "its crc32c does not fit"));
    }
    let head = content.split_first_chunk::<HEAD_BYTES>();
    let ([_, rows @ ..], mut rest) =
        head.ok_or_else(|| StoreError::damaged("the head", "its bytes end early"))?;
    let mut block = DirectoryWriter::new(u32::from_le_bytes(*rows) as usize);
    while let Some((tag, bare)) = rest.split_first() {
        rest = bare;
        block
            .add(*tag, |rows, out| codec::take_bare(&mut rest, rows, out))
            .map_err(|why| damaged(*tag, &why))?;
    }
    *long = block.long()?;
    Ok(long)
}

fn damaged(tag: u8, why: &codec::CodecError) -> StoreError {
    StoreError::damaged(format!("column {tag}"), why)
}
