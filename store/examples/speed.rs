//! What a slab block costs, and an hour before and after compaction: `cargo run -p store --example speed [rows]` prints
//! JSON lines for each kind of service.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::ops::ControlFlow;
use std::time::Instant;

use model::{Aggregate, Minute, MinuteRange, Number, Scalars};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::{
    Batch, Cf, Columns, CompactOptions, Kv, KvBatch, KvOp, MemoryKv, Scan, SlabBlock, SlabColumns, SlabKey,
    compact_hour, scan,
};

/// Reads of the same block, of which the median counts.
const READS: usize = 5;

fn main() {
    let rows = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1_000_000);
    report("requests: count 60 ± 8, whole milliseconds", rows, |random, _| {
        fold((0..52 + random.random_range(0..16)).map(|_| Number::Int(random.random_range(15..40))))
    });
    report("steady: count 60, each series ± 3 around a level of its own", rows, |random, series| {
        // Mixed twice: multiples of one constant differ by few deltas, which codes too well.
        let mixed = series.wrapping_mul(2_654_435_761);
        let level = i64::from((mixed ^ mixed >> 15).wrapping_mul(2_246_822_519) >> 18);
        let sum = 60 * level + random.random_range(-3..=3);
        Scalars::new(60, Number::Int(sum), Number::Int(level - 2), Number::Int(level + 2))
    });
    report("latency: count 60 ± 8, hundredths, some whole", rows, |random, _| {
        let hundredths = (52 + random.random_range(0..16), 1500..4000);
        fold(
            (0..hundredths.0).filter_map(|_| {
                Number::from_f64(f64::from(random.random_range(hundredths.1.clone())) / 100.0)
            }),
        )
    });
    report("gauge: count 1, a percentage with two decimals", rows, |random, _| {
        fold(Number::from_f64(f64::from(random.random_range(4000..6000)) / 100.0).into_iter())
    });
    report("counter: count 1, mostly 0", rows, |random, _| {
        fold(std::iter::once(Number::Int(i64::from(random.random_range(0..50) == 0))))
    });
}

fn fold(numbers: impl Iterator<Item = Number>) -> Scalars {
    let mut all = Scalars::default();
    numbers.for_each(|number| all.record(number));
    all
}

fn report(service: &str, rows: u32, row: impl Fn(&mut StdRng, u32) -> Scalars) {
    report_hour(service, rows, &row);
    let mut random = StdRng::seed_from_u64(1);
    let rows: Vec<Aggregate> = (0..rows).map(|one| Aggregate::of(row(&mut random, one))).collect();
    let (build, block) = per_row(rows.len(), || SlabBlock::of((0_u32..).zip(&rows)));
    let (encode, bytes) = per_row(rows.len(), || block.encode().expect("ids ascend"));
    let (sum, scalars) = (read(&bytes, Columns::SUM), read(&bytes, Columns::SCALARS));
    println!(
        "{}",
        serde_json::json!({
            "stage": "slab block", "service": service, "rows": rows.len(),
            "bits_per_row": bytes.len() as f64 * 8.0 / rows.len() as f64,
            "build_ns_per_row": build, "encode_ns_per_row": encode,
            "read_ids_and_sum_ns_per_row": sum, "read_scalars_ns_per_row": scalars,
        })
    );
}

/// An hour of a sixtieth of the rows: bits a minute sample in slabs, in pages with their hour blocks, and what a sum
/// costs to read from each.
fn report_hour(service: &str, rows: u32, row: impl Fn(&mut StdRng, u32) -> Scalars) {
    let (mut random, kv, series) = (StdRng::seed_from_u64(2), MemoryKv::new(), (rows / 60).max(1));
    let mut batch = KvBatch::new();
    for minute in 0..60 {
        let rows: Vec<Aggregate> = (0..series).map(|one| Aggregate::of(row(&mut random, one))).collect();
        let key = SlabKey { metric: 0, minute: Minute(minute), seal_offset: 0 };
        let block = SlabBlock::of((0_u32..).zip(&rows)).encode().expect("ids ascend");
        batch.put(Cf::Slabs, key.to_bytes(), block);
    }
    kv.commit(batch).expect("it is memory");
    let samples = series as usize * 60;
    let bits = |kv: &MemoryKv| kv.disk_bytes() as f64 * 8.0 / samples as f64;
    let (slabs, read_slabs) = (bits(&kv), scan_hour(&kv, 1, samples));
    let compact = || compact_hour(&*kv.snapshot(), 0, 0, CompactOptions::default());
    let (compact_ns, batch) = per_row(samples, || compact().expect("reads").expect("has slabs"));
    let page_bytes = |op: &KvOp| match op {
        KvOp::Put { cf: Cf::Pages, value, .. } => value.len(),
        _ => 0,
    };
    let pages = batch.ops().iter().map(page_bytes).sum::<usize>() as f64 * 8.0 / samples as f64;
    kv.commit(batch).expect("it is memory");
    println!(
        "{}",
        serde_json::json!({
            "stage": "hour", "service": service, "series": series,
            "slab_bits_per_sample": slabs, "page_bits_per_sample": pages, "hour_bits_per_sample": bits(&kv) - pages,
            "compact_ns_per_sample": compact_ns, "scan_slabs_ns_per_sample": read_slabs,
            "scan_pages_ns_per_sample": scan_hour(&kv, 1, samples),
            "scan_hours_ns_per_sample": scan_hour(&kv, 60, samples),
        })
    );
}

/// Nanoseconds a minute sample of the hour, however it is kept.
fn scan_hour(kv: &MemoryKv, step_minutes: u32, samples: usize) -> f64 {
    let minutes = MinuteRange::new(Minute(0), Minute(60));
    let sums = Scan { metric: 0, minutes, step_minutes, wanted: Columns::SUM, series: None };
    let mut columns = SlabColumns::new();
    let mut once = || {
        let each = &mut |_: &Batch<'_>| Ok(ControlFlow::Continue(()));
        per_row(samples, || scan(&*kv.snapshot(), &sums, &mut columns, each).expect("reads")).0
    };
    let mut times: Vec<f64> = (0..READS).map(|_| once()).collect();
    times.sort_by(f64::total_cmp);
    times[READS / 2]
}

/// The median, so that a buffer's first growth does not count.
fn read(bytes: &[u8], wanted: Columns) -> f64 {
    let mut columns = SlabColumns::new();
    columns.read(bytes, wanted).expect("it was just written");
    let rows = columns.len();
    let mut times: Vec<f64> =
        (0..READS).map(|_| per_row(rows, || columns.read(bytes, wanted).expect("as before")).0).collect();
    times.sort_by(f64::total_cmp);
    times[READS / 2]
}

/// Nanoseconds a row, and what came out.
fn per_row<T>(rows: usize, work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed().as_nanos() as f64 / rows as f64, done)
}
