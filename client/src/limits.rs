//! What the client keeps at most, with the arithmetic.

use std::time::Duration;

/// Series that a client tells apart; what comes after goes to its metric's overflow row. At ~250 bytes a series and
/// one entry of ~100 bytes in the table of each thread that records it: ~35 MiB for one thread.
pub const SERIES_MAX_DEFAULT: usize = 100_000;

/// Metrics that may have an overflow row; measurements of a metric beyond that are refused and counted.
pub(crate) const OVERFLOW_ROWS_MAX: usize = 1_000;

/// Bytes of batches that wait to be sent: at ~50 bytes a row more than a million rows, ten full minutes of
/// [`SERIES_MAX_DEFAULT`] series.
pub const QUEUE_BYTES_MAX_DEFAULT: usize = 64 << 20;

/// The smallest queue that can be asked for: it holds the largest batch.
pub const QUEUE_BYTES_MIN: usize = 4 << 20;

/// Rows of a batch.
pub const BATCH_ROWS_MAX: usize = 5_000;

/// A batch is closed when its rows are estimated to have this many bytes. The row that passes the mark may itself be
/// a tuple of 1 MiB and a sketch, and 4 MiB is what gRPC peers take by default.
pub(crate) const BATCH_BYTES: usize = 1 << 20;

/// Batches sent and not answered.
pub const IN_FLIGHT_MAX: usize = 8;

/// No batch is sent whose sequence is this far past the oldest that has no answer: an island remembers 1,024
/// sequences behind the newest and takes what is older for a duplicate.
pub(crate) const SEQUENCE_SPAN_MAX: u64 = model::SEQUENCES_IN_FLIGHT_MAX;

/// (series, minute) pairs of explicit time that are merged before they become rows: ~200 bytes each, 20 MiB.
pub const EXPLICIT_ROWS_MAX: usize = 100_000;

/// Minutes whose rows are built and not yet declared; beyond that they are declared at once. Six weeks.
pub(crate) const UNDECLARED_MINUTES_MAX: usize = 65_536;

/// Minutes that are declared again because their heartbeat was dropped; beyond that only `rows_dropped` tells of them.
/// Half of [`UNDECLARED_MINUTES_MAX`], so that lost minutes alone never ask for a declaration at each row.
pub(crate) const LOST_MINUTES_MAX: usize = UNDECLARED_MINUTES_MAX / 2;

/// A series that was silent for so many minutes is forgotten, so that series that come and go do not add up to
/// [`SERIES_MAX_DEFAULT`].
pub(crate) const IDLE_MINUTES_MAX: u8 = 10;

/// Cells that are drained under one hold of a lock: ~10 µs that a recording thread may have to wait.
pub(crate) const DRAIN_CHUNK: usize = 1_024;

/// One try of one batch.
pub const TRY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// The first retry comes within this time, each further one within twice the time before.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// A retry comes within this time.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// A server may hold a client off for so long and no longer.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// What the last `Client` waits for acknowledgements when it is dropped.
pub const DROP_TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);

/// The clock is looked at so often, so that a wall clock that is set does not hold a minute open.
pub(crate) const CLOCK_CHECK: Duration = Duration::from_millis(500);

const _: () = assert!(IN_FLIGHT_MAX as u64 <= model::SEQUENCES_IN_FLIGHT_MAX);
const _: () = assert!(SEQUENCE_SPAN_MAX <= model::SEQUENCES_IN_FLIGHT_MAX);
const _: () = assert!(BATCH_ROWS_MAX <= model::ROWS_PER_BATCH_MAX);
const _: () = assert!(2 * BATCH_BYTES < QUEUE_BYTES_MIN);
const _: () = assert!(QUEUE_BYTES_MIN <= QUEUE_BYTES_MAX_DEFAULT);
