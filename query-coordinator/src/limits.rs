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
