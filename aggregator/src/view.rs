//! What readers see of an island: a state at a seal, or an instant with what is open. Immutable.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use hints_index::HintsIndex;
use model::{MetricId, Minute, MinuteRange};
use partition_log::Offset;
use store::{Kv, KvSnapshot};

use crate::accounting::AccountRows;
use crate::island::Island;
use crate::{AlertsView, ApplyError, Counters, Deleted, DropCounters, PutOut};

/// A partition at one position of its log.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The newest minute that is closed for good; `None` before the first seal.
    pub sealed_through: Option<Minute>,
    /// The checkpoint that the disk held: `C`.
    pub position: Offset,
    /// The disk as of that checkpoint, whatever is sealed or compacted since.
    pub disk: Disk,
    /// Every series.
    pub hints: HintsIndex,
    /// What became of all rows.
    pub counters: Counters,
    /// Dropped rows by account, metric and reason.
    pub drops: Arc<DropCounters>,
    /// What is not just ok, as of the last seal.
    pub alerts: Arc<AlertsView>,
    /// What was put out and has not arrived, as far as the log says, in order of its seals.
    pub put_out: Arc<[Arc<PutOut>]>,
    /// Rows that were put out and found no room to wait in.
    pub put_out_lost: u64,
    /// Series that were deleted, for upkeep: the hints do not show them.
    pub deleted: Arc<Deleted>,
    rows: AccountRows,
}

/// A snapshot of a store; empty before the checkpoint is loaded. It keeps on disk what has been deleted since, so a view
/// should not be held much longer than a query takes.
#[derive(Clone, Default)]
pub struct Disk(Option<Arc<dyn KvSnapshot>>);

/// A partition between two seals: what a reader needs besides the disk.
#[derive(Clone, Debug)]
pub struct OpenView {
    /// The view of this instant: its hints also know the series that came after the checkpoint.
    pub view: Arc<View>,
    /// Rows that the disk does not hold yet, as slab blocks. A metric and minute may have several.
    pub blocks: Vec<OpenBlock>,
}

/// Rows of a metric in a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBlock {
    /// The metric.
    pub metric: MetricId,
    /// The minute: open, or sealed and the rows are late.
    pub minute: Minute,
    /// A slab block.
    pub bytes: Vec<u8>,
}

// === impl Disk ===

impl Disk {
    /// As of now.
    #[must_use]
    pub fn of(kv: &Arc<dyn Kv>) -> Self {
        Self(Some(Arc::clone(kv).pin()))
    }

    /// `None` before the checkpoint is loaded.
    #[must_use]
    pub fn snapshot(&self) -> Option<&dyn KvSnapshot> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.0.is_some()).finish()
    }
}

// === impl View ===

impl View {
    /// Rows of this account and minute that were applied, of publishers that declare how many they built.
    #[must_use]
    pub fn rows_applied(&self, account: &str, minute: Minute) -> u64 {
        self.rows.get(account, minute)
    }

    /// The same of every minute of a range that has any, ascending.
    #[must_use]
    pub fn rows_applied_in(&self, account: &str, range: MinuteRange) -> Vec<(Minute, u64)> {
        self.rows.within(account, range)
    }

    /// The first minute of which that is known: hours are forgotten after 31 days, or when there are too many.
    #[must_use]
    pub fn rows_known_from(&self) -> Minute {
        self.rows.known_from()
    }

    /// How many series there are.
    #[must_use]
    pub fn series(&self) -> u64 {
        self.hints.series_count() - self.deleted.series()
    }
}

// === impl Island ===

impl Island {
    /// As of now. Belongs to the disk as of the last checkpoint.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            sealed_through: self.sealed_through,
            position: self.checkpointed,
            disk: Disk::default(), // the island has none: whoever owns both puts them together
            hints: self.series.hints().clone(),
            counters: self.counters(),
            drops: Arc::clone(&self.books.drops),
            alerts: Arc::clone(&self.alerts),
            put_out: self.outbox.waiting(),
            put_out_lost: self.outbox.lost(),
            deleted: Arc::clone(self.series.deleted()),
            rows: self.books.rows.clone(),
        }
    }

    /// What the disk does not hold yet, of these (account, metric), or of all when there are none.
    ///
    /// # Errors
    /// When a block cannot be built.
    pub fn open_view(&self, metrics: &[(String, String)]) -> Result<OpenView, ApplyError> {
        let blocks = self.open_blocks(self.wanted(metrics).as_ref())?;
        Ok(OpenView { view: Arc::new(self.view()), blocks })
    }

    /// Of that, the rows of sealed minutes.
    ///
    /// # Errors
    /// When a block cannot be built.
    pub fn late_view(&self, metrics: &[(String, String)]) -> Result<OpenView, ApplyError> {
        let blocks = self.late_blocks(self.wanted(metrics).as_ref())?;
        Ok(OpenView { view: Arc::new(self.view()), blocks })
    }

    fn wanted(&self, metrics: &[(String, String)]) -> Option<BTreeSet<MetricId>> {
        let index = |(account, metric): &(String, String)| self.series.hints().metric(account, metric);
        (!metrics.is_empty())
            .then(|| metrics.iter().filter_map(index).map(|metric| metric.metric_id()).collect())
    }
}
