//! Reads one segment file for a person, without changing it.

use std::path::Path;

use super::error::OpenError;
use super::frame::{BadHeader, FORMAT_VERSION, check_header};
use super::scan::{Rest, walk};
use super::segment::base_of;
use crate::log::Offset;

/// What a segment file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Its format version.
    pub version: u32,
    /// Its first record.
    pub base: Offset,
    /// One past its last good record.
    pub end: Offset,
    /// Bytes up to the end of the last good record.
    pub good_bytes: u64,
    /// What stands behind them, if anything does.
    pub rest: Option<String>,
}

/// Calls `each` with the offset, the position in the file and the bytes of every good record of the segment.
///
/// # Errors
/// When it cannot be read, is no segment, or is of a newer format.
pub fn inspect(path: &Path, mut each: impl FnMut(Offset, u64, &[u8])) -> Result<Inspected, OpenError> {
    let file = path.to_owned();
    let damaged =
        |reason: &str| OpenError::Damaged { file: path.to_owned(), position: 0, reason: reason.into() };
    let base = base_of(path).ok_or_else(|| damaged("a segment is named by 20 digits and `.log`"))?;
    let content = std::fs::read(path).map_err(OpenError::io("read", path))?;
    check_header(&content, base).map_err(|bad| match bad {
        BadHeader::Newer(version) => OpenError::NewerFormat { file, version, supported: FORMAT_VERSION },
        BadHeader::Damaged(reason) => damaged(reason),
    })?;
    let walked = walk(&content, base, |position, frame| each(frame.offset, position, frame.record));
    let behind = content.len() - walked.position;
    let rest = match walked.rest {
        Rest::Nothing => None,
        Rest::Torn(reason) => Some(format!("{behind} bytes that an open will cut as torn: {reason}")),
        Rest::Damaged { reason, follows } => {
            Some(format!("DAMAGED: {reason}; good record {} follows", follows.offset))
        }
        Rest::OutOfOrder(found) => Some(format!("DAMAGED: record {found} is out of order")),
    };
    let (end, good_bytes) = (walked.end, walked.position as u64);
    Ok(Inspected { version: FORMAT_VERSION, base, end, good_bytes, rest })
}
