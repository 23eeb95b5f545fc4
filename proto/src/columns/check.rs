//! The structure of a batch from anybody: what must hold before a column may be indexed without looking.

use model::{ROWS_PER_BATCH_MAX, Reason, Refusal, Stamp};

use super::publisher_of;
use crate::v1;

/// Rows: not too many, columns of equal length, series that are there, kinds of one byte.
pub(super) fn rows(batch: &v1::Batch) -> Result<(), Refusal> {
    let rows = batch.row_series.len();
    if rows > ROWS_PER_BATCH_MAX {
        return Err(Reason::BatchSize.because(format!(
            "the batch has {rows} rows, at most {ROWS_PER_BATCH_MAX} are taken: split it"
        )));
    }
    equal("row_minute", batch.row_minute.len(), "row_series", rows)?;
    equal("row_count", batch.row_count.len(), "row_series", rows)?;
    equal("row_sum", batch.row_sum.len(), "row_series", rows)?;
    if !batch.row_min.is_empty() || !batch.row_max.is_empty() {
        equal("row_min", batch.row_min.len(), "row_series", rows)?;
        equal("row_max", batch.row_max.len(), "row_series", rows)?;
    }
    if !batch.row_kinds.is_empty() {
        equal("row_kinds", batch.row_kinds.len(), "row_series", rows)?;
    }
    indices("row_series", &batch.row_series, "series", batch.series_metric.len())?;
    indices("row_kinds", &batch.row_kinds, "kinds", 1 << u8::BITS)
}

/// The publisher has 16 bytes or none.
pub(super) fn stamp(batch: &v1::Batch) -> Result<Option<Stamp>, Refusal> {
    if batch.publisher.is_empty() {
        return Ok(None);
    }
    let publisher = publisher_of(&batch.publisher).ok_or_else(|| {
        let bytes = batch.publisher.len();
        Reason::Malformed.because(format!("publisher has {bytes} bytes, must have 16 or, for no identity, 0"))
    })?;
    Ok(Some(Stamp { publisher, epoch: batch.epoch, sequence: batch.sequence }))
}

/// Where each string begins; their lengths add up to the blob.
pub(super) fn strings(batch: &v1::Batch) -> Result<Vec<u32>, Refusal> {
    let bytes = batch.string_bytes.len();
    let (starts, end) = starts(&batch.string_len);
    if end != bytes as u64 || u32::try_from(end).is_err() {
        return Err(Reason::Malformed.because(format!(
            "string_len adds up to {end} bytes, string_bytes has {bytes}: they must be equal"
        )));
    }
    Ok(starts)
}

/// Where the dimensions of each series begin; they add up to the dimension columns, and every string is there.
pub(super) fn series(batch: &v1::Batch) -> Result<Vec<u32>, Refusal> {
    let (dims, strings) = (batch.dim_name.len(), batch.string_len.len());
    equal("dim_value", batch.dim_value.len(), "dim_name", dims)?;
    equal("series_dim_count", batch.series_dim_count.len(), "series_metric", batch.series_metric.len())?;
    indices("series_metric", &batch.series_metric, "strings", strings)?;
    indices("dim_name", &batch.dim_name, "strings", strings)?;
    indices("dim_value", &batch.dim_value, "strings", strings)?;
    let (starts, end) = starts(&batch.series_dim_count);
    if end != dims as u64 || u32::try_from(end).is_err() {
        return Err(Reason::Malformed
            .because(format!("series_dim_count adds up to {end}, dim_name has {dims}: they must be equal")));
    }
    Ok(starts)
}

/// Columns that only some rows have: their rows ascend and are there.
pub(super) fn side_columns(batch: &v1::Batch) -> Result<(), Refusal> {
    let rows = batch.row_series.len();
    equal("distinct", batch.distinct.len(), "distinct_row", batch.distinct_row.len())?;
    ascending("distinct_row", &batch.distinct_row, rows)?;
    equal("distribution", batch.distribution.len(), "distribution_row", batch.distribution_row.len())?;
    ascending("distribution_row", &batch.distribution_row, rows)?;
    let (starts, times) = (&batch.cumulative_start_unix_nano, &batch.cumulative_time_unix_nano);
    equal("cumulative_start_unix_nano", starts.len(), "cumulative_row", batch.cumulative_row.len())?;
    equal("cumulative_time_unix_nano", times.len(), "cumulative_row", batch.cumulative_row.len())?;
    ascending("cumulative_row", &batch.cumulative_row, rows)
}

/// Running sums, and the total, which need not fit them.
fn starts(lengths: &[u32]) -> (Vec<u32>, u64) {
    let mut starts = Vec::with_capacity(lengths.len() + 1);
    let mut end = 0_u64;
    starts.push(0);
    for length in lengths {
        end += u64::from(*length);
        #[expect(clippy::cast_possible_truncation, reason = "callers refuse a total that does not fit")]
        starts.push(end as u32);
    }
    (starts, end)
}

pub(crate) fn equal(column: &str, len: usize, other: &str, must: usize) -> Result<(), Refusal> {
    if len == must {
        return Ok(());
    }
    Err(Reason::Malformed
        .because(format!("{column} has {len} entries, {other} has {must}: they must be equal")))
}

fn indices(column: &str, entries: &[u32], of: &str, end: usize) -> Result<(), Refusal> {
    // The greatest first: a loop without a way out is a few entries an instruction.
    let greatest = entries.iter().copied().max().unwrap_or(0);
    if entries.is_empty() || (greatest as usize) < end {
        return Ok(());
    }
    let at = entries.iter().position(|entry| *entry as usize >= end).unwrap_or(0);
    let entry = entries[at];
    Err(Reason::Malformed.because(format!("{column}[{at}] is {entry}, but there are only {end} {of}")))
}

fn ascending(column: &str, rows: &[u32], end: usize) -> Result<(), Refusal> {
    indices(column, rows, "rows", end)?;
    match rows.windows(2).position(|two| two[0] >= two[1]) {
        None => Ok(()),
        Some(at) => Err(Reason::Malformed.because(format!(
            "{column}[{}] is {}, after {}: rows must ascend",
            at + 1,
            rows[at + 1],
            rows[at]
        ))),
    }
}
