//! The island: a partition's state as a pure function of its log.
//!
//! In:    log records, one by one, in order.
//! Out:   a [`Checkpoint`] at each seal and each deletion: what the disk has to hold before the next record is applied.
//! Kept:  dictionary and hints, open minutes, late rows, dedup windows, last cumulative points, the books, alerts and
//!        what they have put out.
//! Never: a clock, I/O, randomness, a lock. Two islands that applied the same records are equal to the byte.

use std::sync::Arc;

use alerts::Watch;
use bytes::Bytes;
use model::{LocalId, Minute, PublisherId};
use partition_log::Offset;
use proto::{BatchView, Record, decode_record, v1};

use crate::accounting::Accounting;
use crate::checkpoint::Checkpoint;
use crate::cumulative::Cumulative;
use crate::dedup::Dedup;
use crate::merge::Resolved;
use crate::open_minutes::OpenMinutes;
use crate::outbox::Outbox;
use crate::series_table::SeriesTable;
use crate::side_rows::SideRows;
use crate::witness::Witness;
use crate::{AlertsView, ApplyError, Counters, IslandLimits, PublisherAccount};

/// See the module.
pub struct Island {
    pub(crate) limits: IslandLimits,
    /// The record that is due.
    pub(crate) position: Offset,
    /// The record that was due at the last checkpoint: `C`.
    pub(crate) checkpointed: Offset,
    pub(crate) witness: Witness,
    pub(crate) sealed_through: Option<Minute>,
    pub(crate) series: SeriesTable,
    pub(crate) open: OpenMinutes,
    /// Invariant: every minute is sealed.
    pub(crate) late: SideRows,
    /// Invariant: no minute is sealed.
    pub(crate) ahead: SideRows,
    pub(crate) dedup: Dedup,
    pub(crate) cumulative: Cumulative,
    pub(crate) books: Accounting,
    pub(crate) watch: Watch,
    pub(crate) outbox: Outbox,
    /// As of the last seal.
    pub(crate) alerts: Arc<AlertsView>,
    /// Local ids of the series of a batch, reused.
    pub(crate) ids: Vec<LocalId>,
}

/// What a record did.
#[derive(Debug, Default)]
pub struct Applied {
    /// Rows that it held, whatever became of them.
    pub rows: u64,
    /// To be committed before the next record is applied.
    pub checkpoint: Option<Checkpoint>,
    /// What could not be read and was skipped, for the log of whoever runs the island.
    pub skipped: Vec<String>,
}

// === impl Island ===

impl Island {
    /// At the beginning of a log.
    #[must_use]
    pub fn new(limits: IslandLimits) -> Self {
        Self {
            limits,
            position: 0,
            checkpointed: 0,
            witness: Witness::default(),
            sealed_through: None,
            series: SeriesTable::new(limits.series_max),
            open: OpenMinutes::default(),
            late: SideRows::default(),
            ahead: SideRows::default(),
            dedup: Dedup::new(limits.publishers_max),
            cumulative: Cumulative::default(),
            books: Accounting::default(),
            watch: Watch::default(),
            outbox: Outbox::default(),
            alerts: Arc::default(),
            ids: Vec::new(),
        }
    }

    /// Applies the record that is due. What nobody can read is counted and skipped, on every replica alike.
    ///
    /// # Errors
    /// When another record is due, or a block of a seal cannot be built. The island must not be used any more.
    pub fn apply(&mut self, offset: Offset, record: &Bytes) -> Result<Applied, ApplyError> {
        if offset != self.position {
            return Err(ApplyError::Order { expected: self.position, got: offset });
        }
        self.position += 1;
        let decoded = decode_record(record.clone());
        self.witness.note(offset, record, matches!(decoded, Ok(Record::Rows(_))));
        match decoded {
            Ok(Record::Rows(batches)) => Ok(self.rows(&batches)),
            Ok(Record::Delete(delete)) => {
                let (checkpoint, skipped) = self.delete(offset, &delete)?;
                Ok(Applied { checkpoint: Some(checkpoint), skipped, ..Applied::default() })
            }
            Ok(Record::Seal(minute)) => {
                Ok(Applied { checkpoint: self.seal(offset, minute)?, ..Applied::default() })
            }
            Ok(Record::Delivered(through)) => {
                self.outbox.delivered(through);
                Ok(Applied::default())
            }
            Ok(Record::Rules(rules)) => {
                let skipped = self.rules(rules).err().map(|why| format!("rules that cannot be used: {why}"));
                Ok(Applied { skipped: skipped.into_iter().collect(), ..Applied::default() })
            }
            Err(why) => {
                self.books.counters.records_undecodable += 1;
                Ok(Applied { skipped: vec![why.to_string()], ..Applied::default() })
            }
        }
    }

    fn rows(&mut self, batches: &[v1::Batch]) -> Applied {
        let mut applied = Applied::default();
        for batch in batches {
            applied.rows += batch.row_series.len() as u64;
            applied.skipped.extend(self.batch(batch).err());
        }
        debug_assert!(self.books.counters.balanced(), "BUG: rows were lost: {:?}", self.books.counters);
        applied
    }

    /// One batch of one publisher; the error says why it cannot be read.
    fn batch(&mut self, batch: &v1::Batch) -> Result<(), String> {
        let rows = batch.row_series.len() as u64;
        self.books.counters.rows_received += rows;
        let view = match BatchView::new(batch) {
            Ok(view) => view,
            Err(why) => {
                self.books.drop_rows(&self.limits, &batch.account, "", why.reason, rows);
                return Err(why.to_string());
            }
        };
        if !self.first_time(&view) {
            self.books.counters.rows_duplicate += rows;
            return Ok(());
        }
        let mut ids = std::mem::take(&mut self.ids);
        let refused = self.series.resolve(&view, &mut ids);
        let merged = self.merge_batch(&Resolved { batch: &view, ids: &ids, refused });
        self.ids = ids;
        if let Some(stamp) = view.stamp() {
            let account = &mut self.dedup.hear(view.account(), stamp).account;
            *account = account.plus(&merged);
        }
        Ok(())
    }

    /// Also true for a batch without a stamp: its publisher does not retry.
    fn first_time(&mut self, batch: &BatchView<'_>) -> bool {
        let Some(stamp) = batch.stamp() else { return true };
        let publisher = self.dedup.hear(batch.account(), stamp);
        let first = publisher.first_time(stamp.sequence);
        if !first {
            let duplicate = batch.rows() as u64;
            publisher.account = publisher.account.plus(&PublisherAccount { duplicate, ..Default::default() });
        }
        first
    }

    /// The record that is due next.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.position
    }

    /// The newest minute that is closed for good.
    #[must_use]
    pub fn sealed_through(&self) -> Option<Minute> {
        self.sealed_through
    }

    /// Cells of late rows that wait for a seal.
    #[must_use]
    pub fn late_rows(&self) -> usize {
        self.late.rows()
    }

    /// How many series there are.
    #[must_use]
    pub fn series(&self) -> u32 {
        self.series.len()
    }

    /// What was wrong with the saved hints that this island was to be loaded with; it has made them anew. Who owns the disk
    /// throws the old ones away ([`store::Kv::renew`]) before anything else meets them.
    #[must_use]
    pub fn hints_damage(&self) -> Option<&str> {
        self.series.unsaved.damage.as_deref()
    }

    /// How many publishers are remembered.
    #[must_use]
    pub fn publishers(&self) -> usize {
        self.dedup.len()
    }

    /// What became of all rows.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { publishers_evicted: self.dedup.evicted, ..self.books.counters }
    }

    /// What became of one publisher's rows.
    #[must_use]
    pub fn publisher(&self, publisher: PublisherId, epoch: u64) -> PublisherAccount {
        self.dedup.account(publisher, epoch)
    }
}
