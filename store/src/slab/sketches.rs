//! The rows that have a sketch: which they are, what is read off it at the seal, and the sketch's own bytes.

use model::{Distinct, Distribution, Scalars, SketchError};

use crate::StoreError;

use super::directory::{Directory, DirectoryWriter, Tag, decode, decode_some_ids};
use super::{Columns, Percentile};

/// Byte strings end to end.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Rows with a distinct sketch.
#[derive(Debug, Default)]
pub(super) struct DistinctRows {
    pub(super) rows: Vec<u32>,
    pub(super) estimates: Vec<f64>,
    sketches: Blobs,
}

/// Rows with a distribution.
#[derive(Debug, Default)]
pub(super) struct DistributionRows {
    pub(super) rows: Vec<u32>,
    pub(super) percentiles: [Vec<f64>; 5],
    sketches: Blobs,
}

const PERCENTILE_TAGS: [Tag; 5] = [Tag::P50, Tag::P90, Tag::P95, Tag::P99, Tag::P999];

// === impl Blobs ===

impl Blobs {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn release(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    fn push(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        append(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// `None` where no sketches were asked for.
    fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }

    /// Keeps those whose flag is set.
    fn retain(&mut self, keep: &[bool]) {
        let (mut kept, mut start) = (Self::default(), 0);
        for (end, keep) in self.ends.iter().zip(keep) {
            if *keep {
                kept.push(|bytes| bytes.extend_from_slice(&self.bytes[start..*end]));
            }
            start = *end;
        }
        *self = kept;
    }

    fn put(&self, tag: Tag, out: &mut DirectoryWriter) {
        let all: Vec<&[u8]> = (0..self.ends.len()).filter_map(|at| self.get(at)).collect();
        out.column(tag, |bytes| codec::encode_bytes(&all, bytes));
    }

    /// Copied, because a block's bytes do not outlive the read; only readers of whole sketches pay for it.
    fn take(&mut self, tag: Tag, directory: &Directory<'_>, rows: usize) -> Result<(), StoreError> {
        let mut all = Vec::new();
        decode(tag, required(tag, directory)?, rows, &mut all, codec::decode_bytes)?;
        all.iter().for_each(|blob| self.push(|bytes| bytes.extend_from_slice(blob)));
        Ok(())
    }
}

// === impl DistinctRows ===

impl DistinctRows {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.estimates.clear();
        self.sketches.clear();
    }

    /// Gives back all memory that the rows do not need.
    pub(super) fn release(&mut self) {
        self.rows.shrink_to_fit();
        self.estimates.shrink_to_fit();
        self.sketches.release();
    }

    pub(super) fn push(&mut self, row: u32, sketch: &Distinct) {
        self.rows.push(row);
        self.estimates.push(sketch.estimate());
        self.sketches.push(|bytes| sketch.encode(bytes));
    }

    pub(super) fn sketch_bytes(&self) -> usize {
        self.sketches.bytes.len()
    }

    /// Keeps what belongs to a row whose flag is set.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        let own = retain_rows(&mut self.rows, keep);
        retain(&mut self.estimates, &own);
        self.sketches.retain(&own);
    }

    pub(super) fn put(&self, out: &mut DirectoryWriter) {
        if !self.rows.is_empty() {
            out.column(Tag::DistinctRows, |bytes| codec::encode_ids(&self.rows, bytes));
            out.column(Tag::DistinctEstimates, |bytes| codec::encode_floats(&self.estimates, bytes));
            self.sketches.put(Tag::DistinctSketches, out);
        }
    }

    pub(super) fn take(&mut self, directory: &Directory<'_>, wanted: Columns) -> Result<(), StoreError> {
        self.clear();
        if !wanted.has_any(Columns::DISTINCT | Columns::DISTINCT_ESTIMATE)
            || !take_rows(Tag::DistinctRows, directory, &mut self.rows)?
        {
            return Ok(());
        }
        if wanted.has(Columns::DISTINCT_ESTIMATE) {
            take_floats(Tag::DistinctEstimates, directory, self.rows.len(), &mut self.estimates)?;
        }
        if wanted.has(Columns::DISTINCT) {
            self.sketches.take(Tag::DistinctSketches, directory, self.rows.len())?;
        }
        Ok(())
    }

    pub(super) fn sketch(&self, row: usize) -> Result<Option<Distinct>, StoreError> {
        sketch("distinct sketch", row, &self.rows, &self.sketches, Distinct::decode)
    }
}

// === impl DistributionRows ===

impl DistributionRows {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.percentiles.iter_mut().for_each(Vec::clear);
        self.sketches.clear();
    }

    /// Gives back all memory that the rows do not need.
    pub(super) fn release(&mut self) {
        self.rows.shrink_to_fit();
        self.percentiles.iter_mut().for_each(Vec::shrink_to_fit);
        self.sketches.release();
    }

    /// A percentile is clamped to what was measured, as everywhere that one is read; of an empty distribution it is
    /// NaN, which is never a percentile.
    pub(super) fn push(&mut self, row: u32, sketch: &Distribution, scalars: &Scalars) {
        let (min, max) = (scalars.min().to_f64(), scalars.max().to_f64());
        self.rows.push(row);
        for (which, column) in Percentile::ALL.into_iter().zip(&mut self.percentiles) {
            column.push(sketch.percentile(which.percent()).map_or(f64::NAN, |read| read.max(min).min(max)));
        }
        self.sketches.push(|bytes| sketch.encode(bytes));
    }

    pub(super) fn sketch_bytes(&self) -> usize {
        self.sketches.bytes.len()
    }

    /// Keeps what belongs to a row whose flag is set.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        let own = retain_rows(&mut self.rows, keep);
        self.percentiles.iter_mut().for_each(|column| retain(column, &own));
        self.sketches.retain(&own);
    }

    pub(super) fn put(&self, out: &mut DirectoryWriter) {
        if !self.rows.is_empty() {
            out.column(Tag::DistributionRows, |bytes| codec::encode_ids(&self.rows, bytes));
            for (tag, column) in PERCENTILE_TAGS.into_iter().zip(&self.percentiles) {
                out.column(tag, |bytes| codec::encode_floats(column, bytes));
            }
            self.sketches.put(Tag::DistributionSketches, out);
        }
    }

    pub(super) fn take(&mut self, directory: &Directory<'_>, wanted: Columns) -> Result<(), StoreError> {
        self.clear();
        if !wanted.has_any(Columns::DISTRIBUTION | Columns::PERCENTILES)
            || !take_rows(Tag::DistributionRows, directory, &mut self.rows)?
        {
            return Ok(());
        }
        let columns = Percentile::ALL.into_iter().zip(PERCENTILE_TAGS).zip(&mut self.percentiles);
        for ((which, tag), column) in
            columns.filter(|((which, _), _)| wanted.has(Columns::percentile(*which)))
        {
            debug_assert_eq!(PERCENTILE_TAGS[which as usize], tag);
            take_floats(tag, directory, self.rows.len(), column)?;
        }
        if wanted.has(Columns::DISTRIBUTION) {
            self.sketches.take(Tag::DistributionSketches, directory, self.rows.len())?;
        }
        Ok(())
    }

    pub(super) fn sketch(&self, row: usize) -> Result<Option<Distribution>, StoreError> {
        sketch("distribution", row, &self.rows, &self.sketches, Distribution::decode)
    }
}

/// Keeps the values whose flag is set; a column that was not asked for stays empty.
pub(super) fn retain<T>(column: &mut Vec<T>, keep: &[bool]) {
    let mut flags = keep.iter();
    column.retain(|_| flags.next().is_some_and(|keep| *keep));
}

/// Keeps the row numbers whose flag is set, as numbers among the rows that stay. Says of each whether it was kept.
fn retain_rows(rows: &mut Vec<u32>, keep: &[bool]) -> Vec<bool> {
    let own: Vec<bool> = rows.iter().map(|row| keep[*row as usize]).collect();
    retain(rows, &own);
    let (mut counted, mut before) = (0, 0);
    for row in rows {
        before += (keep[counted..*row as usize].iter().filter(|keep| **keep).count()) as u32;
        counted = *row as usize;
        *row = before;
    }
    own
}

/// Where a row stands among those that have a sketch. When all have one it stands where it is.
pub(super) fn find(rows: &[u32], row: usize) -> Option<usize> {
    let wanted = u32::try_from(row).ok()?;
    if rows.get(row) == Some(&wanted) { Some(row) } else { rows.binary_search(&wanted).ok() }
}

fn sketch<T>(
    what: &str,
    row: usize,
    rows: &[u32],
    sketches: &Blobs,
    decode: impl FnOnce(&[u8]) -> Result<T, SketchError>,
) -> Result<Option<T>, StoreError> {
    let Some(bytes) = find(rows, row).and_then(|at| sketches.get(at)) else { return Ok(None) };
    decode(bytes).map(Some).map_err(|why| StoreError::damaged(format!("{what} of row {row}"), &why))
}

/// Which rows have a sketch; false when none has.
fn take_rows(tag: Tag, directory: &Directory<'_>, out: &mut Vec<u32>) -> Result<bool, StoreError> {
    let Some(bytes) = directory.column(tag) else { return Ok(false) };
    decode_some_ids(tag, bytes, directory.rows, out)?;
    if out.last().is_some_and(|last| *last as usize >= directory.rows) {
        return Err(StoreError::damaged(format!("column {tag:?}"), "it names a row that is not there"));
    }
    Ok(true)
}

fn take_floats(
    tag: Tag,
    directory: &Directory<'_>,
    rows: usize,
    out: &mut Vec<f64>,
) -> Result<(), StoreError> {
    decode(tag, required(tag, directory)?, rows, out, codec::decode_floats)
}

/// A column that must be there because another one is.
pub(super) fn required<'a>(tag: Tag, directory: &Directory<'a>) -> Result<&'a [u8], StoreError> {
    directory.column(tag).ok_or_else(|| StoreError::damaged(format!("column {tag:?}"), "it is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_released_keeps_no_room_of_larger_blocks() {
        let (mut distinct, mut distribution) = (DistinctRows::default(), DistributionRows::default());
        for rows in [1_000, 1] {
            distinct.clear();
            distribution.clear();
            for row in 0..rows {
                let (mut sketch, mut values) = (Distinct::default(), Distribution::new());
                sketch.observe(&row.to_string());
                values.record(f64::from(row));
                distinct.push(row, &sketch);
                distribution.push(row, &values, &Scalars::default());
            }
        }
        assert!(distinct.rows.capacity() >= 1_000);
        distinct.release();
        distribution.release();
        let distinct =
            [distinct.rows.capacity(), distinct.estimates.capacity(), distinct.sketches.ends.capacity()];
        let [first, ..] = &distribution.percentiles;
        let distribution =
            [distribution.rows.capacity(), first.capacity(), distribution.sketches.ends.capacity()];
        assert_eq!((distinct, distribution), ([1; 3], [1; 3]));
    }
}
