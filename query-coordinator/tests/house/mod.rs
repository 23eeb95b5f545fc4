//! A house for tests: rows in partitions over disks in memory, and the slow, obviously right answer beside it.

#![allow(dead_code, reason = "every test uses a part of it")]

pub(crate) mod worlds;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hints_index::{HintsIndex, Journal};
use model::{Aggregate, Dims, LocalId, MetricId, Minute, MinuteRange, Placement, SeriesKey};
use proto::v1;
use query_coordinator::{Coordinator, Partition, PartitionError, Parts, PublisherRows, QueryLimits, Reading};
use store::{
    Batch, Cf, Chore, CompactOptions, EachBatch, Kv, KvBatch, MemoryKv, Planner, Scan, ScanStats, Settled,
    SlabBlock, SlabColumns, SlabKey, StoreError, close_day, compact_hour, scan,
};

/// One series in one minute, as one seal brought it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) metric: &'static str,
    pub(crate) dims: Vec<(String, String)>,
    pub(crate) minute: u32,
    pub(crate) aggregate: Aggregate,
    /// Which seal: late rows come with a later one.
    pub(crate) seal: u64,
    /// No seal has taken it yet.
    pub(crate) open: bool,
}

/// How a house is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) partitions: u32,
    pub(crate) spread: u32,
    pub(crate) sealed_through: u32,
    pub(crate) now: u32,
    /// The minute from which on it is known how many rows were applied.
    pub(crate) known_from: u32,
    pub(crate) upkeep: Upkeep,
}

/// What upkeep has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upkeep {
    Nothing,
    /// The first seals' rows are compacted, later ones lie beside them.
    Early,
    /// Then the others are compacted too, and days are built.
    All,
}

/// A partition over a disk in memory.
pub(crate) struct Room {
    pub(crate) state: Arc<RoomState>,
    pub(crate) broken: Option<PartitionError>,
    /// How long it takes to answer.
    pub(crate) delay: std::time::Duration,
}

/// What it holds.
pub(crate) struct RoomState {
    hints: HintsIndex,
    kv: MemoryKv,
    open: Vec<(MetricId, Minute, Vec<u8>)>,
    sealed_through: Option<Minute>,
    known_from: Minute,
    applied: BTreeMap<Minute, u64>,
}

/// What a room's reading shows.
struct Shown {
    state: Arc<RoomState>,
    include_open: bool,
}

pub(crate) const ACCOUNT: &str = "default";

impl Partition for Room {
    fn pin(&self, include_open: bool, _: &[(String, String)]) -> Result<Arc<dyn Reading>, PartitionError> {
        std::thread::sleep(self.delay);
        match &self.broken {
            Some(why) => Err(why.clone()),
            None => Ok(Arc::new(Shown { state: Arc::clone(&self.state), include_open })),
        }
    }

    fn publisher(&self, publisher: u128, epoch: u64) -> Result<PublisherRows, PartitionError> {
        match &self.broken {
            Some(why) => Err(why.clone()),
            None => {
                Ok(PublisherRows { applied: u64::try_from(publisher).unwrap(), duplicate: epoch, dropped: 1 })
            }
        }
    }

    fn health(&self) -> v1::PartitionHealth {
        v1::PartitionHealth { state: "serving".into(), ..Default::default() }
    }
}

impl Reading for Shown {
    fn hints(&self) -> &HintsIndex {
        &self.state.hints
    }

    fn sealed_through(&self) -> Option<Minute> {
        self.state.sealed_through
    }

    fn rows_applied(&self, account: &str, minute: Minute) -> u64 {
        if account == ACCOUNT { self.state.applied.get(&minute).copied().unwrap_or(0) } else { 0 }
    }

    fn rows_known_from(&self) -> Minute {
        self.state.known_from
    }

    fn scan(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        let mut columns = SlabColumns::new();
        let mut broken = false;
        let stats = scan(&*self.state.kv.snapshot(), wanted, &mut columns, &mut |batch| {
            let flow = each(batch)?;
            broken = flow.is_break();
            Ok(flow)
        })?;
        if !broken {
            self.scan_unsealed(wanted, each)?;
        }
        Ok(stats)
    }

    fn scan_unsealed(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        let mut columns = SlabColumns::new();
        for (metric, minute, bytes) in &self.state.open {
            let inside = *metric == wanted.metric && wanted.minutes.contains(*minute);
            if self.include_open && inside {
                columns.read(bytes, wanted.wanted)?;
                let minutes = MinuteRange::new(*minute, minute.next());
                if each(&Batch { minutes, columns: &columns })?.is_break() {
                    break;
                }
            }
        }
        Ok(ScanStats::default())
    }
}

/// Rows of one block, by series.
type Block = BTreeMap<LocalId, Aggregate>;

/// The rooms of a house.
pub(crate) fn rooms(plan: Plan, rows: &[Row], applied: &[(u32, u64)]) -> BTreeMap<u32, Room> {
    let placement = Placement::new(plan.partitions, plan.spread).unwrap();
    let mut parts: BTreeMap<u32, Vec<&Row>> = (0..plan.partitions).map(|at| (at, Vec::new())).collect();
    for row in rows {
        let key = key(row);
        let home = placement.partition_of(key.metric_hash(), key.hash());
        parts.get_mut(&home).unwrap().push(row);
    }
    let applied: BTreeMap<Minute, u64> =
        applied.iter().map(|(minute, rows)| (Minute(*minute), *rows)).collect();
    let room = |(partition, rows): (u32, Vec<&Row>)| {
        let applied = if partition == 0 { applied.clone() } else { BTreeMap::new() };
        let state = Arc::new(state(plan, &rows, applied));
        (partition, Room { state, broken: None, delay: std::time::Duration::ZERO })
    };
    parts.into_iter().map(room).collect()
}

/// A coordinator over them.
pub(crate) fn coordinator(plan: Plan, rooms: BTreeMap<u32, Room>, limits: QueryLimits) -> Coordinator {
    let shared = |(partition, room)| (partition, Arc::new(room) as Arc<dyn Partition>);
    Coordinator::new(parts(plan, rooms.into_iter().map(shared).collect(), limits))
}

/// What it is made of.
pub(crate) fn parts(plan: Plan, partitions: BTreeMap<u32, Arc<dyn Partition>>, limits: QueryLimits) -> Parts {
    Parts {
        placement: Placement::new(plan.partitions, plan.spread).unwrap(),
        partitions,
        limits,
        now: Arc::new(move || u64::from(plan.now) * 60 + 7),
        counters: Arc::new(|| {
            vec![v1::Counter {
                hop: "frontend".into(),
                reason: "accepted".into(),
                rows: 3,
                ..Default::default()
            }]
        }),
        version: "1.2.3".into(),
        started: 99,
    }
}

fn key(row: &Row) -> SeriesKey {
    SeriesKey {
        account: ACCOUNT.into(),
        metric: row.metric.into(),
        dims: Dims::new(row.dims.clone()).unwrap(),
    }
}

/// As an island would: ids by first appearance, a block a metric, minute and seal.
fn state(plan: Plan, rows: &[&Row], applied: BTreeMap<Minute, u64>) -> RoomState {
    let mut hints = HintsIndex::new();
    let mut ids: BTreeMap<(String, String), LocalId> = BTreeMap::new();
    let mut metrics: BTreeMap<&str, MetricId> = BTreeMap::new();
    let mut blocks: BTreeMap<(bool, MetricId, u32, u64), Block> = BTreeMap::new();
    for row in rows {
        let next = u32::try_from(metrics.len()).unwrap();
        let metric = *metrics.entry(row.metric).or_insert(next);
        let key = key(row);
        let next = u32::try_from(ids.len()).unwrap();
        let id = *ids.entry((row.metric.into(), key.dims.to_string())).or_insert_with(|| {
            let dims = key.dims.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str()));
            hints.insert(ACCOUNT, row.metric, metric, next, dims).unwrap();
            next
        });
        let block = blocks.entry((row.open, metric, row.minute, row.seal)).or_default();
        block.entry(id).or_default().merge(&row.aggregate);
    }
    let (kv, mut seals, mut open) = (MemoryKv::new(), BTreeMap::<u64, KvBatch>::new(), Vec::new());
    for ((is_open, metric, minute, seal_offset), block) in blocks {
        let minute = Minute(minute);
        let bytes = SlabBlock::of(block.iter().map(|(id, row)| (*id, row))).encode().unwrap();
        if is_open {
            open.push((metric, minute, bytes));
        } else {
            let key = SlabKey { metric, minute, seal_offset }.to_bytes();
            seals.entry(seal_offset).or_default().put(Cf::Slabs, key, bytes);
            let ids: Vec<LocalId> = block.keys().copied().collect();
            hints.note(metric, minute, &ids, &mut Journal::default()).unwrap();
        }
    }
    for (seal, batch) in seals {
        kv.commit(batch).unwrap();
        if plan.upkeep != Upkeep::Nothing && seal == 0 {
            keep_up(&kv, false);
        }
    }
    if plan.upkeep == Upkeep::All {
        keep_up(&kv, true);
    }
    let (sealed_through, known_from) = (Some(Minute(plan.sealed_through)), Minute(plan.known_from));
    RoomState { hints, kv, open, sealed_through, known_from, applied }
}

/// Compacts every hour that has slabs, and builds every day.
fn keep_up(kv: &MemoryKv, days: bool) {
    let settled = Settled { before: Minute(10 * 1440), seals_below: u64::MAX };
    let mut planner = Planner::default();
    while let Some(chore) = planner.next(&*kv.snapshot(), &settled).unwrap() {
        let batch = match chore {
            Chore::Hour { metric, hour } => {
                compact_hour(&*kv.snapshot(), metric, hour, CompactOptions::default()).unwrap()
            }
            Chore::Day { metric, day } => days.then(|| close_day(&*kv.snapshot(), metric, day).unwrap()),
        };
        kv.commit_later(batch.unwrap_or_default()).unwrap();
    }
}

// === the oracle ===

/// A name of a group as the rules sort it: a value for every name that occurs anywhere, the empty one where absent.
pub(crate) fn sort_key(names: &BTreeSet<String>, tuple: &[(String, String)]) -> Vec<String> {
    let value = |name: &String| tuple.iter().find(|(have, _)| have == name).map(|(_, value)| value.clone());
    names.iter().map(|name| value(name).unwrap_or_default()).collect()
}

/// The pairs that a row is grouped under; `None` groups by the whole tuple.
pub(crate) fn group_of(row: &Row, by: Option<&[String]>) -> Vec<(String, String)> {
    let mut pairs = row.dims.clone();
    pairs.retain(|(name, value)| !value.is_empty() && by.is_none_or(|by| by.contains(name)));
    pairs.sort();
    pairs
}

/// The value of a dimension; empty when absent.
pub(crate) fn value_of<'a>(row: &'a Row, dim: &str) -> &'a str {
    row.dims.iter().find(|(name, _)| name == dim).map_or("", |(_, value)| value)
}
