//! All partitions of this process: log, store and island of each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aggregator::{
    IslandConfig, IslandHandle, IslandLimits, Retentions, SystemClock, Upkeep, UpkeepConfig, check_fit,
    spawn, spawn_upkeep,
};
use anyhow::Context as _;
use model::{Placement, metric_hash};
use partition_log::{EmbeddedLog, LogConfig, PartitionLog};
use proto::v1;
use query_coordinator::Partition;
use store::cold::Cold;
use store::{Cache, Kv, RocksKv, RocksOptions};

use super::data_dir::DataDir;
use super::shut_log::ShutLog;
use crate::commands::backup::Source;
use crate::config::ColdConfig;

/// Blocks of all partitions' stores that stay in memory: some hours of a million series at a few bytes each.
const CACHE_BYTES: usize = 512 << 20;
/// What a family of one partition gathers before it writes a file.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// Late rows in all islands' memory, at about 150 bytes each; beyond that an island asks for a checkpoint.
const LATE_ROWS_MAX: usize = 1_000_000;

/// What this process owns.
pub(crate) struct Partitions {
    /// The data directory, and how rows are placed in it.
    pub(crate) data: PathBuf,
    pub(crate) placement: Placement,
    sources: Vec<Source>,
    /// The same, as frontends see them.
    doors: Vec<Arc<dyn PartitionLog>>,
    islands: Vec<IslandHandle>,
    upkeep: Upkeep,
}

// === impl Partitions ===

impl Partitions {
    /// Opens logs and stores, and starts the islands. They recover on their own threads.
    pub(crate) fn open(
        data: &DataDir,
        grace_ms: u64,
        cold: &ColdConfig,
        retentions: Arc<dyn Retentions>,
    ) -> anyhow::Result<Self> {
        let (count, sources) = (data.placement.partitions(), open_all(data)?);
        if let Some(url) = &cold.object_store {
            let cold = Arc::new(Cold::open(url, cold.cache_bytes).context("cannot use object_store")?);
            sources.iter().for_each(|source| source.store.set_cold(Arc::clone(&cold)));
        }
        let (mut doors, mut islands) = (Vec::new(), Vec::new());
        for Source { partition, log, store, .. } in &sources {
            let (partition, kv) = (*partition, Arc::clone(store) as Arc<dyn Kv>);
            let config = IslandConfig {
                partition,
                grace_ms,
                late_rows_max: LATE_ROWS_MAX / count as usize,
                limits: IslandLimits::DEFAULT,
                clock: Arc::new(SystemClock),
            };
            doors.push(door(partition, log, &*kv));
            islands.push(spawn(config, Arc::clone(log) as Arc<dyn PartitionLog>, kv));
        }
        let (data, placement) = (data.path().to_owned(), data.placement);
        let config = UpkeepConfig { hot_days: cold.hot_days, ..UpkeepConfig::default() };
        let upkeep = spawn_upkeep(&islands, config, retentions).context("cannot start upkeep")?;
        Ok(Self { data, placement, sources, doors, islands, upkeep })
    }

    /// What a backup copies.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Where frontends append.
    pub(crate) fn logs(&self) -> Vec<Arc<dyn PartitionLog>> {
        self.doors.clone()
    }

    /// Islands that may hold series of a metric, of any when none is named, with the doors of their logs.
    pub(crate) fn of_metric(
        &self,
        account: &str,
        metric: &str,
    ) -> Vec<(&IslandHandle, &Arc<dyn PartitionLog>)> {
        let holds: Vec<u32> = if metric.is_empty() {
            (0..self.placement.partitions()).collect()
        } else {
            self.placement.partitions_of(metric_hash(account, metric)).collect()
        };
        let all = self.islands.iter().zip(&self.doors);
        all.filter(|(island, _)| holds.contains(&island.partition())).collect()
    }

    /// Where queries read.
    pub(crate) fn workers(&self) -> BTreeMap<u32, Arc<dyn Partition>> {
        self.islands
            .iter()
            .map(|island| (island.partition(), Arc::new(island.clone()) as Arc<dyn Partition>))
            .collect()
    }

    pub(crate) fn islands(&self) -> &[IslandHandle] {
        &self.islands
    }

    /// Every island has caught up with its log, and its log takes more; else a line about those of which that is not so.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let waiting: Vec<String> = self
            .islands
            .iter()
            .map(IslandHandle::status)
            .filter(|status| !status.is_ready())
            .map(|status| {
                let (state, at, end) = (status.name(), status.position, status.log_end);
                let line = format!("partition {} is {state}, at record {at} of {end}", status.partition);
                if status.why().is_empty() { line } else { format!("{line}: {}", status.why()) }
            })
            .collect();
        if waiting.is_empty() { Ok(()) } else { Err(waiting.join("\n")) }
    }

    /// Rows that islands dropped, by account and reason.
    pub(crate) fn drops(&self) -> Vec<v1::Counter> {
        let mut rows: BTreeMap<(String, String), u64> = BTreeMap::new();
        for view in self.islands.iter().map(IslandHandle::view) {
            for ((account, _metric, reason), dropped) in view.drops.iter() {
                *rows.entry((account.to_string(), reason.name().to_owned())).or_default() += dropped;
            }
        }
        let counter =
            |((account, reason), rows)| v1::Counter { hop: "island".to_owned(), account, reason, rows };
        rows.into_iter().map(counter).collect()
    }

    /// Stops upkeep and the islands, then the logs. What is not sealed is in the logs.
    pub(crate) fn close(&self) {
        self.upkeep.shutdown();
        self.islands.iter().for_each(IslandHandle::shutdown);
        self.sources.iter().for_each(|source| source.log.close());
    }
}

/// The log, or one that refuses: where log and checkpoint do not belong together the island stands still until a person
/// restores one of them, and what was appended until then would be lost with the wrong log.
fn door(partition: u32, log: &Arc<EmbeddedLog>, kv: &dyn Kv) -> Arc<dyn PartitionLog> {
    match check_fit(&*kv.snapshot(), log) {
        Ok(_) => Arc::clone(log) as Arc<dyn PartitionLog>,
        Err(why) => {
            let why = format!("partition {partition} and its log do not fit ({why}): see sluice health");
            Arc::new(ShutLog { log: Arc::clone(log), why })
        }
    }
}

/// Log and store of every partition.
pub(super) fn open_all(data: &DataDir) -> anyhow::Result<Vec<Source>> {
    let cache = Cache::new_lru_cache(CACHE_BYTES);
    (0..data.placement.partitions())
        .map(|partition| {
            let log = open_log(data, partition)?;
            Ok(Source {
                partition,
                log_dir: data.log(partition),
                log,
                store: open_store(data, partition, &cache)?,
            })
        })
        .collect()
}

fn open_log(data: &DataDir, partition: u32) -> anyhow::Result<Arc<EmbeddedLog>> {
    let dir = data.log(partition);
    let opened = EmbeddedLog::open(&dir, LogConfig::default())
        .with_context(|| format!("cannot open the log of partition {partition} in {}", dir.display()))?;
    if opened.report.torn_bytes_cut > 0 {
        tracing::warn!(
            partition,
            bytes = opened.report.torn_bytes_cut,
            "cut a torn tail that nobody was acknowledged"
        );
    }
    Ok(Arc::new(opened.log))
}

fn open_store(data: &DataDir, partition: u32, cache: &Cache) -> anyhow::Result<Arc<RocksKv>> {
    let dir = data.store(partition);
    let options = RocksOptions { cache: cache.clone(), write_buffer_bytes: WRITE_BUFFER_BYTES };
    let kv = RocksKv::open_with(&dir, &options)
        .with_context(|| format!("cannot open the store of partition {partition} in {}", dir.display()))?;
    Ok(Arc::new(kv))
}
