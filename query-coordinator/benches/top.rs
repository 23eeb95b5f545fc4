//! Row 12 of the targets: top-10 by sum over a million series, the last minute and the last hour, over four
//! partitions on disks in memory. Prints a JSON line each.
//!
//! `cargo bench -p query-coordinator --bench top [-- SERIES]`; `cargo bench --profile dev` for the profile of tests.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use hints_index::HintsIndex;
use model::{Minute, Number, Placement, Scalars};
use proto::v1;
use query_coordinator::{Coordinator, Partition, PartitionError, Parts, PublisherRows, QueryLimits, Reading};
use store::{
    Cf, EachBatch, Kv, KvBatch, MemoryKv, Scan, ScanStats, SlabBlock, SlabColumns, SlabKey, StoreError, scan,
};

const PARTITIONS: u32 = 4;
const MINUTES: u32 = 60;
const RUNS: usize = 15;

struct Room {
    hints: HintsIndex,
    kv: MemoryKv,
}

struct Shared(Arc<Room>);

impl Partition for Shared {
    fn pin(&self, _: bool, _: &[(String, String)]) -> Result<Arc<dyn Reading>, PartitionError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Reading>)
    }

    fn publisher(&self, _: u128, _: u64) -> Result<PublisherRows, PartitionError> {
        Ok(PublisherRows::default())
    }

    fn health(&self) -> v1::PartitionHealth {
        v1::PartitionHealth::default()
    }
}

impl Reading for Room {
    fn hints(&self) -> &HintsIndex {
        &self.hints
    }

    fn sealed_through(&self) -> Option<Minute> {
        Some(Minute(MINUTES))
    }

    fn rows_applied(&self, _: &str, _: Minute) -> u64 {
        0
    }

    fn rows_known_from(&self) -> Minute {
        Minute(0)
    }

    fn scan(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        scan(&*self.kv.snapshot(), wanted, &mut SlabColumns::new(), each)
    }

    fn scan_unsealed(&self, _: &Scan<'_>, _: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        Ok(ScanStats::default())
    }
}

/// Counts of a steady service: every series near a level of its own.
fn room(partition: u32, series: u32) -> Room {
    let mut hints = HintsIndex::new();
    for id in 0..series {
        let (vm, api) = (format!("vm-{partition}-{id}"), format!("api-{}", id % 40));
        hints.insert("default", "Requests", 0, id, [("Api", api.as_str()), ("VM", vm.as_str())]).unwrap();
    }
    let kv = MemoryKv::new();
    let mut random = u64::from(partition) + 1;
    for minute in 0..MINUTES {
        let mut block = SlabBlock::new();
        for id in 0..series {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let level = i64::from(id.wrapping_mul(2_654_435_761) >> 20);
            let sum = level + i64::try_from(random >> 58).unwrap();
            block.push(id, &Scalars::new(60, Number::Int(sum), Number::Int(0), Number::Int(sum)), None, None);
        }
        let key = SlabKey { metric: 0, minute: Minute(minute), seal_offset: u64::from(minute) };
        let mut batch = KvBatch::new();
        batch.put(Cf::Slabs, key.to_bytes(), block.encode().unwrap());
        kv.commit(batch).unwrap();
    }
    Room { hints, kv }
}

fn coordinator(series: u32) -> Coordinator {
    let partition = |at| {
        let room = Shared(Arc::new(room(at, series / PARTITIONS)));
        (at, Arc::new(room) as Arc<dyn Partition>)
    };
    let partitions: BTreeMap<u32, Arc<dyn Partition>> = (0..PARTITIONS).map(partition).collect();
    Coordinator::new(Parts {
        placement: Placement::new(PARTITIONS, PARTITIONS).unwrap(),
        partitions,
        limits: QueryLimits::default(),
        now: Arc::new(|| u64::from(MINUTES) * 60),
        counters: Arc::new(Vec::new),
        version: String::new(),
        started: 0,
    })
}

async fn measure(coordinator: &Coordinator, stage: &str, series: u32, by: &str, minutes: u32) {
    let request = v1::TopRequest {
        metric: "Requests".into(),
        by: vec![by.into()],
        rank: "sum".into(),
        n: 10,
        from: u64::from(MINUTES - minutes) * 60,
        to: u64::from(MINUTES) * 60,
        ..Default::default()
    };
    let (mut ms, mut greatest) = (Vec::new(), None);
    for _ in 0..RUNS {
        let started = Instant::now();
        let reply = coordinator.top(request.clone()).await.unwrap();
        ms.push(started.elapsed().as_secs_f64() * 1e3);
        assert_eq!((reply.rows.len(), reply.completeness.unwrap().partial), (10, false));
        greatest = reply.rows[0].rank_int;
    }
    ms.sort_by(f64::total_cmp);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        r#"{{"stage":"{stage}","series":{series},"minutes":{minutes},"by":"{by}","figure":{:.2},"best":{:.2},"unit":"ms","ns_per_row":{:.2},"greatest":{},"machine":"{cores} cores"}}"#,
        ms[RUNS / 2],
        ms[0],
        ms[RUNS / 2] * 1e6 / f64::from(series) / f64::from(minutes),
        greatest.unwrap(), // sums of whole numbers; bench/peers must find the same
    );
}

fn main() {
    let series = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let coordinator = coordinator(series);
    runtime.block_on(async {
        measure(&coordinator, "12 top-10 by sum, last minute", series, "*", 1).await;
        measure(&coordinator, "12 top-10 by sum, last hour", series, "*", MINUTES).await;
        measure(&coordinator, "12 top-10 by sum of 40 groups, last minute", series, "Api", 1).await;
        measure(&coordinator, "12 top-10 by sum of all VMs, last minute", series, "VM", 1).await;
    });
}
