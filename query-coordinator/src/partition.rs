//! What a query sees of a partition: a narrow window, so that tests can put anything behind it.

use std::sync::Arc;

use hints_index::HintsIndex;
use model::{Minute, MinuteRange};
use proto::v1;
use store::{EachBatch, Scan, ScanStats, StoreError};
use thiserror::Error;

/// A partition that can be asked. All calls may block, and run on threads that may.
pub trait Partition: Send + Sync + 'static {
    /// A state that does not change while a query works with it, pass after pass. With `include_open` it also holds
    /// what has come in for minutes that are not sealed, and late rows that no seal has taken yet, of these
    /// (account, metric), or of all when there are none.
    ///
    /// # Errors
    /// When the partition cannot answer now.
    fn pin(
        &self,
        include_open: bool,
        metrics: &[(String, String)],
    ) -> Result<Arc<dyn Reading>, PartitionError>;

    /// What became of one publisher's rows here.
    ///
    /// # Errors
    /// When the partition cannot answer now.
    fn publisher(&self, publisher: u128, epoch: u64) -> Result<PublisherRows, PartitionError>;

    /// How it does; a partition that does not answer says that too.
    fn health(&self) -> v1::PartitionHealth;

    /// Its alerts as of its last seal; one that has no rules has none.
    ///
    /// # Errors
    /// When the partition cannot answer now.
    fn alerts(&self) -> Result<v1::PartitionAlerts, PartitionError> {
        Ok(v1::PartitionAlerts::default())
    }
}

/// A state of a partition.
pub trait Reading: Send + Sync {
    /// Every series that a block of this state can name.
    fn hints(&self) -> &HintsIndex;

    /// The newest minute that is sealed; all before it are, too.
    fn sealed_through(&self) -> Option<Minute>;

    /// Rows applied of publishers that declare how many they built.
    fn rows_applied(&self, account: &str, minute: Minute) -> u64;

    /// The same of every minute of a range that has any, ascending.
    fn rows_applied_in(&self, account: &str, range: MinuteRange) -> Vec<(Minute, u64)> {
        let applied = |minute| (minute, self.rows_applied(account, minute));
        range.minutes().map(applied).filter(|(_, rows)| *rows > 0).collect()
    }

    /// The first minute of which that is known.
    fn rows_known_from(&self) -> Minute;

    /// What may be missing in it although the partition answered; it makes answers partial.
    fn caveat(&self) -> Option<String> {
        None
    }

    /// Calls `each` with every batch of rows that is wanted, in no order of time, until it breaks.
    ///
    /// # Errors
    /// When the disk or a block cannot be read, or what `each` returned.
    fn scan(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError>;

    /// The same of those rows alone that no seal has taken yet: [`Reading::hints`] does not know of them that their
    /// series had data.
    ///
    /// # Errors
    /// As [`Reading::scan`].
    fn scan_unsealed(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError>;
}

/// Rows of one publisher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublisherRows {
    /// Those that count.
    pub applied: u64,
    /// Those that had been applied before.
    pub duplicate: u64,
    /// Those that do not count, for a reason.
    pub dropped: u64,
}

/// Why a partition does not answer. It makes answers partial.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PartitionError {
    /// It reads its checkpoint and log.
    #[error("it is recovering: ask again when it serves")]
    Recovering,
    /// It has stopped for good.
    #[error("it has failed: {0}")]
    Failed(String),
    /// It is not there.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Another node says so, or says nothing.
    #[error("{0}")]
    Elsewhere(String),
    /// A block of it cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
