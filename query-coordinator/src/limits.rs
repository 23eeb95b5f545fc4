//! What a query may cost, in one place.

use std::time::Duration;

/// The bounds of queries. Whoever asks for more is told which bound, and how to ask for less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Rows of slab blocks (a series in a minute) that one query may read. 200 M at 3 ns are 0.6 s of one core.
    pub points_max: u64,
    /// Groups that one query may make. 5 M cells of 40 B are 200 MB.
    pub groups_max: u64,
    /// Bytes of merged sketches that one query may hold.
    pub sketch_bytes_max: u64,
    /// Points in one answer: rows × (1 + pivots) × steps. 2 M of them are 48 MB.
    pub answer_points_max: u64,
    /// Series in one answer of `/v1/series`; the others are left out with a warning.
    pub series_max: usize,
    /// How long one query may take. What has not answered by then makes the answer partial.
    pub deadline: Duration,
    /// Queries at work at once.
    pub queries_max: usize,
    /// Queries that wait for one of those places; more are refused as busy.
    pub waiting_max: usize,
    /// Partitions read at once, by all queries together.
    pub jobs_max: usize,
}

/// Minutes of one query: ten years, as long as anything is kept. What a query costs is bounded by the points that it
/// finds, not by the time it looks at.
pub(crate) const RANGE_MINUTES_MAX: u32 = 3_653 * 24 * 60;

/// Rows of a top-N.
pub(crate) const N_MAX: u32 = 10_000;

/// Rows of a top-N when the request does not say.
pub(crate) const N_DEFAULT: u32 = 10;

/// Values of one page of hints.
pub(crate) const HINTS_LIMIT_MAX: u32 = 100_000;

/// Values of one page of hints when the request does not say.
pub(crate) const HINTS_LIMIT_DEFAULT: u32 = 1_000;

/// Other metrics beside the winners.
pub(crate) const PIVOTS_MAX: usize = 16;

/// Conditions of one query.
pub(crate) const MATCHERS_MAX: usize = 64;

/// Values of one condition.
pub(crate) const MATCHER_VALUES_MAX: usize = 10_000;

/// Minutes that an answer's completeness lists one by one; older ones count in its ratio only.
pub(crate) const MINUTES_LISTED_MAX: usize = 1_440;

/// A partition may take so long to say which state it is asked in, or a tenth of the query's time if that is more. It
/// does within milliseconds, unless it is just writing a seal of millions of rows.
pub(crate) const PIN_WAIT_MIN: Duration = Duration::from_secs(1);

/// Bytes that other nodes may send for one query: 5 M groups of 100 B, twice.
pub(crate) const WIRE_BYTES_MAX: u64 = 1 << 30;

/// Bytes of a job: 10,000 named groups of some kB each, or a list of values.
pub(crate) const JOB_BYTES_MAX: usize = 64 << 20;

/// Bytes of one piece of a job or an answer; so nobody holds up a connection that others share.
pub(crate) const PIECE_BYTES: usize = 1 << 20;

/// Bytes of one message between coordinator and worker: a piece, or a month of rows applied by minute.
pub(crate) const LEASE_MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Leases that a worker holds at once; more are refused. Each is a snapshot of a store, and little else.
pub(crate) const LEASES_MAX: usize = 4_096;

/// However long the asker would hold a lease.
pub(crate) const LEASE_MAX: Duration = Duration::from_secs(120);

/// A node that has not said by then what it can give is not waited for alone, where another has the partition, too.
pub(crate) const HEDGE_AFTER: Duration = Duration::from_millis(300);

/// For so long a node that was silent is asked after others, and waited for no longer than [`SILENT_WAIT`] where there are none.
pub(crate) const SILENT_FOR: Duration = Duration::from_secs(10);

/// See [`SILENT_FOR`].
pub(crate) const SILENT_WAIT: Duration = Duration::from_millis(300);

/// Alerts that a partition elsewhere may show; it shows half of them.
pub(crate) const ALERTS_MAX: usize = 20_000;

/// How long a node may take to say how a partition does.
pub(crate) const CALL_WAIT: Duration = Duration::from_secs(3);

/// How long a connection may take.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(1);

const _: () = assert!(2 * PIECE_BYTES <= LEASE_MESSAGE_BYTES_MAX);

/// Partitions that are waited for at once, by all queries together: half of the threads that tokio has for blocking.
pub(crate) const CALLS_MAX: usize = 256;

/// Bytes of a JSON request: the longest list of values that a condition may have, at 100 bytes each.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(MATCHER_VALUES_MAX * 100 <= BODY_BYTES_MAX);

// === impl QueryLimits ===

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            points_max: 200_000_000,
            groups_max: 5_000_000,
            sketch_bytes_max: 1 << 30,
            answer_points_max: 2_000_000,
            series_max: 1_000,
            deadline: Duration::from_secs(30),
            queries_max: 16,
            waiting_max: 256,
            jobs_max: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}
