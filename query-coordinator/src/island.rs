//! A partition behind an island's handle: its view, its disk, and what it holds open.
//!
//! The view brings the disk as of its checkpoint along, so that every pass sees the same rows, whatever is sealed and
//! compacted meanwhile.

use std::sync::Arc;
use std::time::Duration;

use aggregator::{Answer, AskError, IslandHandle, IslandState, IslandStatus, OpenBlock, Question, View};
use hints_index::HintsIndex;
use model::{Minute, MinuteRange, PublisherId};
use parking_lot::Mutex;
use proto::v1;
use store::{Batch, Damage, EachBatch, Scan, ScanStats, SlabColumns, StoreError, scan};

use crate::alerts::alerts_of;
use crate::partition::{Partition, PartitionError, PublisherRows, Reading};

/// How long an island may take for its open minutes. It answers between two records, in milliseconds.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// One state of an island.
struct IslandReading {
    view: Arc<View>,
    /// Rows that no seal had taken when the view was made.
    open: Option<Arc<aggregator::OpenView>>,
    caveat: Option<String>,
    /// What its scans had to leave out; the island's health hears of it, too.
    damage: Mutex<Damage>,
    island: IslandHandle,
}

impl Partition for IslandHandle {
    fn pin(
        &self,
        include_open: bool,
        metrics: &[(String, String)],
    ) -> Result<Arc<dyn Reading>, PartitionError> {
        let status = self.status();
        let open =
            if include_open { Some(open_view(self, metrics)?) } else { late_view(self, &status, metrics)? };
        let view = open.as_ref().map_or_else(|| self.view(), |open| Arc::clone(&open.view));
        if status.state == IslandState::Recovering && view.position == 0 && status.log_end > 0 {
            return Err(PartitionError::Recovering); // its checkpoint is not loaded yet
        }
        let (caveat, damage, island) = (caveat(&status), Mutex::default(), self.clone());
        Ok(Arc::new(IslandReading { view, open, caveat, damage, island }))
    }

    fn publisher(&self, publisher: u128, epoch: u64) -> Result<PublisherRows, PartitionError> {
        let question = Question::Publisher { publisher: PublisherId(publisher), epoch };
        match self.ask_blocking(question, ANSWER_WAIT)? {
            Answer::Publisher(rows) => {
                Ok(PublisherRows { applied: rows.applied, duplicate: rows.duplicate, dropped: rows.dropped })
            }
            Answer::OpenMinutes(_) => Err(wrong_answer()),
        }
    }

    fn alerts(&self) -> Result<v1::PartitionAlerts, PartitionError> {
        Ok(alerts_of(&self.view()))
    }

    fn health(&self) -> v1::PartitionHealth {
        let status = self.status();
        v1::PartitionHealth {
            partition: status.partition,
            state: status.name().to_owned(),
            detail: status.why().to_owned(),
            sealed_through: status.sealed_through.map_or(0, Minute::unix_seconds),
            log_start: status.log_start,
            log_end: status.log_end,
            position: status.position,
            lag_records: status.lag_records,
            series: status.series,
            rows_applied: status.counters.rows_applied,
            rows_duplicate: status.counters.rows_duplicate,
            rows_dropped: status.counters.rows_dropped,
            rows_late: status.counters.rows_late,
            disk_bytes: status.disk_bytes,
            blocks_damaged: status.blocks_damaged,
            hints_rebuilt: status.hints_rebuilt,
        }
    }
}

fn open_view(
    island: &IslandHandle,
    metrics: &[(String, String)],
) -> Result<Arc<aggregator::OpenView>, PartitionError> {
    ask(island, Question::OpenMinutes { metrics: metrics.to_vec() })
}

/// Late rows are seen at once. Where none can be waiting, nobody is asked; an island that does not run has its caveat.
fn late_view(
    island: &IslandHandle,
    status: &IslandStatus,
    metrics: &[(String, String)],
) -> Result<Option<Arc<aggregator::OpenView>>, PartitionError> {
    let runs = matches!(status.state, IslandState::Serving | IslandState::Recovering);
    if !runs || (status.late_rows == 0 && status.lag_records == 0) {
        return Ok(None);
    }
    ask(island, Question::LateRows { metrics: metrics.to_vec() }).map(Some)
}

fn ask(island: &IslandHandle, question: Question) -> Result<Arc<aggregator::OpenView>, PartitionError> {
    match island.ask_blocking(question, ANSWER_WAIT)? {
        Answer::OpenMinutes(open) => Ok(open),
        Answer::Publisher(_) => Err(wrong_answer()),
    }
}

fn wrong_answer() -> PartitionError {
    PartitionError::Failed("BUG: the island answered another question".into())
}

/// What was sealed can be read whatever the island does now; what came since is missing then.
fn caveat(status: &IslandStatus) -> Option<String> {
    match status.state {
        IslandState::Serving => None,
        IslandState::Recovering => Some(format!("it is recovering, {} records behind", status.lag_records)),
        IslandState::Failed => Some(format!("it has failed: {}", status.detail)),
        IslandState::Stopped => Some("it was stopped".into()),
    }
}

/// Some blocks were passed over.
fn damage_caveat(damage: &Damage) -> Option<String> {
    let damaged = damage.names.first().map(|first| {
        let blocks = damage.blocks;
        format!(
            "{blocks} damaged blocks were left out, the first is {first}; sluice verify names all, docs/backup.md says what to do"
        )
    });
    let away = damage.away_name.as_ref().map(|first| {
        format!("{} pages in the object store could not be read, the first is {first}", damage.away)
    });
    match (damaged, away) {
        (Some(damaged), Some(away)) => Some(format!("{damaged}; {away}")),
        (damaged, away) => damaged.or(away),
    }
}

impl From<AskError> for PartitionError {
    fn from(why: AskError) -> Self {
        Self::Failed(why.to_string())
    }
}

// === impl IslandReading ===

impl Reading for IslandReading {
    fn hints(&self) -> &HintsIndex {
        &self.view.hints
    }

    fn sealed_through(&self) -> Option<Minute> {
        self.view.sealed_through
    }

    fn rows_applied(&self, account: &str, minute: Minute) -> u64 {
        self.view.rows_applied(account, minute)
    }

    fn rows_applied_in(&self, account: &str, range: MinuteRange) -> Vec<(Minute, u64)> {
        self.view.rows_applied_in(account, range)
    }

    fn rows_known_from(&self) -> Minute {
        self.view.rows_known_from()
    }

    fn caveat(&self) -> Option<String> {
        let damaged = damage_caveat(&self.damage.lock());
        match (&self.caveat, damaged) {
            (Some(caveat), Some(damaged)) => Some(format!("{caveat}; {damaged}")),
            (caveat, damaged) => damaged.or_else(|| caveat.clone()),
        }
    }

    fn scan(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        let mut columns = SlabColumns::new();
        let mut broken = false;
        let mut stats = match self.view.disk.snapshot() {
            Some(snapshot) => scan(snapshot, wanted, &mut columns, &mut |batch| {
                let flow = each(batch)?;
                broken = flow.is_break();
                Ok(flow)
            })?,
            None => ScanStats::default(), // a view without a checkpoint has nothing sealed
        };
        if stats.damage != Damage::default() {
            self.island.note_damage(&stats.damage);
            self.damage.lock().clone_from(&stats.damage);
        }
        if !broken {
            let open = self.scan_unsealed(wanted, each)?;
            stats.slabs += open.slabs;
            stats.rows += open.rows;
            stats.bytes_read += open.bytes_read;
        }
        Ok(stats)
    }

    fn scan_unsealed(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        let (mut stats, mut columns) = (ScanStats::default(), SlabColumns::new());
        let blocks = self.open.iter().flat_map(|open| &open.blocks);
        let inside =
            |block: &&OpenBlock| block.metric == wanted.metric && wanted.minutes.contains(block.minute);
        for block in blocks.filter(inside) {
            columns.read(&block.bytes, wanted.wanted)?;
            stats.slabs += 1;
            stats.rows += columns.len() as u64;
            stats.bytes_read += block.bytes.len() as u64;
            let minutes = MinuteRange::new(block.minute, block.minute.next());
            if each(&Batch { minutes, columns: &columns })?.is_break() {
                break;
            }
        }
        Ok(stats)
    }
}
