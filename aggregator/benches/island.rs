//! The island's hot paths, a JSON line each: rows into open series, new series, a seal, recovery by replay.
//!
//! `cargo bench -p aggregator [-- SERIES]`. CPU time of this thread from the operating system, not wall time.

use aggregator::{Island, IslandLimits};
use bytes::Bytes;
use model::{Aggregate, Minute, Number, PublisherId, Scalars, Stamp};
use proto::{BatchBuilder, BatchView, encode_rows, encode_seal, v1};
use store::{Kv, MemoryKv};

/// Rows of one log record: what a loaded frontend writes.
const ROWS_PER_RECORD: u32 = 1000;

fn main() {
    let series = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let records = records(series);
    let (mut island, mut offset) = (Island::new(IslandLimits::DEFAULT), 0);
    let new = time(&records, &mut island, &mut offset);
    line("new series", series, new * 1e9, "ns/series");
    let record = encode_seal(Minute(9));
    let begun = Cpu::now();
    let checkpoint = island.apply(offset, &record).expect("it is due").checkpoint.expect("rows wait");
    line("seal and dictionary", series, begun.seconds(), "s");
    line("bytes of that checkpoint", series, checkpoint.batch.bytes() as f64 / f64::from(series), "B/series");
    let disk = MemoryKv::new();
    disk.commit(checkpoint.batch).expect("memory");
    offset += 1;
    let open = records.iter().map(|record| at_minute(record, 10)).collect::<Vec<_>>();
    time(&open, &mut island, &mut offset);
    let mut runs: Vec<f64> = (0..5).map(|_| time(&open, &mut island, &mut offset)).collect();
    runs.sort_by(f64::total_cmp);
    line("merge into open series, record decoded", series, runs[2] * 1e9, "ns/row");
    line("the same", series, 1.0 / runs[2], "rows/s");
    let decode = decode_only(&open);
    line("of that, decoding and checking the record", series, decode * 1e9, "ns/row");
    let begun = Cpu::now();
    let mut again = Island::load(IslandLimits::DEFAULT, &*disk.snapshot()).expect("it was just written");
    line("load the dictionary", series, begun.seconds(), "s");
    let mut offset = again.position();
    line("recovery by replay", series, 1.0 / time(&open, &mut again, &mut offset), "rows/s");
    let begun = Cpu::now();
    let seal = encode_seal(Minute(10));
    let sealed = again.apply(offset, &seal).expect("it is due").checkpoint.expect("rows wait");
    line("seal of known series", series, begun.seconds(), "s");
    line("bytes of that seal", series, sealed.batch.bytes() as f64 / f64::from(series), "B/series");
}

/// Nanoseconds that this thread has run.
struct Cpu(u64);

impl Cpu {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts them");
        Self(
            stat.split(' ')
                .next()
                .and_then(|ns| ns.parse().ok())
                .expect("the first word is the time on a CPU"),
        )
    }

    fn seconds(&self) -> f64 {
        (Self::now().0 - self.0) as f64 / 1e9
    }
}

/// Seconds a row.
fn time(records: &[Bytes], island: &mut Island, offset: &mut u64) -> f64 {
    let (begun, mut rows) = (Cpu::now(), 0);
    for record in records {
        let applied = island.apply(*offset, record).expect("it is due");
        assert!(applied.skipped.is_empty());
        rows += applied.rows;
        *offset += 1;
    }
    begun.seconds() / rows as f64
}

fn decode_only(records: &[Bytes]) -> f64 {
    let (begun, mut rows) = (Cpu::now(), 0);
    for record in records {
        let Ok(proto::Record::Rows(batches)) = proto::decode_record(record.clone()) else { continue };
        rows += batches.iter().map(|batch| BatchView::new(batch).expect("it is good").rows()).sum::<usize>();
    }
    begun.seconds() / rows as f64
}

/// Every series once, in an order that caches cannot guess, hashes filled in.
fn records(series: u32) -> Vec<Bytes> {
    let mut order: Vec<u32> = (0..series).collect();
    let mut state = 88_172_645_463_325_252_u64;
    for at in (1..order.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(at, (state % (at as u64 + 1)) as usize);
    }
    let chunks = order.chunks(ROWS_PER_RECORD as usize).zip(0_u64..);
    chunks.map(|(chunk, sequence)| encode_rows(&[batch(chunk, sequence)])).collect()
}

fn batch(series: &[u32], sequence: u64) -> v1::Batch {
    let stamp = Stamp { publisher: PublisherId(1), epoch: 1, sequence };
    let mut builder = BatchBuilder::new("bench").publisher(stamp);
    for one in series {
        let (vm, host, value) = (format!("vm-{one}"), format!("host-{}", one / 100), i64::from(one % 977));
        let dims = [("Host", &*host), ("Region", ["EastUS", "WestUS"][*one as usize % 2]), ("VM", &*vm)];
        let row = Aggregate::of(Scalars::new(
            3,
            Number::Int(value * 3),
            Number::Int(value - 1),
            Number::Int(value + 1),
        ));
        builder.add("Latency", dims, Minute(9), &row);
    }
    let mut batch = builder.build();
    let view = BatchView::new(&batch).expect("it is good");
    let hashes: Vec<_> =
        (0..view.series_count() as u32).map(|at| (view.series_hash(at), view.metric_hash(at))).collect();
    batch.series_hash_high = hashes.iter().map(|(series, _)| series.high()).collect();
    batch.series_hash_low = hashes.iter().map(|(series, _)| series.low()).collect();
    batch.metric_hash = hashes.iter().map(|(_, metric)| metric.0).collect();
    batch
}

/// The same rows in another minute, without a stamp, so that they can be applied again.
fn at_minute(record: &Bytes, minute: u32) -> Bytes {
    let Ok(proto::Record::Rows(mut batches)) = proto::decode_record(record.clone()) else {
        return record.clone();
    };
    for batch in &mut batches {
        batch.row_minute.fill(minute);
        batch.publisher = Bytes::new();
        (batch.epoch, batch.sequence) = (0, 0);
    }
    encode_rows(&batches)
}

#[allow(clippy::print_stdout, reason = "a benchmark prints")]
fn line(stage: &str, series: u32, figure: f64, unit: &str) {
    println!(
        "{{\"stage\":\"aggregator: {stage}\",\"series\":{series},\"figure\":{figure:.3},\"unit\":\"{unit}\"}}"
    );
}
