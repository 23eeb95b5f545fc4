//! Builds a batch row by row; strings and series stand once.
//!
//! In:    rows: a series by its words, a minute, an aggregate.
//! Out:   one `v1::Batch`.
//! Kept:  the rows so far. The caller splits: [`BatchBuilder::is_full`] says when.
//! Never: judges. Names, values and minutes are checked where batches come in.

use bytes::Bytes;
use model::{Aggregate, Kinds, Minute, ROWS_PER_BATCH_MAX, Scalars, Stamp};

use crate::intern::{Lists, Strings};
use crate::v1;

/// Bytes after which a batch is full: a quarter of the 16 MiB that a frontend takes in one message, so that one more
/// row with the longest tuple (1 MiB) and two dense sketches still fits with room to spare.
const BATCH_BYTES_FULL: usize = 4 << 20;

/// A batch that is being built.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    /// All columns of rows, and the batch's own fields; the tables are filled in at the end.
    batch: v1::Batch,
    strings: Strings,
    series: Lists,
    /// The series of the row that is being added, reused.
    scratch: Vec<u32>,
    sketch_bytes: usize,
}

// === impl BatchBuilder ===

impl BatchBuilder {
    /// An empty batch of this account.
    #[must_use]
    pub fn new(account: &str) -> Self {
        let batch = v1::Batch { account: account.to_owned(), ..v1::Batch::default() };
        Self { batch, ..Self::default() }
    }

    /// Gives the batch its identity. Without one it is not recognised when it comes a second time.
    #[must_use]
    pub fn publisher(mut self, stamp: Stamp) -> Self {
        self.batch.publisher = Bytes::copy_from_slice(&stamp.publisher.0.to_be_bytes());
        self.batch.epoch = stamp.epoch;
        self.batch.sequence = stamp.sequence;
        self
    }

    /// Rows may be as old as retention.
    #[must_use]
    pub fn backfill(mut self, backfill: bool) -> Self {
        self.batch.backfill = backfill;
        self
    }

    /// The publisher declares by heartbeat how many rows it built.
    #[must_use]
    pub fn declares(mut self, declares: bool) -> Self {
        self.batch.declares = declares;
        self
    }

    /// Says when the batch was built, against which the age of its rows is judged in every try. Without it, or with 0,
    /// that is its newest minute.
    #[must_use]
    pub fn built_at(mut self, unix_seconds: u64) -> Self {
        self.batch.built_unix_seconds = unix_seconds;
        self
    }

    /// Adds one series' aggregate of one minute. Give a series its dimensions in the same order each time, and it is
    /// listed once.
    pub fn add<'d>(
        &mut self,
        metric: &str,
        dims: impl IntoIterator<Item = (&'d str, &'d str)>,
        minute: Minute,
        aggregate: &Aggregate,
    ) {
        let series = self.series_of(metric, dims);
        let row = self.rows_u32();
        self.push_row(series, minute, &aggregate.scalars);
        if let Some(distinct) = aggregate.distinct() {
            let bytes = self.sketch(|out| distinct.encode(out));
            self.batch.distinct_row.push(row);
            self.batch.distinct.push(bytes);
        }
        if let Some(distribution) = aggregate.distribution() {
            let bytes = self.sketch(|out| distribution.encode(out));
            self.batch.distribution_row.push(row);
            self.batch.distribution.push(bytes);
        }
    }

    /// Adds a row that holds totals since `start_unix_nano` (0: the source does not say), as of `time_unix_nano`.
    /// A row with a distribution is a histogram: its count is a total too. A row without is a counter: its count is
    /// the number of readings, 1.
    pub fn add_cumulative<'d>(
        &mut self,
        metric: &str,
        dims: impl IntoIterator<Item = (&'d str, &'d str)>,
        minute: Minute,
        aggregate: &Aggregate,
        start_unix_nano: u64,
        time_unix_nano: u64,
    ) {
        let row = self.rows_u32();
        self.batch.cumulative_row.push(row);
        self.batch.cumulative_start_unix_nano.push(start_unix_nano);
        self.batch.cumulative_time_unix_nano.push(time_unix_nano);
        self.add(metric, dims, minute, aggregate);
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch.row_series.len()
    }

    /// Nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// About how many bytes it is on the wire, rather more than less.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // A row is at most 5 + 5 + 10 + 3 * 8 + 1; a string's length and each use of it a few bytes of varint.
        self.rows() * 45
            + self.strings.bytes.len()
            + self.strings.lengths.len() * 3
            + self.series.items() * 5
            + self.series.len() * 2
            + self.sketch_bytes
            + self.batch.cumulative_row.len() * 21
    }

    /// Another row belongs into another batch: there are as many rows as one may have, or enough bytes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows() >= ROWS_PER_BATCH_MAX || self.bytes() >= BATCH_BYTES_FULL
    }

    /// The batch. Columns that say nothing are left out.
    #[must_use]
    pub fn build(self) -> v1::Batch {
        let Self { mut batch, strings, series, .. } = self;
        batch.string_len = strings.lengths;
        batch.string_bytes = strings.bytes.into();
        for tuple in series.iter() {
            push_series(&mut batch, tuple);
        }
        leave_out_silent_columns(&mut batch);
        batch
    }

    fn series_of<'d>(&mut self, metric: &str, dims: impl IntoIterator<Item = (&'d str, &'d str)>) -> u32 {
        self.scratch.clear();
        self.scratch.push(self.strings.index_of(metric));
        for (name, value) in dims {
            self.scratch.push(self.strings.index_of(name));
            self.scratch.push(self.strings.index_of(value));
        }
        self.series.index_of(&self.scratch)
    }

    fn push_row(&mut self, series: u32, minute: Minute, scalars: &Scalars) {
        self.batch.row_series.push(series);
        self.batch.row_minute.push(minute.0);
        self.batch.row_count.push(scalars.count);
        self.batch.row_sum.push(scalars.sum);
        self.batch.row_min.push(scalars.min);
        self.batch.row_max.push(scalars.max);
        self.batch.row_kinds.push(u32::from(scalars.kinds.0));
    }

    fn sketch(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Bytes {
        let mut bytes = Vec::new();
        encode(&mut bytes);
        self.sketch_bytes += bytes.len() + 8; // its row, tag and length
        bytes.into()
    }

    fn rows_u32(&self) -> u32 {
        u32::try_from(self.rows()).expect("callers split batches long before 4 Gi rows")
    }
}

fn push_series(batch: &mut v1::Batch, tuple: &[u32]) {
    let Some((metric, dims)) = tuple.split_first() else { return };
    batch.series_metric.push(*metric);
    batch
        .series_dim_count
        .push(u32::try_from(dims.len() / 2).expect("a tuple's indices were counted in u32"));
    for pair in dims.chunks_exact(2) {
        batch.dim_name.push(pair[0]);
        batch.dim_value.push(pair[1]);
    }
}

/// Min and max when both are the sum, as in a row of one measurement; kinds when all are whole numbers.
pub(crate) fn leave_out_silent_columns(batch: &mut v1::Batch) {
    if batch.row_min == batch.row_sum
        && batch.row_max == batch.row_sum
        && batch.row_kinds.iter().all(of_one_kind)
    {
        (batch.row_min, batch.row_max) = (Vec::new(), Vec::new());
    }
    if batch.row_kinds.iter().all(|kinds| *kinds == 0) {
        batch.row_kinds = Vec::new();
    }
}

/// Sum, min and max are all integers or all floats.
fn of_one_kind(kinds: &u32) -> bool {
    const FLOATS: u32 = (Kinds::SUM_FLOAT | Kinds::MIN_FLOAT | Kinds::MAX_FLOAT) as u32;
    matches!(kinds & FLOATS, 0 | FLOATS)
}
