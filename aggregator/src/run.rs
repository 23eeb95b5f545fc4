//! The door: one thread that owns an island, reads its log, and does all its I/O.
//!
//! In:    a log, a disk, a clock.
//! Out:   commits, views, answers, Seal records.
//! Kept:  the island. Position and state are committed in the same breath.
//! Never: waits for a reader; skips a gap; retries a failed commit: the first failure is final.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use model::Minute;
use parking_lot::Mutex;
use partition_log::{AppendError, Entry, Offset, PartitionLog};
use proto::{encode_rules, encode_seal, v1};
use store::{Cf, Kv, StoreError};
use thiserror::Error;

use crate::believed_clock::BelievedClock;
use crate::fit::{Fit, Misfit, check_fit};
use crate::handle::Shared;
use crate::questions::{Questions, questions};
use crate::sealer::Sealer;
use crate::{
    ApplyError, Checkpoint, Clock, Disk, Island, IslandHandle, IslandLimits, IslandState, IslandStatus,
    StateError, View,
};

/// Bytes that are read ahead: a few thousand records of a small publisher, one of a large.
const READ_BYTES_MAX: usize = 4 << 20;

/// How long an idle island waits for the log before it looks at its questions and its clock.
const IDLE_WAIT: Duration = Duration::from_millis(5);

/// What an island is started with.
#[derive(Clone)]
pub struct IslandConfig {
    /// Which partition; for people.
    pub partition: u32,
    /// How long after a minute's end its Seal is appended.
    pub grace_ms: u64,
    /// Cells of late rows in memory above which a checkpoint is asked for.
    pub late_rows_max: usize,
    /// What the state may hold; the same on every replica.
    pub limits: IslandLimits,
    /// The owner's clock.
    pub clock: Arc<dyn Clock>,
}

/// Why an island has stopped.
#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Misfit(#[from] Misfit),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error("cannot commit the checkpoint: {0}")]
    Commit(StoreError),
    #[error("cannot make the saved hints anew: {0}")]
    Renew(StoreError),
    #[error("cannot read the log: {0}")]
    Read(#[from] partition_log::ReadError),
    #[error("{0}: restart the process once the disk is sound")]
    LogStopped(AppendError),
    #[error("BUG: the island panicked; see the log of the process")]
    Panicked,
}

/// What the thread owns.
struct Door {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    believed: BelievedClock,
    sealer: Sealer,
    refusals: (Sender<AppendError>, Receiver<AppendError>),
    questions: Questions,
    island: Island,
    /// As of the last checkpoint.
    disk: Disk,
    /// The version of the rules that an append was made for.
    rules_appended: Option<u64>,
}

/// Starts the island's thread. It stops when told to, or at its first failure; both show in the status.
#[must_use = "the island runs until it is told to shut down"]
pub fn spawn(config: IslandConfig, log: Arc<dyn PartitionLog>, kv: Arc<dyn Kv>) -> IslandHandle {
    let (asker, questions) = questions();
    let said = IslandStatus { partition: config.partition, ..IslandStatus::default() };
    let shared = Arc::new(Shared {
        partition: config.partition,
        view: ArcSwap::from_pointee(View::default()),
        kv,
        log,
        said: Mutex::new(said),
        damaged: Mutex::default(),
        stop: AtomicBool::new(false),
        rules: ArcSwapOption::empty(),
    });
    let owner = Arc::clone(&shared);
    let spawned = thread::Builder::new()
        .name(format!("island-{}", config.partition))
        .spawn(move || own(&owner, &config, questions));
    if let Err(why) = &spawned {
        end(&shared, IslandState::Failed, format!("cannot start a thread: {why}"));
    }
    IslandHandle { shared, asker, thread: Arc::new(Mutex::new(spawned.ok())) }
}

/// The thread's whole life.
fn own(shared: &Arc<Shared>, config: &IslandConfig, questions: Questions) {
    let run = AssertUnwindSafe(|| Door::open(Arc::clone(shared), config, questions)?.run());
    match catch_unwind(run).unwrap_or(Err(Failure::Panicked)) {
        Ok(()) => end(shared, IslandState::Stopped, String::new()),
        Err(why) => {
            tracing::error!(partition = config.partition, %why, "island has stopped");
            end(shared, IslandState::Failed, why.to_string());
        }
    }
}

fn end(shared: &Shared, state: IslandState, detail: String) {
    let mut said = shared.said.lock();
    (said.state, said.detail) = (state, detail);
}

/// Saved hints that are damaged are thrown away as files, before anything but their reader has met them: deleted key by key
/// they would lie there until the disk rewrites them, which reads them and stops at them.
fn renew_hints(shared: &Shared, island: &Island) -> Result<(), Failure> {
    if let Some(why) = island.hints_damage() {
        let partition = shared.partition;
        tracing::error!(
            partition,
            why,
            "the saved hints are damaged: they are made again from the dictionary, and saved at the next seal; which series \
             had data before is looked up in the blocks meanwhile"
        );
        shared.kv.renew(Cf::Hints).map_err(Failure::Renew)?;
        shared.said.lock().hints_rebuilt = 1;
    }
    shared.kv.settle_hints().map_err(Failure::Renew)
}

// === impl Door ===

impl Door {
    /// Loads the checkpoint.
    fn open(shared: Arc<Shared>, config: &IslandConfig, questions: Questions) -> Result<Self, Failure> {
        let island = Island::load(config.limits, &*shared.kv.snapshot())?;
        renew_hints(&shared, &island)?;
        let sealer = Sealer::new(config.grace_ms, config.late_rows_max);
        let clock = Arc::clone(&config.clock);
        let (believed, disk, refusals) = (BelievedClock::default(), Disk::default(), channel());
        Ok(Self { shared, clock, believed, sealer, refusals, questions, island, disk, rules_appended: None })
    }

    fn run(mut self) -> Result<(), Failure> {
        self.publish();
        self.say(IslandState::Recovering);
        self.wait_for_log()?;
        let caught_up = self.shared.log.end();
        while !self.shared.stop.load(Ordering::Acquire) {
            let entries = self.shared.log.read(self.island.position(), READ_BYTES_MAX, IDLE_WAIT)?;
            for entry in &entries {
                self.apply(entry)?;
                if self.shared.stop.load(Ordering::Acquire) {
                    break;
                }
            }
            self.questions.answer(&self.island, &self.disk);
            if self.island.position() < caught_up {
                self.say(IslandState::Recovering);
                continue; // a Seal for these minutes may well be in the log already
            }
            self.say(IslandState::Serving);
            self.seal_if_due()?;
            self.change_rules_if_due();
        }
        Ok(())
    }

    /// Until it is known that the log goes on where the checkpoint ends. Readers see what was sealed meanwhile.
    fn wait_for_log(&mut self) -> Result<(), Failure> {
        let snapshot = self.shared.kv.snapshot();
        while check_fit(&*snapshot, &*self.shared.log)? == Fit::NotKnownYet {
            if self.shared.stop.load(Ordering::Acquire) {
                break;
            }
            let why = self.shared.log.unknown().or_else(|| self.shared.log.stopped());
            self.shared.said.lock().detail = why.unwrap_or_default();
            self.questions.answer(&self.island, &self.disk);
            thread::sleep(IDLE_WAIT);
        }
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), Failure> {
        self.questions.answer(&self.island, &self.disk);
        let applied = self.island.apply(entry.offset, &entry.record)?;
        self.questions.forget_last();
        for why in applied.skipped {
            tracing::warn!(partition = self.shared.partition, offset = entry.offset, %why, "skipped in the log");
        }
        match applied.checkpoint {
            Some(checkpoint) => self.commit(checkpoint),
            None => Ok(()),
        }
    }

    /// First the disk, then the view, then the log may forget.
    fn commit(&mut self, checkpoint: Checkpoint) -> Result<(), Failure> {
        self.shared.kv.commit(checkpoint.batch).map_err(Failure::Commit)?;
        self.publish();
        self.sealer.checkpointed();
        if let Err(why) = self.shared.log.release(checkpoint.position) {
            tracing::warn!(partition = self.shared.partition, %why, "cannot free log space");
        }
        Ok(())
    }

    /// What readers see from now on. Only this thread commits checkpoints, so disk and view are of the same.
    fn publish(&mut self) {
        self.disk = Disk::of(&self.shared.kv);
        let mut view = self.island.view();
        view.disk = self.disk.clone();
        self.shared.view.store(Arc::new(view));
    }

    fn seal_if_due(&mut self) -> Result<(), Failure> {
        let now = self.now();
        for why in self.refusals.1.try_iter() {
            match why {
                AppendError::Stopped(_) => return Err(Failure::LogStopped(why)),
                _ => {
                    self.sealer.refused(now);
                    self.rules_appended = None;
                }
            }
        }
        if let Some(minute) = self.sealer.due(now, self.island.sealed_through(), self.island.late_rows()) {
            self.append(encode_seal(minute));
        }
        Ok(())
    }

    /// Rules enter the log as Seals do: by the owner, once; what is in the log counts.
    fn change_rules_if_due(&mut self) {
        let Some(wanted) = self.shared.rules.load_full() else { return };
        let version = wanted.version;
        if version == self.island.rules_version() || self.rules_appended == Some(version) {
            return;
        }
        self.rules_appended = Some(version);
        let from_minute = Minute::of_unix_millis(self.now()).next().0;
        let file = |(name, text): &(String, String)| v1::RuleFile { name: name.clone(), text: text.clone() };
        let files = wanted.files.iter().map(file).collect();
        self.append(encode_rules(v1::Rules { version, from_minute, files }));
    }

    fn append(&self, record: Bytes) {
        let refusals = self.refusals.0.clone();
        let ack = Box::new(move |acked: Result<Offset, AppendError>| {
            // Nobody listens any more when the island has stopped.
            acked.err().into_iter().for_each(|why| drop(refusals.send(why)));
        });
        self.shared.log.append(record, ack);
    }

    /// The time to seal by.
    fn now(&mut self) -> u64 {
        let before = self.believed.detail();
        let now = self.believed.now(self.clock.unix_millis(), self.clock.monotonic_millis());
        let detail = self.believed.detail();
        if before.is_empty() && !detail.is_empty() {
            tracing::warn!(partition = self.shared.partition, "{detail}");
        }
        now
    }

    fn say(&self, state: IslandState) {
        let mut said = self.shared.said.lock();
        (said.state, said.detail) = (state, self.believed.detail());
        said.sealed_through = self.island.sealed_through();
        said.position = self.island.position();
        said.series = u64::from(self.island.series());
        said.counters = self.island.counters();
        said.late_rows = self.island.late_rows();
    }
}
