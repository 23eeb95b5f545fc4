//! Which rows of a batch may go on.
//!
//! In:    a batch by columns, the wall clock, the limits.
//! Out:   accepted series with their canonical dimensions and hashes, accepted rows; every other row with its reason.
//! Kept:  nothing.
//! Never: a clock or a log of its own. A bad row costs its neighbours nothing.

mod rows;
mod series;
mod strings;
mod times;
mod verdict;

use model::{Limits, Reason, Refusal};
use proto::BatchColumns;
use thiserror::Error;

pub use series::AcceptedSeries;
pub use verdict::{REFUSALS_TOLD_MAX, Refused};

use series::SeriesTable;
use times::Times;

/// Bytes of one batch. With the hashes that are added (24 bytes for each of at most 65,536 series) it stays far below
/// the 16 MiB of a log record.
pub const BATCH_BYTES_MAX: usize = 8 << 20;

const _: () =
    assert!(BATCH_BYTES_MAX + 24 * model::ROWS_PER_BATCH_MAX < partition_log::limits::RECORD_BYTES_MAX);

/// What of a batch may go on.
#[derive(Debug)]
pub struct Admitted<'a> {
    /// The batch.
    pub columns: BatchColumns<'a>,
    /// Accepted rows, ascending.
    pub rows: Vec<u32>,
    /// What was refused.
    pub refused: Refused,
    table: SeriesTable,
}

/// Why nothing of a batch is taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// Its structure, its size, its account: no try of it was ever taken.
    #[error(transparent)]
    Always(#[from] Refusal),
    /// Its age by this frontend's clock: an earlier try of it may have been taken.
    #[error(transparent)]
    ThisTry(Refusal),
}

// === impl Admitted ===

impl Admitted<'_> {
    /// What is known of a series that an accepted row names.
    #[must_use]
    pub fn series(&self, series: u32) -> Option<&AcceptedSeries> {
        self.table.verdicts[series as usize].as_ref().ok()
    }

    /// Strings (indices into the batch's table) of name and value of each dimension, sorted by name, none empty.
    #[must_use]
    pub fn dims(&self, series: &AcceptedSeries) -> &[(u32, u32)] {
        &self.table.dims[series.dims.clone()]
    }
}

/// Judges every row; of a batch with a stamp alike in every try (`times.rs` says why). `now` is in unix seconds.
///
/// # Errors
/// When nothing of the batch can be taken.
pub fn admit<'a>(columns: BatchColumns<'a>, limits: &Limits, now: u64) -> Result<Admitted<'a>, Rejected> {
    check_account(columns.account(), limits)?;
    check_size(&columns)?;
    let times = Times::of(&columns, limits, now).map_err(Rejected::ThisTry)?;
    let table = SeriesTable::of(&columns, limits);
    let (rows, refused) = rows::judge(&columns, &table, &times);
    Ok(Admitted { columns, rows, refused, table })
}

fn check_account(account: &str, limits: &Limits) -> Result<(), Refusal> {
    let (bytes, max) = (account.len(), limits.account_bytes_max);
    if bytes <= max {
        return Ok(());
    }
    Err(Reason::Account
        .because(format!("the account's name has {bytes} bytes, at most {max} are taken: shorten it")))
}

fn check_size(columns: &BatchColumns<'_>) -> Result<(), Refusal> {
    let batch = columns.batch();
    let sketches =
        batch.distinct.iter().chain(&batch.distribution).map(|bytes| bytes.len() + 12).sum::<usize>();
    // Never too low: what a varint or a fixed64 of each column takes at most.
    let most = 512
        + columns.rows() * (5 + 5 + 10 + 3 * 8 + 2 + 5 + 16)
        + columns.string_count() * 5
        + batch.string_bytes.len()
        + columns.series_count() * (5 + 5 + 24)
        + batch.dim_name.len() * 10
        + sketches;
    if most <= BATCH_BYTES_MAX {
        return Ok(());
    }
    let bytes = prost::Message::encoded_len(batch);
    if bytes <= BATCH_BYTES_MAX {
        return Ok(());
    }
    Err(Reason::BatchSize
        .because(format!("the batch has {bytes} bytes, at most {BATCH_BYTES_MAX} are taken: split it")))
}
