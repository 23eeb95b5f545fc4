//! The islands that are open in this process, by partition.
//!
//! In:   partitions to open, with their logs and stores; partitions to close.
//! Out:  handles of those that are open; to each, the rules that are to hold.
//! Kept: one upkeep for all of them, begun anew when they change.

use std::collections::BTreeMap;
use std::sync::Arc;

use aggregator::{
    IslandConfig, IslandHandle, IslandLimits, Retentions, SystemClock, Upkeep, UpkeepConfig, spawn,
    spawn_upkeep,
};
use alerts::RuleFiles;
use parking_lot::Mutex;
use partition_log::PartitionLog;
use proto::v1;
use query_coordinator::{Partition, PartitionError, PublisherRows, Reading};
use store::Kv;

/// The state of a partition that another node owns, in the health table.
pub(super) const ELSEWHERE: &str = "elsewhere";

/// How islands are kept.
pub(crate) struct IslandsConfig {
    pub(crate) grace_ms: u64,
    /// Cells of late rows in one island's memory.
    pub(crate) late_rows_max: usize,
    pub(crate) upkeep: UpkeepConfig,
    pub(crate) retentions: Arc<dyn Retentions>,
}

/// See the module.
pub(crate) struct Islands {
    config: IslandsConfig,
    open: Mutex<BTreeMap<u32, IslandHandle>>,
    upkeep: Mutex<Option<Upkeep>>,
    /// What islands that are opened later are to hold, too.
    rules: Mutex<Option<RuleFiles>>,
}

/// A partition, whether it is open or not.
struct Slot {
    islands: Arc<Islands>,
    partition: u32,
}

// === impl Islands ===

impl Islands {
    pub(crate) fn new(config: IslandsConfig) -> Self {
        Self { config, open: Mutex::default(), upkeep: Mutex::default(), rules: Mutex::default() }
    }

    /// Starts an island. It recovers on its own thread.
    pub(crate) fn open(&self, partition: u32, log: Arc<dyn PartitionLog>, kv: Arc<dyn Kv>) {
        let IslandsConfig { grace_ms, late_rows_max, .. } = self.config;
        let (limits, clock) = (IslandLimits::DEFAULT, Arc::new(SystemClock));
        let island = spawn(IslandConfig { partition, grace_ms, late_rows_max, limits, clock }, log, kv);
        let mut open = self.open.lock();
        self.rules.lock().iter().for_each(|files| island.want_rules(files.clone()));
        open.insert(partition, island);
    }

    /// Takes it out, so that nobody asks it any more, and stops it after the record at hand.
    pub(crate) fn close(&self, partition: u32) {
        let island = self.open.lock().remove(&partition);
        island.iter().for_each(IslandHandle::shutdown);
    }

    /// Looks after those that are open now.
    pub(crate) fn begin_upkeep(&self) -> std::io::Result<()> {
        self.end_upkeep();
        let islands = self.all();
        if !islands.is_empty() {
            let upkeep = spawn_upkeep(&islands, self.config.upkeep, Arc::clone(&self.config.retentions))?;
            *self.upkeep.lock() = Some(upkeep);
        }
        Ok(())
    }

    /// After the step at hand. What it had not done it does another time.
    pub(crate) fn end_upkeep(&self) {
        let upkeep = self.upkeep.lock().take();
        upkeep.iter().for_each(Upkeep::shutdown);
    }

    /// All that are open, by partition.
    pub(crate) fn all(&self) -> Vec<IslandHandle> {
        self.open.lock().values().cloned().collect()
    }

    pub(crate) fn get(&self, partition: u32) -> Option<IslandHandle> {
        self.open.lock().get(&partition).cloned()
    }

    /// Of every island, and of those to come.
    pub(crate) fn want_rules(&self, files: &RuleFiles) {
        let open = self.open.lock();
        *self.rules.lock() = Some(files.clone());
        open.values().for_each(|island| island.want_rules(files.clone()));
    }

    /// Stops upkeep, then all islands.
    pub(crate) fn close_all(&self) {
        self.end_upkeep();
        let all = std::mem::take(&mut *self.open.lock());
        all.values().for_each(IslandHandle::shutdown);
    }

    /// Where queries read: each partition, whether it is open or not.
    pub(crate) fn slots(self: &Arc<Self>, partitions: u32) -> BTreeMap<u32, Arc<dyn Partition>> {
        let slot = |partition| Arc::new(Slot { islands: Arc::clone(self), partition }) as Arc<dyn Partition>;
        (0..partitions).map(|partition| (partition, slot(partition))).collect()
    }
}

// === impl Slot ===

impl Slot {
    fn island(&self) -> Result<IslandHandle, PartitionError> {
        let not_here = || PartitionError::Unreachable("another node owns it".to_owned());
        self.islands.get(self.partition).ok_or_else(not_here)
    }
}

impl Partition for Slot {
    fn pin(
        &self,
        include_open: bool,
        metrics: &[(String, String)],
    ) -> Result<Arc<dyn Reading>, PartitionError> {
        self.island()?.pin(include_open, metrics)
    }

    fn publisher(&self, publisher: u128, epoch: u64) -> Result<PublisherRows, PartitionError> {
        Partition::publisher(&self.island()?, publisher, epoch)
    }

    fn alerts(&self) -> Result<v1::PartitionAlerts, PartitionError> {
        self.island()?.alerts()
    }

    fn health(&self) -> v1::PartitionHealth {
        match self.island() {
            Ok(island) => island.health(),
            Err(_) => v1::PartitionHealth {
                partition: self.partition,
                state: ELSEWHERE.to_owned(),
                detail: "another node owns it".to_owned(),
                ..Default::default()
            },
        }
    }
}
