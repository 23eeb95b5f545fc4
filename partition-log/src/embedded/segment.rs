//! One segment file: its name, its sparse index, and reading durable records from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::frame::{BadFrame, HEADER_BYTES, frame_at, frame_bytes};
use crate::budget::Budget;
use crate::disk::{Disk, DiskFile, read_full_at};
use crate::log::{Entry, Offset, ReadError};

/// Read at once from the disk: large enough for its full speed, small beside the tail.
const CHUNK_BYTES: usize = 1 << 20;

/// No log has had so many records: at a million a second it takes 292,000 years. So within a segment, which has room for
/// 2^26 of them at most, offsets are counted on without a look at their 64 bits.
const BASE_MAX: Offset = 1 << 63;

/// The name of the segment whose first record is `base`.
pub(super) fn path_of(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{base:020}.log"))
}

/// The base offset that a segment's name says, if it is one.
pub(crate) fn base_of(path: &Path) -> Option<Offset> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".log")?;
    let is_ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_ours.then(|| digits.parse().ok()).flatten().filter(|base| *base <= BASE_MAX)
}

/// Where some of a segment's records begin: one every so many bytes.
#[derive(Debug)]
pub(super) struct SparseIndex {
    every_bytes: u64,
    /// Ascending; never empty, for the first record's place is known.
    places: Vec<(Offset, u64)>,
}

impl SparseIndex {
    pub(super) fn new(base: Offset, every_bytes: u64) -> Self {
        Self { every_bytes, places: vec![(base, HEADER_BYTES as u64)] }
    }

    /// Remembers the place if it is far enough behind the last one.
    pub(super) fn note(&mut self, offset: Offset, position: u64) {
        if self.places.last().is_some_and(|(_, last)| position >= last + self.every_bytes) {
            self.places.push((offset, position));
        }
    }

    /// Records before this one are not there any more: what comes after is found from here.
    pub(super) fn begin_again(&mut self, offset: Offset, position: u64) {
        self.places.push((offset, position));
    }

    /// The nearest known place at or before `offset`.
    fn floor(&self, offset: Offset) -> (Offset, u64) {
        let above = self.places.partition_point(|(known, _)| *known <= offset);
        self.places[above.saturating_sub(1)]
    }
}

/// A segment as the log knows it. Clones share the index.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) base: Offset,
    pub(super) path: PathBuf,
    /// How many of its bytes are durable.
    pub(super) bytes: u64,
    pub(super) index: Arc<Mutex<SparseIndex>>,
}

impl Segment {
    pub(super) fn new(dir: &Path, base: Offset, bytes: u64, index: SparseIndex) -> Self {
        Self { base, path: path_of(dir, base), bytes, index: Arc::new(Mutex::new(index)) }
    }

    /// The records from `from` on, of those below `end`, which is this segment's end.
    pub(super) fn read(
        &self,
        disk: &dyn Disk,
        from: Offset,
        end: Offset,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        let file = disk.open(&self.path).map_err(|source| self.io(source))?;
        let mut budget = Budget::new(bytes_max);
        let mut entries = Vec::new();
        let (mut next, mut position) = self.index.lock().floor(from);
        while next < end {
            let chunk = self.chunk(file.as_ref(), position, CHUNK_BYTES)?;
            let (mut used, before) = (0, next);
            while next < end {
                let record = match self.record_at(&chunk, used, next, position)? {
                    Some(record) => record,
                    None => break,
                };
                self.index.lock().note(next, position + used as u64);
                used += frame_bytes(record.len());
                if next >= from {
                    if !budget.take(record.len()) {
                        return Ok(entries);
                    }
                    entries.push(Entry { offset: next, record });
                }
                next += 1;
            }
            debug_assert!(next > before, "a chunk holds at least one frame");
            position += used as u64;
        }
        Ok(entries)
    }

    /// At least one whole frame from `position` on, if there is one.
    fn chunk(&self, file: &dyn DiskFile, position: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let left = self.bytes.saturating_sub(position) as usize;
        let mut chunk = vec![0; bytes.min(left)];
        let read = read_full_at(file, &mut chunk, position).map_err(|source| self.io(source))?;
        chunk.truncate(read);
        match frame_at(&chunk) {
            // Once more with all that it needs; if the file has less, the caller sees that it is cut off.
            Err(BadFrame::Short { needed }) if needed > bytes && needed <= left => {
                self.chunk(file, position, needed)
            }
            _ => Ok(chunk.into()),
        }
    }

    /// The record `expected` at `used` in the chunk; `None` when it goes on behind the chunk.
    fn record_at(
        &self,
        chunk: &Bytes,
        used: usize,
        expected: Offset,
        position: u64,
    ) -> Result<Option<Bytes>, ReadError> {
        let place = position + used as u64;
        match frame_at(&chunk[used..]) {
            Ok(frame) if frame.offset == expected => Ok(Some(chunk.slice_ref(frame.record))),
            Ok(frame) => {
                Err(self.damaged(place, format!("record {} stands where {expected} should", frame.offset)))
            }
            // Another chunk begins there; the first frame of a chunk is whole, or the file is cut off.
            Err(BadFrame::Short { .. }) if used > 0 => Ok(None),
            Err(reason) => Err(self.damaged(place, format!("record {expected}: {reason}"))),
        }
    }

    fn damaged(&self, position: u64, reason: String) -> ReadError {
        ReadError::Damaged { file: self.path.clone(), position, reason }
    }

    fn io(&self, source: std::io::Error) -> ReadError {
        ReadError::Io { file: self.path.clone(), source: Arc::new(source) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_segment_begins_where_counting_would_overflow() {
        let base = |base| base_of(&path_of(Path::new("/log"), base));
        assert_eq!((base(0), base(BASE_MAX)), (Some(0), Some(BASE_MAX)));
        assert_eq!((base(BASE_MAX + 1), base(u64::MAX)), (None, None));
    }
}
