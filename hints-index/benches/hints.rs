//! Row 13: one metric with 30 M combinations, hints three selections deep while series and rows keep coming.
//!
//! `cargo bench -p hints-index [-- COMBINATIONS]` prints JSON lines. Region 30, Cluster 300 (of one region each),
//! Service 200, Api 50, VM 1 M (of one cluster each): as many combinations as asked for, in no order a packer likes.
//! A reader asks for the values of a fourth dimension over the last hour, from a view that a writer replaces after
//! each of its steps: 5,000 new combinations, and a seal's rows of a tenth of the metric.
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hints_index::{HintsIndex, Journal, MetricIndex, Search, Selection};
use model::{Matcher, Minute, MinuteRange};
use roaring::RoaringBitmap;
use serde_json::json;

const REGIONS: u64 = 30;
const CLUSTERS: u64 = 300;
const SERVICES: u64 = 200;
const APIS: u64 = 50;
const VMS: u64 = 1_000_000;

/// The minute of the first row.
const BASE: u32 = 29_000_000;
const STEP: u32 = 5_000;

fn main() {
    let combinations = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(30_000_000_u32);
    let (mut index, begun) = (HintsIndex::new(), Instant::now());
    (0..combinations).for_each(|id| insert(&mut index, id));
    let insert = begun.elapsed();
    let begun = Instant::now();
    (0..3).for_each(|hour| note(&mut index, 0..combinations, BASE + hour * 60 + 59));
    let note = begun.elapsed() / 3;
    let bytes = index.memory_bytes();
    line("combinations in memory", bytes as f64 / f64::from(combinations), "B/combination", Some(24.0));
    line("all in, as the system counts", resident() / f64::from(combinations), "B/combination", None);
    line("insert", insert.as_nanos() as f64 / f64::from(combinations), "ns/combination", None);
    line("a seal with rows of all", note.as_nanos() as f64 / f64::from(combinations), "ns/combination", None);
    saved(&index, combinations);
    as_roaring(&index, combinations);
    asked(index, combinations);
}

/// The lists of positions in their other form: a roaring bitmap a value, of the dimension with a million. Memory as the
/// system counts it, which is too little where it is what others have given back.
fn as_roaring(index: &HintsIndex, combinations: u32) {
    let metric = index.metric("bench", "Requests").expect("it is there");
    let (dim, before) = (metric.dim("VM").expect("it is there"), resident());
    let mut bitmaps = vec![RoaringBitmap::new(); dim.values().len() + 1];
    let mut position = 0;
    dim.each_id(&metric.all(), |id| {
        bitmaps[id as usize].insert(position);
        position += 1;
    });
    let bytes = (resident() - before) / f64::from(combinations);
    line("a roaring bitmap a value of VM", bytes, "B/combination", None);
    let written: usize = bitmaps.iter().map(RoaringBitmap::serialized_size).sum();
    line("the same, written", written as f64 / f64::from(combinations), "B/combination", None);
}

/// Bytes on disk, and how long a start takes.
fn saved(index: &HintsIndex, combinations: u32) {
    let (mut index, mut disk) = (index.clone(), Vec::new());
    let begun = Instant::now();
    index.save(Minute(BASE), &mut |key, value| disk.extend(value.map(|value| (key, value))));
    line("save", begun.elapsed().as_secs_f64(), "s", None);
    let bytes: usize = disk.iter().map(|(key, value)| key.len() + value.len()).sum();
    line("on disk", bytes as f64 / f64::from(combinations), "B/combination", None);
    disk.sort_unstable();
    let begun = Instant::now();
    let mut loader = hints_index::Loader::new();
    disk.iter().for_each(|(key, value)| loader.record(key, value).expect("as it was saved"));
    let again = loader.finish().expect("as it was saved");
    line("load", begun.elapsed().as_secs_f64(), "s", None);
    assert_eq!(again.series_count(), u64::from(combinations));
}

/// Queries while a writer works, for ten seconds each.
fn asked(index: HintsIndex, combinations: u32) {
    let (view, done) = (Mutex::new(Arc::new(index.clone())), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(index, combinations, &view, &done));
        let kinds: [(&str, Ask); 4] = [
            ("three selections deep: values of Api", deep),
            ("the same with patterns", patterns),
            ("three selections deep: values of VM", vms),
            ("one VM: values of Api", one_vm),
        ];
        for (name, ask) in kinds {
            let (mut times, mut cpu) = (Vec::new(), Vec::new());
            let (begun, began, mut found) = (Instant::now(), on_cpu(), 0);
            while begun.elapsed() < Duration::from_secs(10) {
                let view = Arc::clone(&view.lock().expect("nobody panics"));
                let metric = view.metric("bench", "Requests").expect("it is there");
                let n = times.len() as u64 * 7_919;
                let (begun, worked) = (Instant::now(), on_cpu());
                found += ask(metric, n);
                times.push(begun.elapsed().as_secs_f64() * 1e3);
                cpu.push((on_cpu() - worked) * 1e3);
            }
            // Where the system counts CPU time by ticks of some milliseconds, only the mean says something.
            let cpu_mean = (on_cpu() - began) * 1e3 / times.len() as f64;
            times.sort_by(f64::total_cmp);
            cpu.sort_by(f64::total_cmp);
            let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
            let cpu_at = |part: f64| cpu[((cpu.len() - 1) as f64 * part) as usize];
            println!(
                "{}",
                json!({"row": 13, "stage": name, "combinations": combinations, "queries": times.len(),
                    "found_each": found / times.len(), "min_ms": at(0.0), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
                    "cpu_mean_ms": cpu_mean, "cpu_p50_ms": cpu_at(0.5), "cpu_p99_ms": cpu_at(0.99), "bar_p99_ms": 50})
            );
        }
        done.store(true, Ordering::Relaxed);
        let (steps, firsts) = writer.join().expect("it does not panic");
        line("beside it, new combinations", f64::from(steps * STEP) / 40.0, "1/s", None);
        line("the first insert after a new view, median", firsts[firsts.len() / 2] * 1e3, "ms CPU", None);
    });
}

/// New series and rows; a new view after each step. Returns the steps, and what the first insert of each took, sorted.
fn write(
    mut index: HintsIndex,
    from: u32,
    view: &Mutex<Arc<HintsIndex>>,
    done: &AtomicBool,
) -> (u32, Vec<f64>) {
    let (mut steps, mut firsts) = (0, Vec::new());
    while !done.load(Ordering::Relaxed) {
        let next = from + steps * STEP;
        let begun = on_cpu();
        insert(&mut index, next);
        firsts.push(on_cpu() - begun);
        (next + 1..next + STEP).for_each(|id| insert(&mut index, id));
        let tenth = from / 10;
        let part = steps % 10;
        note(&mut index, part * tenth..(part + 1) * tenth, BASE + 180 + steps % 60);
        *view.lock().expect("nobody panics") = Arc::new(index.clone());
        steps += 1;
    }
    firsts.sort_by(f64::total_cmp);
    (steps, firsts)
}

type Ask = fn(&MetricIndex, u64) -> usize;

fn deep(metric: &MetricIndex, n: u64) -> usize {
    let [region, cluster, service, ..] = combination(n as u32);
    values(metric, "Api", &[("Region", "=", region), ("Cluster", "=", cluster), ("Service", "=", service)])
}

fn patterns(metric: &MetricIndex, n: u64) -> usize {
    let [region, ..] = combination(n as u32);
    let (cluster, service) = (format!("cluster-.*{}", n % 10), format!("service-1.*{}", n % 10));
    values(metric, "Api", &[("Region", "=", region), ("Cluster", "=~", cluster), ("Service", "=~", service)])
}

fn vms(metric: &MetricIndex, n: u64) -> usize {
    let [region, cluster, _, api, _] = combination(n as u32);
    values(metric, "VM", &[("Region", "=", region), ("Cluster", "=", cluster), ("Api", "!=", api)])
}

fn one_vm(metric: &MetricIndex, n: u64) -> usize {
    let [region, .., vm] = combination(n as u32);
    values(metric, "Api", &[("Region", "=", region), ("VM", "=", vm), ("Service", "exists", String::new())])
}

/// A page of the values with data in the last hour, which begins and ends within one.
fn values(metric: &MetricIndex, of: &str, select: &[(&str, &str, String)]) -> usize {
    let matcher = |(dim, op, value): &(&str, &str, String)| {
        let values = if value.is_empty() { Vec::new() } else { vec![value.clone()] };
        Matcher::new(*dim, op, values).expect("a good matcher")
    };
    let matchers: Vec<Matcher> = select.iter().map(matcher).collect();
    let range = MinuteRange::new(Minute(BASE + 179), Minute(BASE + 240));
    let selection: Selection = metric.select_active(&matchers, range).finish();
    metric.values_of(of, &selection, Search { limit: 1_000, ..Search::ALL }).page.len()
}

fn insert(index: &mut HintsIndex, id: u32) {
    let [region, cluster, service, api, vm] = combination(id);
    let dims =
        [("Api", &api), ("Cluster", &cluster), ("Region", &region), ("Service", &service), ("VM", &vm)];
    index
        .insert("bench", "Requests", 0, id, dims.map(|(name, value)| (name, value.as_str())))
        .expect("ids ascend");
}

/// Scattered: a VM has a cluster and that a region, services and APIs are any.
fn combination(id: u32) -> [String; 5] {
    let mix = (u64::from(id) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mix = (mix ^ mix >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 7;
    let vm = mix % VMS;
    let cluster = vm % CLUSTERS;
    let (service, api) = (mix / VMS % SERVICES, mix / VMS / SERVICES % APIS);
    [
        format!("region-{}", cluster % REGIONS),
        format!("cluster-{cluster}"),
        format!("service-{service}"),
        format!("api-{api}"),
        format!("vm-{vm:07}"),
    ]
}

/// Rows of these series, a seal's worth.
fn note(index: &mut HintsIndex, ids: std::ops::Range<u32>, minute: u32) {
    let (mut journal, ids) = (Journal::default(), ids.collect::<Vec<u32>>());
    ids.chunks(1 << 20)
        .for_each(|ids| index.note(0, Minute(minute), ids, &mut journal).expect("they are there"));
}

fn line(stage: &str, figure: f64, unit: &str, bar: Option<f64>) {
    println!("{}", json!({"row": 13, "stage": stage, "figure": figure, "unit": unit, "bar": bar}));
}

/// Seconds that this thread has run: the machine may be busy with other things.
fn on_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts them");
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("the first word is the time on a CPU")
        / 1e9
}

/// Bytes of this process in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    status.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).expect("the second number") * 4096.0
}
