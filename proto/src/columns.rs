//! A batch whose structure was checked once, read by columns. Its strings are still bytes.
//!
//! In:    a decoded `v1::Batch`, from anybody.
//! Out:   slices and indices that cannot be out of range.
//! Never: looks at what the values mean, nor at UTF-8: one bad string spoils its own series, not the batch
//!        ([`crate::BatchView`] is for those who want all strings good).

mod check;

pub(crate) use check::equal;

use std::ops::Range;

use model::{Kinds, Minute, PublisherId, Refusal, Scalars, Stamp};

use crate::{ACCOUNT_DEFAULT, v1};

/// A batch by columns. All row columns are as long as [`BatchColumns::rows`], all indices point somewhere.
#[derive(Clone, Debug)]
pub struct BatchColumns<'a> {
    batch: &'a v1::Batch,
    stamp: Option<Stamp>,
    /// Where each string begins, and where the last one ends.
    string_starts: Vec<u32>,
    /// Where the dimensions of each series begin, and where those of the last one end.
    dim_starts: Vec<u32>,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index into the batch's series.
    pub series: u32,
    /// Of what minute.
    pub minute: Minute,
    /// Its numbers.
    pub scalars: Scalars,
}

// === impl BatchColumns ===

impl<'a> BatchColumns<'a> {
    /// Checks the structure, in one pass over each column.
    ///
    /// # Errors
    /// When columns contradict each other (`Malformed`), or there are too many rows (`BatchSize`).
    pub fn new(batch: &'a v1::Batch) -> Result<Self, Refusal> {
        check::rows(batch)?;
        let stamp = check::stamp(batch)?;
        let string_starts = check::strings(batch)?;
        let dim_starts = check::series(batch)?;
        check::side_columns(batch)?;
        Ok(Self { batch, stamp, string_starts, dim_starts })
    }

    /// As it came.
    #[must_use]
    pub fn batch(&self) -> &'a v1::Batch {
        self.batch
    }

    /// Whose rows these are.
    #[must_use]
    pub fn account(&self) -> &'a str {
        if self.batch.account.is_empty() { ACCOUNT_DEFAULT } else { &self.batch.account }
    }

    /// The identity; `None` when the publisher does not retry.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Rows may be as old as retention.
    #[must_use]
    pub fn backfill(&self) -> bool {
        self.batch.backfill
    }

    /// The publisher declares its rows by heartbeat.
    #[must_use]
    pub fn declares(&self) -> bool {
        self.batch.declares
    }

    /// How many strings the table has.
    #[must_use]
    pub fn string_count(&self) -> usize {
        self.batch.string_len.len()
    }

    /// The bytes of a string of the table.
    #[must_use]
    #[inline]
    pub fn string_bytes(&self, string: u32) -> &'a [u8] {
        &self.batch.string_bytes[self.string_range(string)]
    }

    #[inline]
    pub(crate) fn string_range(&self, string: u32) -> Range<usize> {
        let at = string as usize;
        self.string_starts[at] as usize..self.string_starts[at + 1] as usize
    }

    /// How many series the table has.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.batch.series_metric.len()
    }

    /// The string that names the series' metric.
    #[must_use]
    #[inline]
    pub fn metric_string(&self, series: u32) -> u32 {
        self.batch.series_metric[series as usize]
    }

    /// The strings that are the series' dimensions' names, and those that are their values.
    #[must_use]
    #[inline]
    pub fn dim_strings(&self, series: u32) -> (&'a [u32], &'a [u32]) {
        let at = series as usize;
        let range = self.dim_starts[at] as usize..self.dim_starts[at + 1] as usize;
        (&self.batch.dim_name[range.clone()], &self.batch.dim_value[range])
    }

    /// How many rows there are.
    #[must_use]
    #[inline]
    pub fn rows(&self) -> usize {
        self.batch.row_series.len()
    }

    /// Of each row its series.
    #[must_use]
    pub fn row_series(&self) -> &'a [u32] {
        &self.batch.row_series
    }

    /// Of each row its minute since 1970.
    #[must_use]
    pub fn row_minutes(&self) -> &'a [u32] {
        &self.batch.row_minute
    }

    /// Of each row its count.
    #[must_use]
    pub fn counts(&self) -> &'a [u64] {
        &self.batch.row_count
    }

    /// Of each row the bits of its sum.
    #[must_use]
    pub fn sums(&self) -> &'a [u64] {
        &self.batch.row_sum
    }

    /// Of each row the bits of its min; the sums where the column was left out.
    #[must_use]
    pub fn mins(&self) -> &'a [u64] {
        if self.batch.row_min.is_empty() { &self.batch.row_sum } else { &self.batch.row_min }
    }

    /// Of each row the bits of its max; the sums where the column was left out.
    #[must_use]
    pub fn maxes(&self) -> &'a [u64] {
        if self.batch.row_max.is_empty() { &self.batch.row_sum } else { &self.batch.row_max }
    }

    /// Of each row its kinds, each of them a byte ([`model::Kinds`]); empty when all are 0.
    #[must_use]
    pub fn kinds(&self) -> &'a [u32] {
        &self.batch.row_kinds
    }

    /// One row put together.
    #[must_use]
    #[inline]
    pub fn row(&self, row: usize) -> Row {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be a byte")]
        let kinds = Kinds(self.kinds().get(row).map_or(0, |kinds| *kinds as u8));
        let (count, sum) = (self.counts()[row], self.sums()[row]);
        let (min, max) = (self.mins()[row], self.maxes()[row]);
        let scalars = Scalars { count, sum, min, max, kinds };
        Row { series: self.row_series()[row], minute: Minute(self.row_minutes()[row]), scalars }
    }

    /// Row and bytes of each distinct sketch, ascending by row. The bytes are not decoded yet.
    pub fn distinct(&self) -> impl ExactSizeIterator<Item = (u32, &'a bytes::Bytes)> + use<'a> {
        self.batch.distinct_row.iter().copied().zip(&self.batch.distinct)
    }

    /// Row and bytes of each distribution, ascending by row. The bytes are not decoded yet.
    pub fn distribution(&self) -> impl ExactSizeIterator<Item = (u32, &'a bytes::Bytes)> + use<'a> {
        self.batch.distribution_row.iter().copied().zip(&self.batch.distribution)
    }

    /// Row, start and time (unix nanoseconds) of each row that is cumulative, ascending by row.
    pub fn cumulative(&self) -> impl ExactSizeIterator<Item = (u32, u64, u64)> + use<'a> {
        let (starts, times) = (&self.batch.cumulative_start_unix_nano, &self.batch.cumulative_time_unix_nano);
        let rows = self.batch.cumulative_row.iter().copied();
        rows.zip(starts).zip(times).map(|((row, start), time)| (row, *start, *time))
    }
}

/// 16 bytes, the first the highest.
fn publisher_of(bytes: &[u8]) -> Option<PublisherId> {
    bytes.try_into().ok().map(|bytes| PublisherId(u128::from_be_bytes(bytes)))
}
