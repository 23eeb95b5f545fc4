//! How much load there may be, with the arithmetic.

use std::time::Duration;

/// Different series of a run. A series' part of the fixed bytes is about 45 bytes: 450 MB.
pub const SERIES_MAX: u64 = 10_000_000;

/// Values of the dimension `Bucket`: one query of a top-1,000 reads all totals of a metric.
pub const BUCKETS_MAX: u32 = 1_000;

/// Rows of a batch.
pub(crate) const BATCH_ROWS_MAX: u32 = 50_000;

/// A row on the wire, measured at 1,000,000 series: 24 bytes of numbers, 6 of count and minute, 35 of its series.
pub(crate) const ROW_BYTES: usize = 80;

/// Publishers of a run, each with a connection of its own.
pub const PUBLISHERS_MAX: u32 = 64;

/// Batches sent and not answered, of all publishers together. With batches of 1,000 rows that is 80 KB each: 320 MB.
pub const IN_FLIGHT_MAX: usize = 4_096;

/// No row's sum is larger.
pub(crate) const ROW_SUM_MAX: u64 = 1 << 16;

/// Rows of a run: so that no total passes 2^53, up to where the JSON API's numbers are exact. 19 hours of 2,000,000
/// rows a second.
pub(crate) const ROWS_MAX: u64 = (1 << 53) / ROW_SUM_MAX;

/// How long a run lasts: rows declared and applied are known for 31 days, after which no answer says what is missing.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// A latency beyond this counts as this.
pub(crate) const LATENCY_MICROS_MAX: u64 = 24 * 3_600_000_000;

const _: () = assert!(BATCH_ROWS_MAX as usize <= model::ROWS_PER_BATCH_MAX);
const _: () = assert!(BATCH_ROWS_MAX as usize * ROW_BYTES <= 4 << 20); // what gRPC peers take by default
