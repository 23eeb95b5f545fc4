//! One island over one disk: the door's steps, one at a time, with a crash possible between any two.

use std::sync::Arc;

use aggregator::{Island, IslandLimits, View, checkpoint_position};
use bytes::Bytes;
use model::Minute;
use partition_log::{Entry, Offset};
use store::{
    Chore, CompactOptions, CrashPoint, Kv, KvBatch, MemoryKv, Planner, Settled, close_day, compact_hour,
};

use crate::Wrong;
use crate::bugs::{Bug, Sabotage};
use crate::random::Random;
use crate::room::Room;
use crate::sim_log::SimLog;

/// See the module.
pub(crate) struct Replica {
    pub(crate) disk: MemoryKv,
    /// `None` while the machine is down.
    island: Option<Island>,
    pub(crate) view: View,
    planner: Planner,
    bug: Option<Bug>,
    sabotage: Sabotage,
}

/// How often a commit is the last thing that a machine does, in percent; before and after.
const COMMIT_CRASH_PERCENT: usize = 4;

// === impl Replica ===

impl Replica {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        let (disk, view, planner) = (MemoryKv::new(), View::default(), Planner::default());
        Self { disk, island: None, view, planner, bug, sabotage: Sabotage::new(bug) }
    }

    /// Memory is gone, the disk stays.
    pub(crate) fn crash(&mut self) {
        self.island = None;
        self.planner = Planner::default();
        self.disk.restart();
        self.sabotage.crash();
    }

    /// `C`: what the log has to keep for this replica.
    pub(crate) fn needs_from(&self) -> Result<Offset, Wrong> {
        Ok(checkpoint_position(&*self.disk.snapshot())?.unwrap_or(0))
    }

    /// The island, loaded if the machine was down.
    pub(crate) fn island(&mut self, log: &SimLog) -> Result<&mut Island, Wrong> {
        if self.island.is_none() {
            let island = Island::load(IslandLimits::DEFAULT, &*self.disk.snapshot())?;
            let (start, end) = log.bounds();
            if !(start..=end).contains(&island.position()) {
                return Err(Wrong(format!("gap: the log is {start}..{end}, C is {}", island.position())));
            }
            self.publish(island.view())?;
            self.island = Some(island);
        }
        self.island.as_mut().ok_or_else(|| Wrong("BUG: it was loaded just above".to_owned()))
    }

    /// Applies what a read brings, at most `records` of it.
    pub(crate) fn step(&mut self, log: &SimLog, records: usize, random: &mut Random) -> Result<(), Wrong> {
        let position = self.island(log)?.position();
        for entry in log.read(position)?.iter().take(records) {
            if !self.apply(log, entry, crash_point(random))? {
                self.crash();
                return Ok(());
            }
        }
        Ok(())
    }

    /// Applies all there is, in calm weather.
    pub(crate) fn drain(&mut self, log: &SimLog) -> Result<(), Wrong> {
        let position = self.island(log)?.position();
        for entry in &log.read_calmly(position)? {
            self.apply(log, entry, None)?;
        }
        Ok(())
    }

    /// One record; false when the machine went down in its commit.
    fn apply(&mut self, log: &SimLog, entry: &Entry, crash: Option<CrashPoint>) -> Result<bool, Wrong> {
        self.island(log)?;
        let record = self.sabotage.record(entry)?;
        let island = self.island(log)?;
        let applied = island.apply(entry.offset, &record)?;
        if !island.counters().balanced() {
            return Err(Wrong(format!("rows are lost without a name: {:?}", island.counters())));
        }
        let Some(checkpoint) = applied.checkpoint else {
            let again = if is_seal(&entry.record) {
                self.sabotage.seal_without_checkpoint(entry.offset)
            } else {
                Vec::new()
            };
            return Ok(self.commit(again, None).is_some());
        };
        let view = island.view();
        let batches = self.sabotage.batches(checkpoint.batch);
        match self.commit(batches, crash) {
            Some(()) => self.publish(view).map(|()| true),
            None => Ok(false),
        }
    }

    /// One chore of the upkeep, if one is due; it may be the last thing that the machine does. Did it do one?
    pub(crate) fn upkeep(&mut self, random: &mut Random) -> Result<bool, Wrong> {
        let Some(sealed) = self.view.sealed_through.filter(|_| self.island.is_some()) else {
            return Ok(false);
        };
        // Sooner than in earnest, so that more comes late.
        let before = sealed.next().minus(random.below(30) as u32);
        let seals_below = if random.percent(50) { Offset::MAX } else { self.view.position };
        let snapshot = self.disk.snapshot();
        let Some(chore) = self.planner.next(&*snapshot, &Settled { before, seals_below })? else {
            return Ok(false);
        };
        let batch = match chore {
            Chore::Hour { metric, hour } => {
                compact_hour(&*snapshot, metric, hour, CompactOptions::default())?.unwrap_or_default()
            }
            Chore::Day { metric, day } => close_day(&*snapshot, metric, day)?,
        };
        drop(snapshot);
        let batches = self.sabotage.chore(chore, batch);
        if self.commit(batches, crash_point(random)).is_none() {
            self.crash();
        }
        Ok(true)
    }

    /// What a query finds here now.
    pub(crate) fn room(&self) -> Result<Room, Wrong> {
        match &self.island {
            Some(island) => Room::of(island, &self.view, &Arc::new(self.disk.clone()).pin(), self.bug),
            None if Bug::is_silent_when_down(self.bug) => {
                let (nothing, nobody) = (Arc::new(MemoryKv::new()).pin(), View::default());
                Room::of(&Island::load(IslandLimits::DEFAULT, &*nothing)?, &nobody, &nothing, self.bug)
            }
            None => Ok(Room::Down),
        }
    }

    fn commit(&mut self, batches: Vec<KvBatch>, mut crash: Option<CrashPoint>) -> Option<()> {
        for batch in batches {
            if let Some(point) = crash.take() {
                self.disk.crash_at(point, 0);
            }
            self.disk.commit(batch).ok()?;
        }
        Some(())
    }

    /// Readers never see time run backwards, not even over a crash.
    fn publish(&mut self, view: View) -> Result<(), Wrong> {
        let (before, after) = (&self.view, &view);
        if after.position < before.position || after.sealed_through < before.sealed_through {
            return Err(Wrong(format!("the view went back from {} to {}", before.position, after.position)));
        }
        if before.hints.series_count() > after.hints.series_count() {
            return Err(Wrong("the view lost series".to_owned()));
        }
        self.view = view;
        Ok(())
    }

    /// Late rows that wait, and the newest sealed minute, of an island that is up.
    pub(crate) fn late(&self) -> Option<(usize, Minute)> {
        let island = self.island.as_ref()?;
        Some((island.late_rows(), island.sealed_through()?))
    }

    pub(crate) fn position(&self) -> Option<Offset> {
        self.island.as_ref().map(Island::position)
    }
}

fn crash_point(random: &mut Random) -> Option<CrashPoint> {
    match random.below(100) {
        chance if chance < COMMIT_CRASH_PERCENT => Some(CrashPoint::BeforeCommit),
        chance if chance < 2 * COMMIT_CRASH_PERCENT => Some(CrashPoint::AfterCommit),
        _ => None,
    }
}

fn is_seal(record: &Bytes) -> bool {
    matches!(proto::decode_record(record.clone()), Ok(proto::Record::Seal(_)))
}
