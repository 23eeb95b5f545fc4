//! What a slab block costs: `cargo run -p store --example speed [rows]` prints a JSON line for each kind of service.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::time::Instant;

use model::{Aggregate, Number, Scalars};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::{Columns, SlabBlock, SlabColumns};

/// Reads of the same block, of which the median counts.
const READS: usize = 5;

fn main() {
    let rows = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1_000_000);
    report("requests: count 60 ± 8, whole milliseconds", rows, |random| {
        fold((0..52 + random.random_range(0..16)).map(|_| Number::Int(random.random_range(15..40))))
    });
    report("latency: count 60 ± 8, hundredths, some whole", rows, |random| {
        let hundredths = (52 + random.random_range(0..16), 1500..4000);
        fold(
            (0..hundredths.0).filter_map(|_| {
                Number::from_f64(f64::from(random.random_range(hundredths.1.clone())) / 100.0)
            }),
        )
    });
    report("gauge: count 1, a percentage with two decimals", rows, |random| {
        fold(Number::from_f64(f64::from(random.random_range(4000..6000)) / 100.0).into_iter())
    });
    report("counter: count 1, mostly 0", rows, |random| {
        fold(std::iter::once(Number::Int(i64::from(random.random_range(0..50) == 0))))
    });
}

fn fold(numbers: impl Iterator<Item = Number>) -> Scalars {
    let mut all = Scalars::default();
    numbers.for_each(|number| all.record(number));
    all
}

fn report(service: &str, rows: u32, row: impl Fn(&mut StdRng) -> Scalars) {
    let mut random = StdRng::seed_from_u64(1);
    let rows: Vec<Aggregate> = (0..rows).map(|_| Aggregate::of(row(&mut random))).collect();
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
