//! Writes small valid inputs: `cargo run --example seeds` in `fuzz/`. The same bytes every time, and kept in the
//! repository, so that a format that changes without being meant to shows as a difference. Those for `codec` are its golden
//! bytes.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use aggregator::Island;
use bytes::Bytes;
use hints_index::{JOURNAL_KEYS, SAVED_KEYS};
// What the coverage flags refer to, when this is built with the targets.
use libfuzzer_sys as _;
use model::{Aggregate, Bounds, Distinct, Distribution, LocalId, Minute, Number, PublisherId, Scalars, Stamp};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use partition_log::disk::MemoryDisk;
use partition_log::{EmbeddedLog, LogConfig, append_blocking};
use prost::Message as _;
use proto::{BatchBuilder, encode_rows, encode_rules, encode_seal, v1};
use sluice_fuzz::{LIMITS, NOW, glue, join};
use store::{Cf, CompactOptions, Kv as _, MemoryKv, PageBlock, SlabBlock, close_day, compact_hour};

const MINUTE: Minute = Minute((NOW / 60) as u32);

const RULES: &str = "alerts:
  - name: slow
    account: shop
    metric: latency
    where: [{dim: host, op: in, values: [a, b]}]
    by: [host]
    sampling: p99
    tiers:
      - {severity: page, when: '> 250', for: 3 of 5, clear_when: '< 200', clear_for: 2 of 2}
      - {severity: warn, when: '> 100'}
    annotations: {summary: '${dim.host} has ${value}'}
  - {name: silent, account: shop, metric: cpu, tiers: [{severity: a, when: no data for 2m}]}
  - {name: odd, account: shop, metric: cpu, by: [], deviation: {over: 4m}, tiers: [{severity: a, when: beyond 1}]}
";

const TESTS: &str = "alerts:
  - {name: slow, metric: Latency, sampling: max, tiers: [{severity: bad, when: '> 5', for: 2 of 3}]}
tests:
  - name: it fires
    rule: slow
    series: [{dims: {Api: Get}, values: 1 9 9 1}]
    expect:
      - {severity: bad, dims: {Api: Get}, states: ok pending firing ok}
";

const OTLP: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
"scopeMetrics":[{"scope":{"name":"lib"},"metrics":[
{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"1699999980000000000","asInt":"7"}]}},
{"name":"s","sum":{"dataPoints":[{"startTimeUnixNano":"5","timeUnixNano":"1699999980000000000","asDouble":7.5}],"aggregationTemporality":2,"isMonotonic":true}},
{"name":"h","histogram":{"dataPoints":[{"timeUnixNano":"1699999980000000000","count":"3","sum":4,"bucketCounts":["1","2"],"explicitBounds":[1]}],"aggregationTemporality":1}},
{"name":"e","exponentialHistogram":{"dataPoints":[{"timeUnixNano":"1699999980000000000","count":"3","scale":2,"zeroCount":"1","positive":{"offset":1,"bucketCounts":["1","1"]}}],"aggregationTemporality":1}},
{"name":"q","summary":{"dataPoints":[{"timeUnixNano":"1699999980000000000","count":"3","sum":4,"quantileValues":[{"quantile":0.5,"value":1}]}]}}]}]}]}"#;

/// Of everything that can be wrong one, beside something that is right.
const OTLP_BAD: &str = r#"{"resourceMetrics":[7,{"resource":{"attributes":[{"key":1}]},"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{}]}}]}]},
{"scopeMetrics":[null,{"scope":{"name":"lib","version":["x"]},"metrics":[{"name":"g","gauge":{"dataPoints":[{"asInt":1.5},
{"timeUnixNano":1699999980000000000,"asDouble":"1.5e0","attributes":[{"key":"k","value":{"bytesValue":"_-8"}}]},
{"asDouble":"NaN"},{"flags":1,"asDouble":"NaN"},{"asInt":1,"asDouble":1},{"flags":0,"flags":1},[],"\ud800"]}},
{"name":"s","sum":{"dataPoints":[{}],"aggregationTemporality":"DELTA","isMonotonic":null},"gauge":{}}]}]}]}"#;

const QUERIES: [&str; 8] = [
    r#"0{"metric":"cpu","by":["host"],"rank":"sum","n":3,"from":"now-10m","to":"now","pivot":[{"metric":"memory","sampling":"max"}],"points":true}"#,
    r#"0{"metric":"cpu","by":["region"],"order":"bottom","where":[{"dim":"host","op":"=~","values":["a|b"]}],"include_open":true}"#,
    r#"1{"metric":"cpu","by":["host"],"sampling":"avg","step_seconds":120,"from":"now-10m"}"#,
    r#"1{"metric":"cpu","where":[{"dim":"host","op":"not in","values":["a","b"]}]}"#,
    r#"2{"metric":"cpu","select":[{"dim":"region","op":"exists"}],"of":"host","prefix":"a","limit":2}"#,
    r#"2{"metric":"cpu","of":"host","after":"a","from":"2023-11-14T22:00:00Z"}"#,
    r#"3{"account":"default","prefix":"c"}"#,
    r#"4{"metric":"cpu","from":"1700000000"}"#,
];

/// What a coordinator asks, and what a worker answers.
fn worker() -> [Vec<u8>; 4] {
    let texts = |words: &[&str]| v1::Texts {
        text: words.concat().into_bytes(),
        lengths: words.iter().map(|word| word.len() as u32).collect(),
    };
    let matcher = v1::Matcher { dim: "d".into(), op: "=~".into(), values: vec!["x.*".into()] };
    let scope = v1::JobScope { account: "a".into(), metric: "m".into(), r#where: vec![matcher], from: 0, to: 60 };
    let by = v1::Grouping { whole: false, dims: vec!["d".into(), "e".into()] };
    let rank = v1::RankJob {
        scope: Some(scope.clone()),
        by: Some(by.clone()),
        rank: Some("p99.9".into()),
        n: 3,
        bottom: true,
        local: false,
    };
    let tuples = v1::Tuples { texts: Some(texts(&["d", "x"])), pairs: vec![1, 0] };
    let cells = v1::CellsJob {
        scope: Some(scope),
        by: Some(by),
        sampling: "avg".into(),
        step_minutes: 10,
        tuples: Some(tuples.clone()),
    };
    let rows = v1::Aggregates {
        count: vec![1, 2],
        sum: vec![7, 1.5_f64.to_bits()],
        kinds: vec![0, 1],
        ..v1::Aggregates::default()
    };
    let rest = v1::Aggregates { count: vec![1], sum: vec![3], ..v1::Aggregates::default() };
    let best = v1::BestGroups {
        tuples: Some(tuples),
        aggregates: Some(rows.clone()),
        ranks: vec![7, 1.5_f64.to_bits()],
        rank_kinds: vec![0, 1],
        rest: Some(rest),
        rest_groups: 1,
        rest_unranked: 0,
    };
    let (best, cells) = (v1::rank_answer::Groups::Best(best), v1::job::Job::Cells(cells));
    [
        v1::Job { job: Some(v1::job::Job::Rank(rank)) }.encode_to_vec(),
        v1::Job { job: Some(cells) }.encode_to_vec(),
        v1::RankAnswer { known: true, groups: Some(best) }.encode_to_vec(),
        v1::CellsAnswer { known: true, cells: vec![0, 5], aggregates: Some(rows) }.encode_to_vec(),
    ]
}

fn main() {
    let set = |elements: u32| {
        let mut set = Distinct::new(8).expect("a precision");
        (0..elements).for_each(|element| set.observe(&element.to_string()));
        written(|out| set.encode(out))
    };
    let distribution = |values: &[f64]| {
        let mut distribution = Distribution::new();
        values.iter().for_each(|value| distribution.record(*value));
        written(|out| distribution.encode(out))
    };
    let bounded = |bounds: &[f64], values: &[f64]| {
        let mut distribution = Distribution::with_bounds(Bounds::new(bounds).expect("bounds"));
        values.iter().for_each(|value| distribution.record(*value));
        written(|out| distribution.encode(out))
    };
    put(
        "sketches",
        &[
            glue(&[set(0), set(3)]),
            glue(&[set(20), set(200)]),
            glue(&[distribution(&[]), distribution(&[1.0, -2.5, 0.0])]),
            glue(&[distribution(&[1e-6, 1e12]), distribution(&[3.0, 3.0, 3.001])]),
            glue(&[bounded(&[-1.0, 0.0, 2.0], &[-2.0, 1.0, 3.0]), bounded(&[-1.0, 0.0, 2.0], &[2.0])]),
            glue(&[bounded(&[0.1, 10.0, 1000.0], &[5.0, 7.0, 1e9]), distribution(&[5.0, -2.0])]),
        ],
    );

    let batches = [plain_batch(1, MINUTE), rich_batch(2, MINUTE.plus(1))];
    put("batches", &batches.each_ref().map(v1::Batch::encode_to_vec));
    let request = |batches: &[v1::Batch]| v1::PublishRequest { batches: batches.to_vec() }.encode_to_vec();
    put("publish", &[request(&batches[..1]), request(&batches)]);
    put("worker", &worker());
    let records = records();
    put("log_records", &[glue(&records[..3]), glue(&records)]);
    put("segments", &[segment(&records)]);

    let rows: Vec<(LocalId, Aggregate)> = (0..5).map(|id| (id * 2, row(id))).collect();
    let slab = SlabBlock::of(rows.iter().map(|(id, row)| (*id, row))).encode().expect("ids ascend");
    let mut page = PageBlock::new();
    (0..3).for_each(|id| page.push(id, &[(3, row(id)), (4, row(id + 1)), (59, row(id + 2))]));
    put("blocks", &[slab, page.encode().expect("ids ascend")]);

    let (fresh, compacted) = (kept(&records, false), kept(&records, true));
    put("partition", &[dump(&fresh, &Cf::ALL), dump(&compacted, &Cf::ALL)]);
    put("island", &[dump(&fresh, &[Cf::Series, Cf::State, Cf::Hints])]);
    put("hints", &[hints_of(&fresh)]);

    let otlp: ExportMetricsServiceRequest = serde_json::from_str(OTLP).expect("good JSON");
    put("otlp", &[OTLP.into(), otlp.encode_to_vec(), OTLP_BAD.into()]);
    put("queries", &QUERIES.map(|query| query.as_bytes().to_vec()));
    put("rules", &[RULES.into(), TESTS.into()]);
}

fn put(target: &str, seeds: &[Vec<u8>]) {
    let folder = Path::new("seeds").join(target);
    fs::create_dir_all(&folder).expect("the folder fuzz/ is the working directory");
    for (number, seed) in (1..).zip(seeds) {
        assert!(!seed.is_empty(), "{target} {number}");
        fs::write(folder.join(format!("small-{number:02}")), seed).expect("a seed is written");
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn row(number: u32) -> Aggregate {
    let mut scalars = Scalars::default();
    scalars.record(Number::Int(number.into()));
    scalars.record(Number::Float(0.25 + f64::from(number)));
    let mut row = Aggregate::of(scalars);
    if number % 2 == 1 {
        let (mut set, mut distribution) = (Distinct::default(), Distribution::new());
        set.observe(&number.to_string());
        distribution.record(number.into());
        let mut sketches = model::Sketches::default();
        sketches.merge_distinct(&set);
        sketches.merge_distribution(&distribution);
        row.sketches = Some(Box::new(sketches));
    }
    row
}

fn builder(sequence: u64) -> BatchBuilder {
    BatchBuilder::new("shop").declares(true).publisher(Stamp {
        publisher: PublisherId(7),
        epoch: 1,
        sequence,
    })
}

fn plain_batch(sequence: u64, minute: Minute) -> v1::Batch {
    let mut batch = builder(sequence).built_at(NOW);
    for (host, value) in [("a", 1), ("b", 300), ("c", -5)] {
        let row = Aggregate::of(Scalars::of(Number::Int(value)));
        batch.add("cpu", [("host", host), ("region", "west")], minute, &row);
    }
    batch.build()
}

fn rich_batch(sequence: u64, minute: Minute) -> v1::Batch {
    let mut batch = builder(sequence).built_at(NOW);
    (0..4).for_each(|number| {
        batch.add("latency", [("host", "a"), ("n", &number.to_string())], minute, &row(number))
    });
    let total = Aggregate::of(Scalars::of(Number::Int(12)));
    batch.add_cumulative(
        "requests",
        [("host", "a")],
        minute,
        &total,
        5,
        u64::from(minute.0) * 60_000_000_000,
    );
    batch.build()
}

/// Rules, rows, a repeated batch, a late row, rows far ahead, seals.
fn records() -> Vec<Bytes> {
    let rules = vec![v1::RuleFile { name: "a.yaml".into(), text: RULES.into() }];
    let rules = v1::Rules { version: 1, from_minute: MINUTE.0, files: rules };
    vec![
        encode_rules(rules),
        encode_rows(&[plain_batch(1, MINUTE), rich_batch(2, MINUTE)]),
        encode_seal(MINUTE),
        encode_rows(&[plain_batch(1, MINUTE), plain_batch(3, MINUTE), rich_batch(4, MINUTE.plus(1))]),
        encode_rows(&[plain_batch(5, MINUTE.plus(9)), rich_batch(6, MINUTE.plus(2))]),
        encode_seal(MINUTE.plus(1)),
        encode_rows(&[rich_batch(7, MINUTE.plus(2))]),
    ]
}

fn segment(records: &[Bytes]) -> Vec<u8> {
    let disk = MemoryDisk::new();
    let log = EmbeddedLog::open_on(Arc::new(disk.clone()), "/log", LogConfig::default())
        .expect("an empty disk")
        .log;
    for record in records {
        append_blocking(&log, record.clone()).expect("a good disk");
    }
    disk.content(&disk.paths()[0]).expect("the first segment")
}

/// The disk of an island that applied the records.
fn kept(records: &[Bytes], compacts: bool) -> MemoryKv {
    let (mut island, disk) = (Island::new(LIMITS), MemoryKv::new());
    for (offset, record) in (0..).zip(records) {
        let applied = island.apply(offset, record).expect("a good record");
        assert!(applied.skipped.is_empty(), "{:?}", applied.skipped);
        applied
            .checkpoint
            .into_iter()
            .for_each(|checkpoint| disk.commit(checkpoint.batch).expect("a good disk"));
    }
    for metric in (0..3).filter(|_| compacts) {
        let hour = MINUTE.0 / 60;
        let batch =
            compact_hour(&*disk.snapshot(), metric, hour, CompactOptions::default()).expect("good blocks");
        batch.into_iter().for_each(|batch| disk.commit(batch).expect("a good disk"));
        let batch = close_day(&*disk.snapshot(), metric, hour / 24).expect("good blocks");
        disk.commit(batch).expect("a good disk");
    }
    disk
}

/// Without the records that are the island's own.
fn hints_of(disk: &MemoryKv) -> Vec<u8> {
    let mut all = Vec::new();
    let each = &mut |key: &[u8], value: &[u8]| {
        all.extend(join(Cf::Hints, key, value));
        Ok(ControlFlow::Continue(()))
    };
    for (from, to) in [SAVED_KEYS, JOURNAL_KEYS] {
        disk.snapshot().range(Cf::Hints, &from, &to, each).expect("a good disk");
    }
    all
}

fn dump(disk: &MemoryKv, families: &[Cf]) -> Vec<u8> {
    let mut all = Vec::new();
    for cf in families {
        let each = &mut |key: &[u8], value: &[u8]| {
            all.extend(join(*cf, key, value));
            Ok(ControlFlow::Continue(()))
        };
        disk.snapshot().range(*cf, &[], &[u8::MAX; 64], each).expect("a good disk");
    }
    all
}
