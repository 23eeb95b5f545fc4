//! The partitions of this process: all of them over the embedded log, or those that Kafka says are its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aggregator::{IslandHandle, Retentions, UpkeepConfig, check_fit, checkpoint_position};
use anyhow::Context as _;
use model::{Placement, metric_hash};
use partition_log::kafka::KafkaTable;
use partition_log::{EmbeddedLog, KafkaTopic, LogConfig, PartitionLog};
use proto::v1;
use query_coordinator::Partition;
use store::cold::Cold;
use store::{Cache, Kv, RocksKv, RocksOptions};

use super::data_dir::DataDir;
use super::islands::{Islands, IslandsConfig};
use super::owners;
use super::shut_log::ShutLog;
use crate::commands::backup::Source;
use crate::config::{ColdConfig, Config};

/// Blocks of all partitions' stores that stay in memory: some hours of a million series at a few bytes each.
pub(super) const CACHE_BYTES: usize = 512 << 20;
/// What a family of one partition gathers before it writes a file.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// Late rows in all islands' memory, at about 150 bytes each; beyond that an island asks for a checkpoint.
const LATE_ROWS_MAX: usize = 1_000_000;

/// What this process has of the partitions.
pub(crate) struct Partitions {
    /// The data directory, and how rows are placed in it.
    pub(crate) data: PathBuf,
    pub(crate) placement: Placement,
    /// What a backup copies: nothing, where the log is Kafka's.
    sources: Vec<Source>,
    /// The logs as frontends see them.
    doors: Vec<Arc<dyn PartitionLog>>,
    islands: Arc<Islands>,
    /// Where the logs are, when they are not here.
    topic: Option<Arc<KafkaTopic>>,
    /// Where nodes say what they own, when there is more than this one.
    table: Option<Arc<KafkaTable>>,
}

// === impl Partitions ===

impl Partitions {
    /// All of them, over logs of this machine. Opens logs and stores, and starts the islands, which recover on their own
    /// threads.
    pub(crate) fn open(
        data: &DataDir,
        config: &Config,
        retentions: Arc<dyn Retentions>,
    ) -> anyhow::Result<Self> {
        let sources = open_all(data)?;
        if let Some(cold) = open_cold(&config.cold)? {
            sources.iter().for_each(|source| source.store.set_cold(Arc::clone(&cold)));
        }
        let islands = Arc::new(Islands::new(islands_config(config, data.placement, retentions)));
        let mut doors = Vec::new();
        for Source { partition, log, store, .. } in &sources {
            let kv = Arc::clone(store) as Arc<dyn Kv>;
            doors.push(door(*partition, log, &*kv));
            islands.open(*partition, Arc::clone(log) as Arc<dyn PartitionLog>, kv);
        }
        islands.begin_upkeep().context("cannot start upkeep")?;
        let (data, placement) = (data.path().to_owned(), data.placement);
        Ok(Self { data, placement, sources, doors, islands, topic: None, table: None })
    }

    /// Over Kafka: the logs of all partitions, and whichever islands are opened.
    pub(crate) fn over(
        topic: Arc<KafkaTopic>,
        table: Arc<KafkaTable>,
        config: &Config,
        islands: Arc<Islands>,
    ) -> Self {
        let (data, placement) = (config.data.clone(), config.placement);
        let logs = (0..placement.partitions()).filter_map(|partition| topic.log(partition));
        let doors = logs.map(|log| Arc::new(log) as Arc<dyn PartitionLog>).collect();
        Self { data, placement, sources: Vec::new(), doors, islands, topic: Some(topic), table: Some(table) }
    }

    /// None of them: other nodes have all, and say so in this table.
    pub(crate) fn elsewhere(table: Arc<KafkaTable>, config: &Config, islands: Arc<Islands>) -> Self {
        let (data, placement) = (config.data.clone(), config.placement);
        let (sources, doors) = (Vec::new(), Vec::new());
        Self { data, placement, sources, doors, islands, topic: None, table: Some(table) }
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
    ) -> Vec<(IslandHandle, Arc<dyn PartitionLog>)> {
        let holds: Vec<u32> = if metric.is_empty() {
            (0..self.placement.partitions()).collect()
        } else {
            self.placement.partitions_of(metric_hash(account, metric)).collect()
        };
        let held = self.islands().into_iter().filter(|island| holds.contains(&island.partition()));
        held.map(|island| {
            let door = Arc::clone(&self.doors[island.partition() as usize]);
            (island, door)
        })
        .collect()
    }

    /// Where queries read.
    pub(crate) fn workers(&self) -> BTreeMap<u32, Arc<dyn Partition>> {
        self.islands.slots(self.placement.partitions())
    }

    /// Those that are open now.
    pub(crate) fn islands(&self) -> Vec<IslandHandle> {
        self.islands.all()
    }

    pub(crate) fn want_rules(&self, files: &alerts::RuleFiles) {
        self.islands.want_rules(files);
    }

    /// Who owns what, as far as this node has heard. Nobody else, when everything is here.
    pub(crate) fn owners(&self) -> Vec<owners::Shown> {
        let rows = self.table.as_ref().map(|table| table.rows()).unwrap_or_default();
        owners::shown(rows.iter().map(|(node, row)| (&**node, row.offset, &*row.value)), self.placement)
    }

    /// Nodes that place rows otherwise, a line of each.
    pub(crate) fn strangers(&self) -> Vec<String> {
        let rows = self.table.as_ref().map(|table| table.rows()).unwrap_or_default();
        owners::strangers(rows.iter().map(|(node, row)| (&**node, row.offset, &*row.value)), self.placement)
    }

    /// Every island has caught up with its log, and its log takes more; else a line about those of which that is not so.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let mut waiting: Vec<String> = self
            .islands()
            .iter()
            .map(IslandHandle::status)
            .filter(|status| !status.is_ready())
            .map(|status| {
                let (state, at, end) = (status.name(), status.position, status.log_end);
                let line = format!("partition {} is {state}, at record {at} of {end}", status.partition);
                if status.why().is_empty() { line } else { format!("{line}: {}", status.why()) }
            })
            .collect();
        waiting.extend(self.topic.as_ref().and_then(|topic| topic.away()));
        if waiting.is_empty() { Ok(()) } else { Err(waiting.join("\n")) }
    }

    /// Rows that islands dropped, by account and reason.
    pub(crate) fn drops(&self) -> Vec<v1::Counter> {
        let mut rows: BTreeMap<(String, String), u64> = BTreeMap::new();
        for view in self.islands().iter().map(IslandHandle::view) {
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
        self.islands.close_all();
        self.sources.iter().for_each(|source| source.log.close());
        self.topic.iter().for_each(|topic| topic.close());
        self.table.iter().for_each(|table| table.close(Duration::ZERO));
    }
}

/// How islands are kept by this configuration.
pub(super) fn islands_config(
    config: &Config,
    placement: Placement,
    retentions: Arc<dyn Retentions>,
) -> IslandsConfig {
    let late_rows_max = LATE_ROWS_MAX / placement.partitions() as usize;
    let upkeep = UpkeepConfig { hot_days: config.cold.hot_days, ..UpkeepConfig::default() };
    IslandsConfig { grace_ms: config.grace_ms, late_rows_max, upkeep, retentions }
}

pub(super) fn open_cold(config: &ColdConfig) -> anyhow::Result<Option<Arc<Cold>>> {
    let Some(url) = &config.object_store else { return Ok(None) };
    Ok(Some(Arc::new(Cold::open(url, config.cache_bytes).context("cannot use object_store")?)))
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
            let store = open_store(data, partition, &cache)?;
            let log = open_log(data, partition, &*store)?;
            Ok(Source { partition, log_dir: data.log(partition), log, store })
        })
        .collect()
}

/// What is checkpointed nobody asks the log for. A checkpoint that cannot be read says nothing, and its island says why.
fn open_log(data: &DataDir, partition: u32, store: &dyn Kv) -> anyhow::Result<Arc<EmbeddedLog>> {
    let dir = data.log(partition);
    let needed_from = checkpoint_position(&*store.snapshot()).ok().flatten().unwrap_or_default();
    let opened = EmbeddedLog::open(&dir, LogConfig { needed_from, ..LogConfig::default() })
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

pub(super) fn open_store(data: &DataDir, partition: u32, cache: &Cache) -> anyhow::Result<Arc<RocksKv>> {
    let dir = data.store(partition);
    let options = RocksOptions { cache: cache.clone(), write_buffer_bytes: WRITE_BUFFER_BYTES };
    let kv = RocksKv::open_with(&dir, &options)
        .with_context(|| format!("cannot open the store of partition {partition} in {}", dir.display()))?;
    Ok(Arc::new(kv))
}
