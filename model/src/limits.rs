//! Every limit on what is published, with its arithmetic, in one place.

/// A row's tuple and its age: part of the contract, see `docs/publishing.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an account's name.
    pub account_bytes_max: usize,
    /// Bytes of a metric's name.
    pub metric_bytes_max: usize,
    /// Bytes of a dimension's name.
    pub name_bytes_max: usize,
    /// Bytes of a dimension's value.
    pub value_bytes_max: usize,
    /// Dimensions of a series.
    pub dims_max: usize,
    /// Bytes of account, metric and all names and values together.
    pub tuple_bytes_max: usize,
    /// Minutes into the past that a row is merged late.
    pub lateness_minutes: u32,
    /// Minutes into the past that a backfill may reach.
    pub retention_minutes: u32,
    /// Minutes into the future that a publisher's clock may be wrong.
    pub ahead_minutes: u32,
}

/// Minutes that an island keeps open at once: the current one, the one in its grace, those that clocks ahead by
/// [`Limits::ahead_minutes`] may open, and one to spare.
pub const OPEN_MINUTES_MAX: u32 = 5;

/// Rows in one batch: at 50 bytes a row it still fits the 4 MiB that gRPC peers take by default.
pub const ROWS_PER_BATCH_MAX: usize = 65_536;

/// Bounds that a user may set for a distribution: as many as the automatic layout has buckets in an octave, and a sketch
/// of theirs stays below 32 KiB: at most 10 bytes a bound, and 12 a bucket.
pub const BOUNDS_MAX: usize = 1024;

/// Batches that a publisher may have sent and not seen acknowledged.
pub const SEQUENCES_IN_FLIGHT_MAX: u64 = 256;

/// Sequences behind the newest that an island remembers one by one. What is older was acknowledged long ago, because
/// at most [`SEQUENCES_IN_FLIGHT_MAX`] are in flight, and counts as a duplicate.
pub const PUBLISHER_WINDOW: u64 = 1024;

const _: () = assert!(PUBLISHER_WINDOW >= 4 * SEQUENCES_IN_FLIGHT_MAX);
const _: () = assert!(OPEN_MINUTES_MAX == 1 + 1 + Limits::DEFAULT.ahead_minutes + 1);
const _: () = assert!(Limits::DEFAULT.lateness_minutes < Limits::DEFAULT.retention_minutes);
const _: () = assert!(ROWS_PER_BATCH_MAX * 50 <= 4 << 20);
const _: () = assert!(BOUNDS_MAX * 10 + (BOUNDS_MAX + 1) * 12 < 32 << 10);

// === impl Limits ===

impl Limits {
    /// The limits of `docs/publishing.md`.
    pub const DEFAULT: Self = Self {
        account_bytes_max: 128,
        metric_bytes_max: 256,
        name_bytes_max: 128,
        value_bytes_max: 1024,
        dims_max: 64,
        tuple_bytes_max: 1 << 20,
        lateness_minutes: 60,
        retention_minutes: 30 * 24 * 60,
        ahead_minutes: 2,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
