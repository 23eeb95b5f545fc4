//! What an island may hold, with the arithmetic. Replicas must agree on [`IslandLimits`]: they decide what is dropped.

use model::{Limits, PUBLISHER_WINDOW};

/// The bounds of the state machine. The same on every replica of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IslandLimits {
    /// Series of the partition. At 250 B a series all in, 20 M are 5 GB.
    pub series_max: u32,
    /// Publishers (lives of publishers) whose batches are remembered. At 250 B each, 131,072 are 33 MB.
    pub publishers_max: usize,
    /// Rows of minutes that wait because [`model::OPEN_MINUTES_MAX`] others are open already. At 150 B, 1 M are 150 MB.
    pub ahead_rows_max: usize,
    /// (account, metric, reason) under which drops are counted one by one; all others share one entry.
    pub drop_counters_max: usize,
    /// (account, hour) of which the applied rows are known. At 500 B, 32,768 are 16 MB: 31 days of 44 accounts.
    pub account_hours_max: usize,
}

/// Minutes of log time after which a publisher is forgotten. The lateness of an hour is long over by then.
pub const PUBLISHER_FORGOTTEN_MINUTES: u32 = 24 * 60;

/// The same for a publisher that a person named: who sends an input again does so within a month.
pub const NAMED_FORGOTTEN_MINUTES: u32 = 31 * 24 * 60;

/// Minutes that applied rows are known of: queries compare with what was declared no further back.
pub const ACCOUNT_MINUTES_KEPT: u32 = 31 * 24 * 60;

/// 64-bit words of a publisher's bitmap.
pub(crate) const WINDOW_WORDS: usize = PUBLISHER_WINDOW as usize / 64;

const _: () = assert!(PUBLISHER_FORGOTTEN_MINUTES > 2 * Limits::DEFAULT.lateness_minutes);
const _: () = assert!(WINDOW_WORDS as u64 * 64 == PUBLISHER_WINDOW);

// === impl IslandLimits ===

impl IslandLimits {
    /// What production runs with.
    pub const DEFAULT: Self = Self {
        series_max: 20_000_000,
        publishers_max: 131_072,
        ahead_rows_max: 1_000_000,
        drop_counters_max: 10_000,
        account_hours_max: 1 << 15,
    };
}

impl Default for IslandLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
