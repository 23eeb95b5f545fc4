//! What the rest of the process holds of a running island.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use alerts::RuleFiles;
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use model::{Minute, PublisherId};
use parking_lot::Mutex;
use partition_log::{Offset, PartitionLog};
use proto::encode_delivered;
use store::{Damage, Kv};

use crate::questions::{Answer, AskError, Asker, Question};
use crate::{Counters, PublisherAccount, View};

/// How long the owner thread may take for that: it answers between two records.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Damaged blocks that are told apart; a partition with more has lost its disk.
const DAMAGE_NAMES_MAX: usize = 1_000;

/// How an island does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IslandState {
    /// Loads its checkpoint and replays the log. Readers see what was sealed.
    #[default]
    Recovering,
    /// Has seen all that was in the log when it started.
    Serving,
    /// Has stopped for good, for the reason in the detail. Readers go on with what was sealed.
    Failed,
    /// Was told to stop.
    Stopped,
}

/// One partition in the health table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IslandStatus {
    /// Which partition.
    pub partition: u32,
    /// How it does.
    pub state: IslandState,
    /// What a person should know about that; empty while all is well.
    pub detail: String,
    /// The newest minute that is closed for good.
    pub sealed_through: Option<Minute>,
    /// The oldest record in the log.
    pub log_start: Offset,
    /// One past the newest.
    pub log_end: Offset,
    /// The record that is applied next.
    pub position: Offset,
    /// Records that are not applied yet.
    pub lag_records: u64,
    /// Series of the partition.
    pub series: u64,
    /// What became of all rows.
    pub counters: Counters,
    /// Cells of late rows that wait for a seal.
    pub late_rows: usize,
    /// Bytes on disk, about.
    pub disk_bytes: u64,
    /// Damaged blocks that queries met since the start, each counted once.
    pub blocks_damaged: u64,
    /// Saved hints that the start found damaged, and made anew: 0 or 1.
    pub hints_rebuilt: u64,
    /// Why the log takes nothing; `None` while it does.
    pub log_stopped: Option<String>,
}

/// What owner thread and readers share.
pub(crate) struct Shared {
    pub(crate) partition: u32,
    pub(crate) view: ArcSwap<View>,
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) log: Arc<dyn PartitionLog>,
    /// What the owner last said of itself; `log_*` and `disk_bytes` are looked up by who asks.
    pub(crate) said: Mutex<IslandStatus>,
    /// By name, at most [`DAMAGE_NAMES_MAX`].
    pub(crate) damaged: Mutex<BTreeSet<String>>,
    pub(crate) stop: AtomicBool,
    /// The rules that the owner wants to hold; their `from` is set when they enter the log.
    pub(crate) rules: ArcSwapOption<RuleFiles>,
}

/// A running island. A clone is the same island.
#[derive(Clone)]
pub struct IslandHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) asker: Asker,
    pub(crate) thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

// === impl IslandState ===

impl IslandState {
    /// As the health table says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Recovering => "recovering",
            Self::Serving => "serving",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

// === impl IslandStatus ===

impl IslandStatus {
    /// What is sent to it is taken, and will be read.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state == IslandState::Serving && self.log_stopped.is_none()
    }

    /// As the health table says it: the state, and `read-only` when the island runs over a log that takes nothing.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.state {
            IslandState::Serving | IslandState::Recovering if self.log_stopped.is_some() => "read-only",
            state => state.name(),
        }
    }

    /// What a person should know about that; empty while all is well.
    #[must_use]
    pub fn why(&self) -> &str {
        if self.detail.is_empty() { self.log_stopped.as_deref().unwrap_or_default() } else { &self.detail }
    }
}

// === impl IslandHandle: reading ===

impl IslandHandle {
    /// The rules that are to hold. When others do, the owner appends these to the log, and they hold from the next
    /// minute on.
    pub fn want_rules(&self, files: RuleFiles) {
        self.shared.rules.store(Some(Arc::new(files)));
    }

    /// Which partition.
    #[must_use]
    pub fn partition(&self) -> u32 {
        self.shared.partition
    }

    /// As of the last seal.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.shared.view.load_full()
    }

    /// What the island knows at this moment, also of series that came after the last seal; what it sealed last where it
    /// does not answer.
    #[must_use]
    pub fn view_of_now(&self, account: &str, metric: &str) -> Arc<View> {
        // Late rows of one metric, or of all: what is asked is the view that comes with them.
        let all = metric.is_empty();
        let metrics = if all { Vec::new() } else { vec![(account.to_owned(), metric.to_owned())] };
        match self.ask_blocking(Question::LateRows { metrics }, ANSWER_WAIT) {
            Ok(Answer::OpenMinutes(open)) => Arc::clone(&open.view),
            Ok(Answer::Publisher(_)) | Err(_) => self.view(),
        }
    }

    /// Its disk.
    #[must_use]
    pub fn kv(&self) -> Arc<dyn Kv> {
        Arc::clone(&self.shared.kv)
    }
}

// === impl IslandHandle: what readers found ===

impl IslandHandle {
    /// A reader had to leave these blocks out. Each is told to the log of the process once.
    pub fn note_damage(&self, damage: &Damage) {
        let mut known = self.shared.damaged.lock();
        for name in &damage.names {
            if known.len() < DAMAGE_NAMES_MAX && known.insert(name.clone()) {
                let partition = self.shared.partition;
                tracing::error!(partition, block = name, "a damaged block is left out of answers");
            }
        }
    }
}

// === impl IslandHandle: asking ===

impl IslandHandle {
    /// Asks the owner thread.
    ///
    /// # Errors
    /// When it does not run or is asked too much.
    pub async fn ask(&self, question: Question) -> Result<Answer, AskError> {
        self.asker.ask(question).await
    }

    /// Asks the owner thread and blocks.
    ///
    /// # Errors
    /// When it does not run, is asked too much, or does not answer in time.
    pub fn ask_blocking(&self, question: Question, timeout: Duration) -> Result<Answer, AskError> {
        self.asker.ask_blocking(question, timeout)
    }

    /// What became of a publisher's rows.
    ///
    /// # Errors
    /// As [`IslandHandle::ask`].
    pub async fn publisher(&self, publisher: PublisherId, epoch: u64) -> Result<PublisherAccount, AskError> {
        match self.ask(Question::Publisher { publisher, epoch }).await? {
            Answer::Publisher(account) => Ok(account),
            Answer::OpenMinutes(_) => Err(wrong_answer()),
        }
    }
}

fn wrong_answer() -> AskError {
    AskError::Failed("BUG: the answer to another question".to_owned())
}

// === impl IslandHandle: what upkeep has found out ===

impl IslandHandle {
    /// Appends a record for the island. Nobody waits for it: upkeep finds the same again when it was refused.
    pub(crate) fn append(&self, record: Bytes) {
        self.shared.log.append(record, Box::new(drop));
    }
}

// === impl IslandHandle: what it has put out ===

impl IslandHandle {
    /// What was put out up to the Seal at this offset is in the logs that it is for. Nobody waits for the record: without
    /// it the same is put out again after a restart, and is a duplicate.
    pub fn delivered(&self, through: Offset) {
        self.append(encode_delivered(through));
    }
}

// === impl IslandHandle: its life ===

impl IslandHandle {
    /// How it does.
    #[must_use]
    pub fn status(&self) -> IslandStatus {
        let said = self.shared.said.lock().clone();
        let (log_start, log_end) = (self.shared.log.start(), self.shared.log.end());
        let lag_records = log_end.saturating_sub(said.position);
        let disk_bytes = self.shared.kv.disk_bytes();
        let log_stopped = self.shared.log.stopped();
        let blocks_damaged = self.shared.damaged.lock().len() as u64;
        IslandStatus { log_start, log_end, lag_records, disk_bytes, blocks_damaged, log_stopped, ..said }
    }

    /// Tells the owner thread to stop after the record at hand, and waits for it. What it had not sealed is in the
    /// log. A second call does nothing.
    pub fn shutdown(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // A panic in it was caught and is in the status.
            drop(thread.join());
        }
    }
}
