//! Seals and scans on a real disk: `cargo run -p store --example disk [rows] [minutes]` prints one JSON line.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::ops::ControlFlow;
use std::time::Instant;

use model::{Aggregate, Minute, MinuteRange, Number, Scalars};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::{Batch, Cf, Columns, Kv, KvBatch, RocksKv, Scan, SlabBlock, SlabColumns, SlabKey};

fn main() {
    let mut words = std::env::args().skip(1).filter_map(|word| word.parse::<u32>().ok());
    let (rows, minutes) = (words.next().unwrap_or(100_000), words.next().unwrap_or(60));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let kv = RocksKv::open(dir.path()).expect("opens");
    let mut random = StdRng::seed_from_u64(1);
    let mut commits: Vec<f64> =
        (0..minutes).map(|minute| commit(&kv, minute, block(rows, &mut random))).collect();
    commits.sort_by(f64::total_cmp);
    let cold = scan(&kv, minutes, Columns::SUM);
    let warm = scan(&kv, minutes, Columns::SUM);
    let all = scan(&kv, minutes, Columns::SCALARS);
    println!(
        "{}",
        serde_json::json!({
            "stage": "store on a disk", "rows": rows, "minutes": minutes,
            "commit_ms_median": commits[commits.len() / 2], "commit_ms_max": commits.last(),
            "scan_sum_ns_per_row": warm, "first_scan_sum_ns_per_row": cold, "scan_scalars_ns_per_row": all,
            "disk_bits_per_row": kv.disk_bytes() as f64 * 8.0 / f64::from(rows) / f64::from(minutes),
        })
    );
}

/// Counts of about 60, sums of whole milliseconds.
fn block(rows: u32, random: &mut StdRng) -> Vec<u8> {
    let mut row = || {
        let count = random.random_range(52..68);
        let sum = (0..count).map(|_| random.random_range(15..40)).sum();
        Aggregate::of(Scalars::new(count, Number::Int(sum), Number::Int(15), Number::Int(39)))
    };
    let rows: Vec<Aggregate> = (0..rows).map(|_| row()).collect();
    SlabBlock::of((0..).zip(&rows)).encode().expect("ids ascend")
}

/// Milliseconds.
fn commit(kv: &RocksKv, minute: u32, block: Vec<u8>) -> f64 {
    let mut batch = KvBatch::new();
    let key = SlabKey { metric: 1, minute: Minute(minute), seal_offset: u64::from(minute) };
    batch.put(Cf::Slabs, key.to_bytes(), block);
    let start = Instant::now();
    kv.commit(batch).expect("commits");
    start.elapsed().as_secs_f64() * 1e3
}

/// Nanoseconds a row.
fn scan(kv: &RocksKv, minutes: u32, wanted: Columns) -> f64 {
    let range = MinuteRange::new(Minute(0), Minute(minutes));
    let start = Instant::now();
    let rows = Scan { metric: 1, minutes: range, step_minutes: 1, wanted, series: None };
    let each = &mut |_: &Batch<'_>| Ok(ControlFlow::Continue(()));
    let stats = store::scan(&*kv.snapshot(), &rows, &mut SlabColumns::new(), each).expect("reads");
    start.elapsed().as_nanos() as f64 / stats.rows as f64
}
