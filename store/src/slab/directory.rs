//! The frame of a block in its long form: version, rows, and where each column lies.

use crate::StoreError;

use super::{SlabBlock, short};

const VERSION: u8 = 1;
/// Version, number of columns, rows.
const HEAD_BYTES: usize = 1 + 1 + 4;
/// Tag, length.
const ENTRY_BYTES: usize = 1 + 4;
pub(super) const CRC_BYTES: usize = 4;

const _: () = assert!(SlabBlock::BYTES_MAX <= u32::MAX as usize, "a column's length is 32 bits wide");
const _: () = assert!(SlabBlock::ROWS_MAX <= u32::MAX as usize, "the number of rows is 32 bits wide");

/// What a column is. The number is part of the format. A reader passes over numbers it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Tag {
    Ids = 1,
    Kinds = 2,
    Counts = 3,
    SumInts = 4,
    SumFloats = 5,
    MinInts = 6,
    MinFloats = 7,
    MaxInts = 8,
    MaxFloats = 9,
    MinDistances = 10,
    MaxDistances = 11,
    SumLevels = 12,
    SumDistances = 13,
    DistinctRows = 16,
    DistinctEstimates = 17,
    DistinctSketches = 18,
    DistributionRows = 24,
    P50 = 25,
    P90 = 26,
    P95 = 27,
    P99 = 28,
    P999 = 29,
    DistributionSketches = 30,
    Series = 32,
    OwnMinutes = 33,
    MinuteCounts = 34,
    MinuteGaps = 35,
    HourCounts = 36,
    Hours = 37,
}

/// Gathers columns, ascending by tag.
pub(super) struct DirectoryWriter {
    rows: usize,
    /// Tags, and how long their columns are.
    entries: Vec<(u8, usize)>,
    bodies: Vec<u8>,
}

/// A block whose frame was found whole.
pub(super) struct Directory<'a> {
    pub(super) rows: usize,
    entries: &'a [u8],
    bodies: &'a [u8],
}

// === impl DirectoryWriter ===

impl DirectoryWriter {
    pub(super) fn new(rows: usize) -> Self {
        Self { rows, entries: Vec::new(), bodies: Vec::new() }
    }

    /// Appends what `encode` appends.
    pub(super) fn column(&mut self, tag: Tag, encode: impl FnOnce(&mut Vec<u8>)) {
        debug_assert!(
            self.entries.last().is_none_or(|(last, _)| *last < tag as u8),
            "BUG: columns out of order"
        );
        let start = self.bodies.len();
        encode(&mut self.bodies);
        self.entries.push((tag as u8, self.bodies.len() - start));
    }

    /// The same of a column that was read, whatever its tag; `read` is told how many rows there are.
    pub(super) fn add<E>(
        &mut self,
        tag: u8,
        read: impl FnOnce(usize, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bodies.len();
        read(self.rows, &mut self.bodies)?;
        self.entries.push((tag, self.bodies.len() - start));
        Ok(())
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Tags and bytes.
    pub(super) fn columns(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut start = 0;
        self.entries.iter().map(move |(tag, length)| {
            start += length;
            (*tag, &self.bodies[start - length..start])
        })
    }

    /// The bytes of the block: in its short form where it is small.
    pub(super) fn finish(self) -> Result<Vec<u8>, StoreError> {
        if self.rows <= SlabBlock::ROWS_MAX && self.long_bytes() <= short::LONG_BYTES_MAX {
            short::put(&self)
        } else {
            self.long()
        }
    }

    /// In its long form.
    pub(super) fn long(self) -> Result<Vec<u8>, StoreError> {
        let bytes = self.long_bytes();
        let (rows, rows_max, bytes_max) = (self.rows, SlabBlock::ROWS_MAX, SlabBlock::BYTES_MAX);
        if rows > rows_max || bytes > bytes_max {
            return Err(StoreError::TooLarge { rows, bytes, rows_max, bytes_max });
        }
        let too_many = |_| StoreError::damaged("the head", "it has more than 255 columns");
        let columns = u8::try_from(self.entries.len()).map_err(too_many)?;
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(&[VERSION, columns]);
        out.extend_from_slice(&(rows as u32).to_le_bytes()); // both limits fit 32 bits
        for (tag, length) in &self.entries {
            out.push(*tag);
            out.extend_from_slice(&(*length as u32).to_le_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&self.bodies);
        Ok(out)
    }

    fn long_bytes(&self) -> usize {
        HEAD_BYTES + ENTRY_BYTES * self.entries.len() + CRC_BYTES + self.bodies.len()
    }
}

// === impl Directory ===

impl<'a> Directory<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let short = || StoreError::damaged("the head", "its bytes end early");
        let [version, columns, rows @ ..] = *bytes.first_chunk::<HEAD_BYTES>().ok_or_else(short)?;
        if version != VERSION {
            return Err(StoreError::Version {
                what: "the head".into(),
                found: version,
                known: short::VERSION,
            });
        }
        let head_end = HEAD_BYTES + ENTRY_BYTES * usize::from(columns);
        let (head, rest) = bytes.split_at_checked(head_end).ok_or_else(short)?;
        let (crc, bodies) = rest.split_first_chunk::<CRC_BYTES>().ok_or_else(short)?;
        if crc32c::crc32c(head) != u32::from_le_bytes(*crc) {
            return Err(StoreError::damaged("the head", "its crc32c does not fit"));
        }
        let directory =
            Self { rows: u32::from_le_bytes(rows) as usize, entries: &head[HEAD_BYTES..], bodies };
        directory.check_rows()?;
        directory.check_lengths()?;
        Ok(directory)
    }

    /// The column's bytes; `None` when the block has no such column.
    pub(super) fn column(&self, tag: Tag) -> Option<&'a [u8]> {
        let mut start = 0;
        for (have, length) in self.entries() {
            if have == tag as u8 {
                return self.bodies.get(start..start + length);
            }
            start += length;
        }
        None
    }

    /// Tags and bytes.
    pub(super) fn columns(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.bodies;
        self.entries().map_while(move |(tag, length)| Some((tag, rest.split_off(..length)?)))
    }

    fn check_rows(&self) -> Result<(), StoreError> {
        if self.rows > SlabBlock::ROWS_MAX {
            let why = format!("it claims {} rows, at most {} are read", self.rows, SlabBlock::ROWS_MAX);
            return Err(StoreError::damaged("the head", &why));
        }
        Ok(())
    }

    fn check_lengths(&self) -> Result<(), StoreError> {
        let total: usize = self.entries().map(|(_, length)| length).sum();
        if total != self.bodies.len() {
            let why = format!("its columns take {total} bytes and {} are there", self.bodies.len());
            return Err(StoreError::damaged("the body", &why));
        }
        Ok(())
    }

    fn entries(&self) -> impl Iterator<Item = (u8, usize)> + use<'a> {
        self.entries
            .as_chunks::<ENTRY_BYTES>()
            .0
            .iter()
            .map(|[tag, length @ ..]| (*tag, u32::from_le_bytes(*length) as usize))
    }
}

/// Decodes a whole column: `decode` must use all of its bytes and yield `rows` values.
pub(super) fn decode<'a, T>(
    tag: Tag,
    mut bytes: &'a [u8],
    rows: usize,
    out: &mut Vec<T>,
    decode: impl FnOnce(&mut &'a [u8], usize, &mut Vec<T>) -> Result<(), codec::CodecError>,
) -> Result<(), StoreError> {
    let damaged = |why: &dyn ToString| StoreError::damaged(format!("column {tag:?}"), &why.to_string());
    out.clear();
    decode(&mut bytes, rows, out).map_err(|why| damaged(&why))?;
    if out.len() != rows {
        return Err(damaged(&format!("it has {} values for {rows} rows", out.len())));
    }
    ended(tag, bytes)
}

/// Decodes a whole column of at most `max` ascending numbers: how many, only the column knows.
pub(super) fn decode_some_ids(
    tag: Tag,
    mut bytes: &[u8],
    max: usize,
    out: &mut Vec<u32>,
) -> Result<(), StoreError> {
    out.clear();
    codec::decode_ids(&mut bytes, max, out)
        .map_err(|why| StoreError::damaged(format!("column {tag:?}"), &why))?;
    ended(tag, bytes)
}

/// Nothing follows after a column.
fn ended(tag: Tag, left: &[u8]) -> Result<(), StoreError> {
    if left.is_empty() {
        return Ok(());
    }
    let why = format!("{} bytes follow after its end", left.len());
    Err(StoreError::damaged(format!("column {tag:?}"), &why))
}
