//! Splits the accepted part of a batch by partition: columns are copied, rows are not rebuilt.
//!
//! In:    what admission accepted; the placement.
//! Out:   one batch for each partition that gets any row, under the same stamp (an island looks only at its own).
//! Kept:  nothing.
//! Never: a row in two partitions, or a row's place depending on anything but its series.

use bytes::Bytes;
use model::Placement;
use proto::v1;

use crate::admission::{AcceptedSeries, Admitted};

/// Not there yet.
const NONE: u32 = u32::MAX;

/// What goes to one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Which.
    pub partition: u32,
    /// Self-contained, hashes filled in.
    pub batch: v1::Batch,
}

/// The parts, ascending by partition; rows keep their order within a part.
#[must_use]
pub fn rebucket(admitted: &Admitted<'_>, placement: Placement) -> Vec<Part> {
    let by_partition = order(admitted, placement);
    let mut splitter = Splitter::new(admitted);
    let mut parts: Vec<Part> =
        by_partition.chunk_by(|(a, _), (b, _)| a == b).map(|rows| splitter.part(rows[0].0, rows)).collect();
    splitter.side_columns(&mut parts);
    parts
}

/// Partition and row, ascending by both.
fn order(admitted: &Admitted<'_>, placement: Placement) -> Vec<(u32, u32)> {
    let columns = &admitted.columns;
    let of = |series: &AcceptedSeries| placement.partition_of(series.metric_hash, series.hash);
    let series = 0..u32::try_from(columns.series_count()).unwrap_or(u32::MAX);
    let partitions: Vec<u32> = series.map(|series| admitted.series(series).map_or(NONE, of)).collect();
    let row_series = columns.row_series();
    let rows = admitted.rows.iter().map(|row| (partitions[row_series[*row as usize] as usize], *row));
    let mut rows: Vec<(u32, u32)> = rows.collect();
    rows.sort_unstable(); // rows are unique, so this is a stable order by partition
    rows
}

struct Splitter<'a> {
    admitted: &'a Admitted<'a>,
    /// Of each string of the source: the part that holds it last, and its index there.
    strings: Vec<(u32, u32)>,
    /// Of each series of the source its index in its part; a series is in one part only.
    series: Vec<u32>,
    /// Of each row of the source its part and its index there; filled in only when there are side columns.
    rows: Vec<(u32, u32)>,
    parts: u32,
}

// === impl Splitter ===

impl<'a> Splitter<'a> {
    fn new(admitted: &'a Admitted<'a>) -> Self {
        let columns = &admitted.columns;
        let has_side =
            columns.distinct().len() + columns.distribution().len() + columns.cumulative().len() > 0;
        Self {
            admitted,
            strings: vec![(NONE, NONE); columns.string_count()],
            series: vec![NONE; columns.series_count()],
            rows: if has_side { vec![(NONE, NONE); columns.rows()] } else { Vec::new() },
            parts: 0,
        }
    }

    fn part(&mut self, partition: u32, rows: &[(u32, u32)]) -> Part {
        let mut part = self.empty_part();
        let mut blob = Vec::new();
        part.row_series = rows.iter().map(|(_, row)| self.series_in(&mut part, &mut blob, *row)).collect();
        part.string_bytes = Bytes::from(blob);
        self.copy_rows(&mut part, rows);
        if !self.rows.is_empty() {
            rows.iter().zip(0..).for_each(|((_, row), at)| self.rows[*row as usize] = (self.parts, at));
        }
        self.parts += 1;
        Part { partition, batch: part }
    }

    fn empty_part(&self) -> v1::Batch {
        let from = self.admitted.columns.batch();
        v1::Batch {
            account: self.admitted.columns.account().to_owned(),
            publisher: from.publisher.clone(),
            epoch: from.epoch,
            sequence: from.sequence,
            backfill: from.backfill,
            declares: from.declares,
            ..v1::Batch::default()
        }
    }

    /// The columns that every row has.
    fn copy_rows(&self, part: &mut v1::Batch, rows: &[(u32, u32)]) {
        let from = self.admitted.columns.batch();
        part.row_minute = gather(&from.row_minute, rows);
        part.row_count = gather(&from.row_count, rows);
        part.row_sum = gather(&from.row_sum, rows);
        part.row_min = gather(&from.row_min, rows);
        part.row_max = gather(&from.row_max, rows);
        part.row_kinds = gather(&from.row_kinds, rows);
    }

    /// The index in the part of a row's series, which is listed when it comes for the first time.
    fn series_in(&mut self, part: &mut v1::Batch, blob: &mut Vec<u8>, row: u32) -> u32 {
        let admitted = self.admitted;
        let series = admitted.columns.row_series()[row as usize];
        let known = self.series[series as usize];
        if known != NONE {
            return known;
        }
        let Some(accepted) = admitted.series(series) else {
            unreachable!("admission accepts no row of a series that it refused");
        };
        let index = index(part.series_metric.len());
        self.series[series as usize] = index;
        let metric = self.string_in(part, blob, admitted.columns.metric_string(series));
        let dims = admitted.dims(accepted);
        part.series_metric.push(metric);
        part.series_dim_count.push(self::index(dims.len()));
        for (name, value) in dims {
            let (name, value) = (self.string_in(part, blob, *name), self.string_in(part, blob, *value));
            part.dim_name.push(name);
            part.dim_value.push(value);
        }
        part.series_hash_high.push(accepted.hash.high());
        part.series_hash_low.push(accepted.hash.low());
        part.metric_hash.push(accepted.metric_hash.0);
        index
    }

    fn string_in(&mut self, part: &mut v1::Batch, blob: &mut Vec<u8>, string: u32) -> u32 {
        let (held_by, known) = self.strings[string as usize];
        if held_by == self.parts {
            return known;
        }
        let bytes = self.admitted.columns.string_bytes(string);
        let index = index(part.string_len.len());
        part.string_len.push(self::index(bytes.len()));
        blob.extend_from_slice(bytes);
        self.strings[string as usize] = (self.parts, index);
        index
    }

    /// The columns that only some rows have.
    fn side_columns(&self, parts: &mut [Part]) {
        if self.rows.is_empty() {
            return;
        }
        let place = |row: u32| Some(self.rows[row as usize]).filter(|(part, _)| *part != NONE);
        let columns = &self.admitted.columns;
        for (row, bytes) in columns.distinct() {
            if let Some((part, row)) = place(row) {
                let batch = &mut parts[part as usize].batch;
                batch.distinct_row.push(row);
                batch.distinct.push(bytes.clone());
            }
        }
        for (row, bytes) in columns.distribution() {
            if let Some((part, row)) = place(row) {
                let batch = &mut parts[part as usize].batch;
                batch.distribution_row.push(row);
                batch.distribution.push(bytes.clone());
            }
        }
        for (row, start, time) in columns.cumulative() {
            if let Some((part, row)) = place(row) {
                let batch = &mut parts[part as usize].batch;
                batch.cumulative_row.push(row);
                batch.cumulative_start_unix_nano.push(start);
                batch.cumulative_time_unix_nano.push(time);
            }
        }
    }
}

/// The rows' entries of a column, in their order; a column that was left out stays out.
fn gather<T: Copy>(column: &[T], rows: &[(u32, u32)]) -> Vec<T> {
    if column.is_empty() {
        return Vec::new();
    }
    rows.iter().map(|(_, row)| column[*row as usize]).collect()
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("a part is not larger than its batch, whose indices are u32")
}
