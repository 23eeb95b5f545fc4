//! Row 3 of the targets: rows per second of one core, from the bytes of a request to the bytes of log records.
//!
//! A request holds one batch of 1,000 rows, each another series of 5 dimensions. Decode, admission, hashes,
//! re-bucketing by 4 partitions and encoding are measured together and one by one; gRPC's framing and the log are not.
//! Prints a JSON line.

#![allow(clippy::print_stdout, reason = "a bench prints its figure")]
#![allow(clippy::unwrap_used, reason = "what is measured is built here")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use frontend::admission::admit;
use frontend::rebucket::rebucket;
use model::{Aggregate, Limits, Minute, Number, Placement, PublisherId, Scalars, Stamp};
use prost::Message as _;
use proto::{BatchBuilder, BatchColumns, encode_rows, v1};

const ROWS: usize = 1000;
const NOW: u64 = 60_000_020;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(300);

fn main() {
    let bytes = v1::PublishRequest { batches: vec![batch()] }.encode_to_vec();
    let placement = Placement::new(4, 4).unwrap();
    let decode = || v1::PublishRequest::decode(&bytes[..]).unwrap();
    let decoded = decode();
    let columns = || BatchColumns::new(&decoded.batches[0]).unwrap();
    let admitted = || admit(columns(), &Limits::DEFAULT, NOW).unwrap();
    let split = rebucket(&admitted(), placement);

    let all = nanos_per_row(|| {
        let request = decode();
        let admitted = admit(BatchColumns::new(&request.batches[0]).unwrap(), &Limits::DEFAULT, NOW).unwrap();
        for part in rebucket(&admitted, placement) {
            black_box(encode_rows(&[part.batch]));
        }
    });
    let decode = nanos_per_row(|| drop(black_box(decode())));
    let admission = nanos_per_row(|| drop(black_box(admitted())));
    let kept = admitted();
    let rebucket = nanos_per_row(|| drop(black_box(rebucket(&kept, placement))));
    let encode = nanos_per_row(|| {
        for part in &split {
            black_box(encode_rows(std::slice::from_ref(&part.batch)));
        }
    });
    println!(
        r#"{{"stage":"frontend","figure":{:.0},"unit":"rows/s per core","ns_per_row":{all:.1},"decode_ns":{decode:.1},"admission_ns":{admission:.1},"rebucket_ns":{rebucket:.1},"encode_ns":{encode:.1},"bytes_per_row":{:.1}}}"#,
        1e9 / all,
        bytes.len() as f64 / ROWS as f64,
    );
}

fn batch() -> v1::Batch {
    let stamp = Stamp { publisher: PublisherId(1), epoch: 1, sequence: 1 };
    let mut builder = BatchBuilder::new("shop").publisher(stamp);
    for at in 0..ROWS {
        let vm = format!("vm-{at:04}");
        let api = format!("/api/v1/resource{}", at % 20);
        let dims =
            [("Api", &*api), ("Cluster", "prod-7"), ("Region", "WestUS"), ("Status", "200"), ("VMID", &*vm)];
        let number = |n: usize| Number::Int(i64::try_from(n).unwrap());
        let scalars = Scalars::new(2, number(at + 2000), number(at), number(2000));
        builder.add("Latency", dims, Minute(1_000_000), &Aggregate::of(scalars));
    }
    builder.build()
}

/// The median of some rounds.
fn nanos_per_row(mut work: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (start, mut times) = (Instant::now(), 0);
            while start.elapsed() < ROUND {
                work();
                times += 1;
            }
            start.elapsed().as_nanos() as f64 / f64::from(times) / ROWS as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
