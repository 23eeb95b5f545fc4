//! The real binary under load, killed with SIGKILL at random moments, also while it recovers: every acknowledged row is
//! counted exactly once, and nothing is there that was not sent. `SLUICE_KILLS` says how often (50), `SLUICE_SEED` which
//! moments.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::{Server, number, unix_now};
use model::{Aggregate, Minute, Number, PublisherId, Scalars, Stamp};
use proto::BatchBuilder;
use proto::v1::publish_client::PublishClient;
use proto::v1::{Batch, PublishRequest};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

const PUBLISHERS: u64 = 3;
const SERIES: u64 = 300;
const ROWS: usize = 100;
const METRICS: [&str; 3] = ["kill.requests", "kill.latency", "kill.bytes"];
/// Rows go up to this many minutes back, so that open, sealed and late minutes are all hit.
const MINUTES_BACK: u32 = 3;

/// What was sent: (metric, tuple) → everything.
type Ledger = BTreeMap<(String, String), Scalars>;

#[test]
fn acknowledged_rows_are_counted_exactly_once() {
    let kills: u32 = number("SLUICE_KILLS", 50);
    let seed: u64 = number("SLUICE_SEED", u64::from(std::process::id()));
    println!("SLUICE_KILLS={kills} SLUICE_SEED={seed}");

    let dir = tempfile::tempdir().unwrap();
    let from = unix_now() / 60 * 60 - 60 * u64::from(MINUTES_BACK + 1);
    let mut server = Server::start(dir.path(), &["--grace-ms", "200", "--partitions", "3", "--spread", "2"]);
    let ledger = Arc::new(Mutex::new(Ledger::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let acked = Arc::new(AtomicU64::new(0));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|id| {
            let (endpoint, ledger, stop, acked) =
                (server.endpoint(), ledger.clone(), stop.clone(), acked.clone());
            std::thread::spawn(move || publish(id, seed, &endpoint, &ledger, &stop, &acked))
        })
        .collect();

    let mut moments = SmallRng::seed_from_u64(seed);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(moments.random_range(0..700)));
        server.kill();
        while moments.random_bool(0.3) {
            server.respawn(); // and killed again while it opens, recovers or just serves
            std::thread::sleep(Duration::from_millis(moments.random_range(0..250)));
            server.kill();
        }
        server.restart();
    }
    stop.store(true, Ordering::Relaxed);
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    let batches = acked.load(Ordering::Relaxed);
    println!("{batches} batches acknowledged through {kills} kills");
    assert!(batches > u64::from(kills), "there was no load to speak of");

    let to = unix_now() / 60 * 60 + 120;
    let ledger = ledger.lock().unwrap();
    compare(&server, &ledger, from, to);
    // And once more from what is sealed on disk, after an orderly stop.
    server.wait_sealed(unix_now() / 60 * 60);
    compare(&server, &ledger, from, to);
    assert_eq!(server.stop(), Some(0));
    server.restart();
    compare(&server, &ledger, from, to);
}

/// Publishes until told to stop, each batch until it is acknowledged.
fn publish(id: u64, seed: u64, endpoint: &str, ledger: &Mutex<Ledger>, stop: &AtomicBool, acked: &AtomicU64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let channel =
        tonic::transport::Endpoint::new(endpoint.to_owned()).unwrap().timeout(Duration::from_secs(5));
    let mut random = SmallRng::seed_from_u64(seed ^ (id + 1));
    runtime.block_on(async {
        let mut client = PublishClient::new(channel.connect_lazy());
        for sequence in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let stamp = Stamp { publisher: PublisherId(u128::from(id) + 1), epoch: seed, sequence };
            let batch = batch(stamp, &mut random, &mut ledger.lock().unwrap());
            while !accepted(&mut client, &batch).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            acked.fetch_add(1, Ordering::Relaxed);
        }
    });
}

type Client = PublishClient<tonic::transport::Channel>;

async fn accepted(client: &mut Client, batch: &Batch) -> bool {
    let request = PublishRequest { batches: vec![batch.clone()] };
    match client.publish(request).await {
        Ok(reply) => {
            let reply = &reply.get_ref().batches[0];
            assert_eq!(reply.refused, 0, "{reply:?}");
            assert_eq!(reply.accepted, batch.row_series.len() as u64);
            true
        }
        Err(_killed_in_between) => false,
    }
}

/// A batch, written into the ledger at once: it is sent until it is acknowledged.
fn batch(stamp: Stamp, random: &mut SmallRng, ledger: &mut Ledger) -> Batch {
    let now = Minute::of_unix_seconds(i64::try_from(unix_now()).unwrap()).unwrap();
    let mut builder = BatchBuilder::new("default").publisher(stamp);
    for _ in 0..ROWS {
        let metric = METRICS[random.random_range(0..METRICS.len())];
        let (host, api) = (random.random_range(0..SERIES).to_string(), random.random_range(0..3).to_string());
        let minute =
            now.minus(if random.random_bool(0.1) { random.random_range(0..=MINUTES_BACK) } else { 0 });
        let row = scalars(random);
        builder.add(metric, [("Api", api.as_str()), ("Host", host.as_str())], minute, &Aggregate::of(row));
        ledger.entry((metric.to_owned(), format!("Api={api},Host={host}"))).or_default().merge(&row);
    }
    builder.build()
}

fn scalars(random: &mut SmallRng) -> Scalars {
    let mut row = Scalars::default();
    for _ in 0..random.random_range(1..4) {
        row.record(Number::Int(random.random_range(-1000..100_000)));
    }
    row
}

fn compare(server: &Server, ledger: &Ledger, from: u64, to: u64) {
    for metric in METRICS {
        for (rank, read) in READS {
            let got = server.values(metric, rank, from, to);
            let sent: BTreeMap<String, f64> = ledger
                .iter()
                .filter(|((of, _), _)| of == metric)
                .map(|((_, tuple), row)| (tuple.clone(), read(row)))
                .collect();
            for (tuple, value) in &sent {
                assert_eq!(
                    got.get(tuple),
                    Some(value),
                    "{metric} {{{tuple}}} {rank}: left what is there, right what was sent"
                );
            }
            assert_eq!(got.len(), sent.len(), "{metric} has series that nobody sent");
        }
    }
}

/// A sampling by its name, and how to read it off the ledger.
type Read = (&'static str, fn(&Scalars) -> f64);

const READS: [Read; 4] = [
    ("sum", |row| row.sum().to_f64()),
    ("count", |row| row.count as f64),
    ("min", |row| row.min().to_f64()),
    ("max", |row| row.max().to_f64()),
];
