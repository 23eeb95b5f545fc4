//! Row 10: what an active series costs, all in. `cargo bench -p aggregator --bench memory [-- SERIES]`, JSON lines.
//!
//! One metric of five dimensions (Region 30, Cluster 300, Service 6,000, Api 50, VM one for 30 series), a
//! row a series and minute. Memory is what the system counts as resident beyond what the process had before; the
//! hour is 60 seals' slab blocks, as they lie on disk.
#![allow(clippy::print_stdout, reason = "a program that measures and prints")]

use std::ops::Range;

use aggregator::{Island, IslandLimits, View};
use bytes::Bytes;
use model::{Aggregate, Minute, Number, PublisherId, Scalars, Stamp};
use proto::{BatchBuilder, encode_rows, encode_seal};
use store::{Cf, Kv, KvBatch, KvOp, MemoryKv};

const ROWS_PER_RECORD: u32 = 1_000;
const SERIES_PER_VM: u32 = 30;
const BASE: u32 = 29_000_040;
/// The metric comes to its size in so many minutes: memory that only a first minute needs would stay with the process.
const GROWTH_MINUTES: u32 = 20;

fn main() {
    let series = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let (before, mut house) = (resident(), House::default());
    let part = series / GROWTH_MINUTES;
    let (mut records, mut hints, mut slabs) = (0.0, 0.0, 0.0);
    for minute in 0..GROWTH_MINUTES {
        house.minute(minute * part..(minute + 1) * part, BASE + minute);
        let checkpoint = house.seal(BASE + minute);
        records += bytes_of(&checkpoint, Cf::Series);
        hints += bytes_of(&checkpoint, Cf::Hints);
        house.view = house.island.view();
    }
    let series = part * GROWTH_MINUTES;
    for minute in [BASE + 20, BASE + 21] {
        house.minute(0..series, minute);
        slabs = bytes_of(&house.seal(minute), Cf::Slabs);
        house.view = house.island.view();
    }
    line("dictionary records, as written", records, series);
    line("hints, as written in all", hints, series);
    house.minute(0..series, BASE + 22); // stays open
    let memory = resident() - before;
    line("hints, as they count themselves", house.view.hints.memory_bytes() as f64, series);
    line("memory: index, hints, an open minute", memory, series);
    line("an hour of data", slabs * 60.0, series);
    line("all in", memory + slabs * 60.0, series);
    start(series);
}

/// How long it takes to come back, with saved hints and without.
fn start(series: u32) {
    let (disk, mut house) = (MemoryKv::new(), House::default());
    house.minute(0..series, BASE);
    disk.commit(house.seal(BASE)).expect("memory");
    let load = |stage| {
        let begun = std::time::Instant::now();
        let series =
            Island::load(IslandLimits::DEFAULT, &*disk.snapshot()).expect("it was just written").series();
        let seconds = begun.elapsed().as_secs_f64();
        println!(r#"{{"row":10,"stage":"{stage}","series":{series},"figure":{seconds:.3},"unit":"s"}}"#);
    };
    load("start from saved hints");
    let mut nothing_saved = KvBatch::new();
    nothing_saved.delete_range(Cf::Hints, [0], [u8::MAX]);
    disk.commit(nothing_saved).expect("memory");
    load("start from the dictionary's strings");
}

struct House {
    island: Island,
    offset: u64,
    /// What readers hold.
    view: View,
}

impl Default for House {
    fn default() -> Self {
        Self { island: Island::new(IslandLimits::DEFAULT), offset: 0, view: View::default() }
    }
}

// === impl House ===

impl House {
    /// A row of each of these series.
    fn minute(&mut self, series: Range<u32>, minute: u32) {
        for first in series.clone().step_by(ROWS_PER_RECORD as usize) {
            let record = record(first..series.end.min(first + ROWS_PER_RECORD), minute);
            assert!(self.apply(&record).is_none());
        }
    }

    fn seal(&mut self, minute: u32) -> KvBatch {
        self.apply(&encode_seal(Minute(minute))).expect("rows wait")
    }

    fn apply(&mut self, record: &Bytes) -> Option<KvBatch> {
        let applied = self.island.apply(self.offset, record).expect("it is due");
        self.offset += 1;
        applied.checkpoint.map(|checkpoint| checkpoint.batch)
    }
}

fn record(series: Range<u32>, minute: u32) -> Bytes {
    let sequence = u64::from(minute) * 1_000_000 + u64::from(series.start / ROWS_PER_RECORD);
    let stamp = Stamp { publisher: PublisherId(1), epoch: 1, sequence };
    let mut builder = BatchBuilder::new("bench").publisher(stamp);
    for one in series {
        // Mixed twice: multiples of one constant differ by few deltas, which codes too well.
        let mix = (u64::from(one) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mix = (mix ^ mix >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 7;
        let (vm, service, api) = (one / SERIES_PER_VM, mix % 200, mix / 200 % 50);
        let (api, cluster, region) =
            (format!("api-{api}"), format!("cluster-{}", vm % 300), format!("region-{}", vm % 30));
        let (service, vm) = (format!("service-{service}-{}", one % SERIES_PER_VM), format!("vm-{vm:07}"));
        let dims = [
            ("Api", &*api),
            ("Cluster", &*cluster),
            ("Region", &*region),
            ("Service", &*service),
            ("VM", &*vm),
        ];
        // A level of its own, and a little noise every minute.
        let value = (mix % 9_000 + (mix >> 20 ^ u64::from(minute)).wrapping_mul(0xbf58_476d_1ce4_e5b9) % 8)
            .cast_signed();
        let row = Aggregate::of(Scalars::new(
            3,
            Number::Int(value * 3),
            Number::Int(value - 1),
            Number::Int(value + 1),
        ));
        builder.add("Latency", dims, Minute(minute), &row);
    }
    encode_rows(&[builder.build()])
}

fn bytes_of(batch: &KvBatch, family: Cf) -> f64 {
    let size = |op: &KvOp| match op {
        KvOp::Put { cf, key, value } if *cf == family => key.len() + value.len(),
        _ => 0,
    };
    batch.ops().iter().map(size).sum::<usize>() as f64
}

/// Bytes of this process in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    status.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).expect("the second number") * 4096.0
}

fn line(stage: &str, bytes: f64, series: u32) {
    let figure = bytes / f64::from(series);
    println!(
        r#"{{"row":10,"stage":"{stage}","series":{series},"figure":{figure:.1},"unit":"B/series","bar_all_in":250}}"#
    );
}
