//! The whole house under virtual time, a seed and bad weather.
//!
//! In:    a seed.
//! Out:   what happened, or what went wrong.
//! Kept:  nothing. The same seed is the same run, on every machine.
//! Never: a clock, a file, or a thread but those of a query, whose answer does not depend on who of them is first.
//!
//! What is real: admission and re-bucketing, log records, the island, checkpoints, slabs, compaction, hints, scan, the
//! coordinator. What is simulated: clients, network, the frontends' waiting, disks and time. The oracle is a `BTreeMap`.

#![warn(missing_docs)]

mod asking;
mod bugs;
mod facts;
mod gate;
mod house;
mod oracle;
mod publisher;
mod random;
mod replica;
mod room;
mod sim_log;

use thiserror::Error;

pub use bugs::Bug;

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that were acknowledged, and counted once.
    pub rows: u64,
    /// Rows that were refused, and not counted.
    pub refused: u64,
    /// Tries that a frontend did not take by its clock.
    pub not_now: u64,
    /// Batches that reached a frontend.
    pub requests: u64,
    /// Islands that lost their memory, not counting those that fell in a commit.
    pub island_crashes: u64,
    /// Frontends that fell between two partitions.
    pub frontend_crashes: u64,
    /// Logs that lost an unsynced tail.
    pub log_crashes: u64,
    /// Hours and days that were compacted.
    pub chores: u64,
    /// Answers that were compared with the truth.
    pub answers: u64,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// Runs one seed.
///
/// # Errors
/// The first invariant that does not hold.
pub fn run(seed: u64) -> Result<Report, Wrong> {
    house::House::new(seed, None)?.run()
}

/// Runs one seed with a bug.
///
/// # Errors
/// The first invariant that does not hold, as one hopes.
pub fn run_with(bug: Bug, seed: u64) -> Result<Report, Wrong> {
    house::House::new(seed, Some(bug))?.run()
}

impl Report {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.refused += other.refused;
        self.not_now += other.not_now;
        self.requests += other.requests;
        self.island_crashes += other.island_crashes;
        self.frontend_crashes += other.frontend_crashes;
        self.log_crashes += other.log_crashes;
        self.chores += other.chores;
        self.answers += other.answers;
    }
}

macro_rules! wrong_from {
    ($($error:ty),*) => {
        $(impl From<$error> for Wrong {
            fn from(why: $error) -> Self {
                Self(why.to_string())
            }
        })*
    };
}

wrong_from!(
    aggregator::ApplyError,
    aggregator::StateError,
    partition_log::ReadError,
    store::StoreError,
    std::io::Error
);
