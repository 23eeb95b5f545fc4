//! What a series costs: `cargo run -p hints-index --example growth [series]` prints one JSON line.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::time::Instant;

use hints_index::HintsIndex;
use model::Matcher;

/// 20 regions × 50 services × 40 operations × 5 codes, and as many hosts as it takes: five dimensions.
const REGIONS: u32 = 20;
const SERVICES: u32 = 50;
const OPERATIONS: u32 = 40;
const CODES: u32 = 5;

fn main() {
    let series = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1_000_000);
    let keys: Vec<[String; 5]> = (0..series).map(key).collect();
    let start = Instant::now();
    let mut index = HintsIndex::new();
    for (id, key) in (0_u32..).zip(&keys) {
        let dims = ["Code", "Host", "Operation", "Region", "Service"]
            .into_iter()
            .zip(key.iter().map(String::as_str));
        index.insert("default", "Latency", 0, id, dims).expect("ids ascend");
    }
    let insert = start.elapsed();
    let metric = index.metric("default", "Latency").expect("it was inserted");
    let (select_one, found) = time(|| select(metric, "Region", "=", "region-3"));
    let (select_regex, _) = time(|| select(metric, "Host", "=~", "host-.*7"));
    let (hints, _) = time(|| metric.values_of("Host", &metric.all(), "", "").len());
    let clone = index.clone();
    let (copy, ()) =
        time(|| index.insert("default", "Latency", 0, series, [("Region", "new")]).expect("ids ascend"));
    println!(
        "{}",
        serde_json::json!({
            "stage": "hints-index growth", "series": series, "dims": 5,
            "insert_ns_per_series": insert.as_nanos() as f64 / f64::from(series),
            "bytes_per_series": clone.memory_bytes() as f64 / f64::from(series),
            "select_equal_ms": select_one, "selected": found, "select_regex_ms": select_regex,
            "values_of_ms": hints, "first_insert_beside_a_clone_ms": copy,
        })
    );
}

fn key(n: u32) -> [String; 5] {
    let (code, n) = (n % CODES, n / CODES);
    let (operation, n) = (n % OPERATIONS, n / OPERATIONS);
    let (service, n) = (n % SERVICES, n / SERVICES);
    let (region, host) = (n % REGIONS, n);
    [
        format!("{}", 200 + code),
        format!("host-{service}-{host}"),
        format!("op-{operation}"),
        format!("region-{region}"),
        format!("service-{service}"),
    ]
}

fn select(metric: &hints_index::MetricIndex, dim: &str, op: &str, value: &str) -> usize {
    metric.select(&[Matcher::new(dim, op, vec![value.to_owned()]).expect("a good matcher")]).len()
}

/// Milliseconds, and what came out.
fn time<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed().as_secs_f64() * 1e3, done)
}
