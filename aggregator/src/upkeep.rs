//! The upkeep of all islands of a process: one thread that compacts, in time that others leave.
//!
//! In:    each island's disk and what it has sealed.
//! Out:   hours turned round into pages, days; see `store`. What is older than retention goes, and the rows of deleted
//!        series do.
//! Kept:  per partition where the round is, and what cannot be compacted. A crash loses nothing but work.
//! Never: waits for an island, or lets one wait: its batches are durable with the island's next checkpoint.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use model::Limits;
use parking_lot::Mutex;
use partition_log::Offset;
use proto::encode_delete;
use store::cold::{self, Moved};
use store::{
    Chore, ColdPlace, Kv, KvBatch, KvSnapshot, Planner, Settled, StoreError, Tier, close_day, compact_hour,
};

use crate::expiry::Expiry;
use crate::purges::Purges;
use crate::put_off::PutOff;
use crate::{IslandHandle, Retentions};

/// How upkeep is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpkeepConfig {
    /// How late a row may come; an hour is compacted when its rows have had as long.
    pub lateness_minutes: u32,
    /// How long late blocks of an old hour wait for others, so that a backfill does not write the same hour anew each
    /// minute.
    pub late_wait: Duration,
    /// After a step that took so long it rests this many times as long.
    pub rests: u32,
    /// How often it looks for something to do.
    pub pause: Duration,
    /// For how many days pages stay on this machine, where there is an object store; for ever when absent.
    pub hot_days: Option<u32>,
}

/// How often it looks for pages that have grown old; and after a failure of the object store.
const COLD_EVERY: Duration = Duration::from_secs(600);
/// Packs without a reference stay as long: no reader's view is so old.
const UNNAMED_FOR: Duration = Duration::from_secs(3_600);

/// The running thread. Dropped, it stops by itself soon.
pub struct Upkeep {
    stop: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// One partition's.
struct House {
    island: IslandHandle,
    kv: Arc<dyn Kv>,
    planner: Planner,
    expiry: Expiry,
    purge: Purges,
    /// Blocks of seals below this have waited for [`UpkeepConfig::late_wait`], or lay there at the start.
    seals_below: Offset,
    /// What that is going to be, and since when the island's checkpoint has been there.
    mark: Option<(Instant, Offset)>,
    put_off: PutOff,
    /// When old pages are looked for again.
    cold_due: Cell<Option<Instant>>,
    /// The disk has said no. The island sees the same and stops.
    failed: bool,
}

/// Starts the thread. It does nothing for an island before its first view.
///
/// # Errors
/// When there can be no more threads.
pub fn spawn_upkeep(
    islands: &[IslandHandle],
    config: UpkeepConfig,
    retentions: Arc<dyn Retentions>,
) -> std::io::Result<Upkeep> {
    let (stop, stopped) = channel();
    let mut houses: Vec<House> = islands.iter().map(House::new).collect();
    let run = move || while round(&mut houses, &config, &*retentions, &stopped) {};
    let thread = thread::Builder::new().name("upkeep".into()).spawn(run)?;
    Ok(Upkeep { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
}

/// Everything that is due, once. False when it is to stop.
fn round(
    houses: &mut [House],
    config: &UpkeepConfig,
    retentions: &dyn Retentions,
    stopped: &Receiver<()>,
) -> bool {
    for house in houses.iter_mut().filter(|house| !house.failed) {
        loop {
            let started = Instant::now();
            match house.step(config, retentions, started) {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => {
                    house.failed = true;
                    let partition = house.island.partition();
                    tracing::error!(partition, %why, "upkeep of this partition has stopped: nothing is compacted or deleted");
                    break;
                }
            }
            if !rest(stopped, started.elapsed() * config.rests) {
                return false;
            }
        }
    }
    rest(stopped, config.pause)
}

/// False when it is to stop.
fn rest(stopped: &Receiver<()>, how_long: Duration) -> bool {
    stopped.recv_timeout(how_long) == Err(RecvTimeoutError::Timeout)
}

// === impl UpkeepConfig ===

impl Default for UpkeepConfig {
    /// A quarter of one core at most.
    fn default() -> Self {
        Self {
            lateness_minutes: Limits::DEFAULT.lateness_minutes,
            late_wait: Duration::from_secs(600),
            rests: 3,
            pause: Duration::from_secs(5),
            hot_days: None,
        }
    }
}

// === impl Upkeep ===

impl Upkeep {
    /// Stops after the step at hand. A second call does nothing.
    pub fn shutdown(&self) {
        drop(self.stop.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("BUG: upkeep panicked");
        }
    }
}

// === impl House ===

impl House {
    fn new(island: &IslandHandle) -> Self {
        Self {
            island: island.clone(),
            kv: island.kv(),
            planner: Planner::default(),
            expiry: Expiry::default(),
            purge: Purges::default(),
            seals_below: 0,
            mark: None,
            put_off: PutOff::default(),
            cold_due: Cell::new(None),
            failed: false,
        }
    }

    /// One chore. False when the round is over.
    fn step(
        &mut self,
        config: &UpkeepConfig,
        retentions: &dyn Retentions,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let Some(settled) = self.settled(config, now) else { return Ok(false) };
        if self.delete(retentions, now)? {
            return Ok(true);
        }
        // Newer than any view's: it must hold what the step before has committed.
        let snapshot = self.kv.snapshot();
        let Some(chore) = self.planner.next(&*snapshot, &settled)? else {
            return self.move_out(&*snapshot, config.hot_days, now);
        };
        if self.put_off.waits(chore, now) {
            return Ok(true);
        }
        match work(&*snapshot, chore, &self.expiry) {
            Ok(batch) => {
                self.put_off.done(chore);
                batch.map_or(Ok(()), |batch| self.kv.commit_later(batch))?;
            }
            Err(why) if why.is_final() => return Err(why),
            // It stays as it is, is read as it is, and is tried again later.
            Err(why) => {
                if self.put_off.failed(chore, &why.to_string(), now) {
                    tracing::warn!(partition = self.island.partition(), ?chore, %why, "cannot be compacted");
                }
            }
        }
        Ok(true)
    }

    /// What must go, before anything is compacted. False when there is nothing more.
    fn delete(&mut self, retentions: &dyn Retentions, now: Instant) -> Result<bool, StoreError> {
        let view = self.island.view();
        let snapshot = self.kv.snapshot();
        let batch = match self.expiry.step(&*snapshot, &view, retentions)? {
            None => self.purge.step(&*snapshot, &view, &mut self.expiry, now)?,
            batch => batch,
        };
        if let Some(batch) = batch {
            self.kv.commit_later(batch)?;
            return Ok(true);
        }
        if let Some(idle) = self.expiry.idle(&view) {
            self.island.append(encode_delete(idle));
        }
        let Some((cf, metric)) = self.expiry.freed(&view) else { return Ok(false) };
        self.kv.reclaim(cf, metric)?;
        Ok(true)
    }

    /// One pack of what is older than `hot_days`. False when there is none, or the object store is away, which nothing
    /// waits for: then again after a while.
    fn move_out(
        &self,
        snapshot: &dyn KvSnapshot,
        hot_days: Option<u32>,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let (Some(days), Some(at)) = (hot_days, self.kv.cold()) else { return Ok(false) };
        let (view, partition) = (self.island.view(), self.island.partition());
        let is_due = self.cold_due.get().is_none_or(|due| now >= due);
        let Some(sealed) = view.sealed_through.filter(|_| is_due) else { return Ok(false) };
        match cold::move_out(
            snapshot,
            at.cold,
            &at.place,
            sealed.minus(days.saturating_mul(Tier::Day.minutes())),
        ) {
            Ok(Some(Moved { batch, pages, bytes })) => {
                self.kv.commit(batch)?;
                tracing::info!(partition, pages, bytes, "old pages have moved out");
                return Ok(true);
            }
            Ok(None) => self.sweep(snapshot, &at),
            Err(StoreError::Cold { what, why }) => {
                tracing::warn!(partition, what, why, "old pages stay here until the object store is back");
            }
            Err(why) if why.is_final() => return Err(why),
            Err(why) => tracing::warn!(partition, %why, "old pages stay here"),
        }
        self.cold_due.set(Some(now + COLD_EVERY));
        Ok(false)
    }

    /// The view's disk is of a checkpoint, so that a power loss cannot undo what it holds.
    fn sweep(&self, newest: &dyn KvSnapshot, at: &ColdPlace<'_>) {
        let (view, partition) = (self.island.view(), self.island.partition());
        let Some(durable) = view.disk.snapshot() else { return };
        match cold::sweep([newest, durable], at.cold, &at.place, UNNAMED_FOR) {
            Ok(0) => {}
            Ok(packs) => tracing::info!(partition, packs, "removed packs that no page refers to"),
            Err(why) => tracing::warn!(partition, %why, "superfluous packs stay"),
        }
    }

    /// `None` before the first seal.
    fn settled(&mut self, config: &UpkeepConfig, now: Instant) -> Option<Settled> {
        let view = self.island.view();
        let before = view.sealed_through?.next().minus(config.lateness_minutes);
        let (since, position) = *self.mark.get_or_insert_with(|| {
            self.seals_below = view.position;
            (now, view.position)
        });
        if now.duration_since(since) >= config.late_wait {
            self.seals_below = position;
            self.mark = Some((now, view.position));
        }
        Some(Settled { before, seals_below: self.seals_below })
    }
}

fn work(snapshot: &dyn KvSnapshot, chore: Chore, expiry: &Expiry) -> Result<Option<KvBatch>, StoreError> {
    match chore {
        Chore::Hour { metric, hour } => compact_hour(snapshot, metric, hour, expiry.options(metric)),
        Chore::Day { metric, day } => close_day(snapshot, metric, day).map(Some),
    }
}
