//! Old pages in an object store, under the real binary: the same answers, through kills, and without the store the rest.
//! `SLUICE_COLD_KILLS` says how often the server is killed while pages move out (4), `SLUICE_SEED` when.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::object_store::ObjectStore;
use harness::{PATIENCE, Server, json_of, number, sluice, unix_now};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

const FLAGS: [&str; 4] = ["--partitions", "1", "--grace-ms", "100"];
const METRIC: &str = "cold.value";
const HOSTS: u64 = 100;
const DAY: u64 = 86_400;

#[test]
fn into_a_directory_through_kills() {
    let dir = tempfile::tempdir().unwrap();
    let store = ObjectStore::directory(&dir.path().join("objects"));
    moved_out(&store, dir.path());
}

#[test]
fn over_s3_and_when_it_is_away_the_rest_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = ObjectStore::s3();
    let (from, truth, recent) = moved_out(&store, dir.path());
    let server = start(&store, dir.path());
    store.go_away();
    let (reasons, found) = asked(&server, from, from + DAY);
    assert!(reasons.contains("pages in the object store could not be read, the first is page"), "{reasons}");
    assert!(found.len() < truth.len() || found != truth);
    let (reasons, found) = asked(&server, recent, recent + 3_600);
    assert_eq!(
        (reasons.as_str(), found.len() as u64),
        ("[]", HOSTS),
        "what is recent does not ask the store"
    );
    publish(&server, unix_now() - 120);
}

/// Publishes, moves out, compares. When the old day begins, what it holds, and when the recent rows are.
fn moved_out(store: &ObjectStore, dir: &Path) -> (u64, BTreeMap<String, f64>, u64) {
    let kills: u32 = number("SLUICE_COLD_KILLS", 4);
    let seed: u64 = number("SLUICE_SEED", u64::from(std::process::id()));
    println!("SLUICE_COLD_KILLS={kills} SLUICE_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let from = unix_now() / DAY * DAY - 3 * DAY;
    let recent = unix_now() / 3_600 * 3_600 - 2 * 3_600;
    let mut server = Server::start(&dir.join("data"), &FLAGS);
    (0..6).for_each(|hour| publish(&server, from + hour * 3_600));
    publish(&server, recent);
    server.wait_sealed(unix_now() / 60 * 60);
    let (reasons, truth) = asked(&server, from, from + DAY);
    assert_eq!((reasons.as_str(), truth.len() as u64), ("[]", HOSTS));
    assert_eq!(server.stop(), Some(0));

    let mut server = start(store, dir);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(random.random_range(0..7_000)));
        server.kill();
        server.restart();
        assert_eq!(asked(&server, from, from + DAY), ("[]".to_owned(), truth.clone()));
    }
    let began = Instant::now();
    while store.count("pages/") == 0 {
        assert!(began.elapsed() < PATIENCE, "nothing moves out");
        std::thread::sleep(Duration::from_millis(100));
    }
    // One pack holds all of the day; its references are committed at once.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(asked(&server, from, from + DAY), ("[]".to_owned(), truth.clone()));
    assert_eq!(server.stop(), Some(0));
    let without = Server::start(&dir.join("data"), &FLAGS);
    let (reasons, _) = asked(&without, from, from + DAY);
    assert!(reasons.contains("no object store is set: set object_store"), "{reasons}");
    drop(without);
    (from, truth, recent)
}

fn start(store: &ObjectStore, dir: &Path) -> Server {
    let more = ["--object-store", &store.url, "--hot-retention-days", "1", "--cold-cache-mb", "0"];
    Server::start_in(&dir.join("data"), &[&FLAGS[..], &more].concat(), &store.env)
}

fn publish(server: &Server, from: u64) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for host in 0..HOSTS {
        for minute in 0..5 {
            let line = json!({"ts": from + 60 * minute, "metric": METRIC, "dims": {"Host": host.to_string()}, "value": host * 31 + minute});
            writeln!(file, "{line}").unwrap();
        }
    }
    let endpoint = server.endpoint();
    let path = file.path().to_str().unwrap();
    let line =
        json_of(&sluice(&["publish", "--backfill", "--format", "json", "--endpoint", &endpoint, path]));
    assert_eq!(line["accepted"], line["rows"], "{line}");
}

/// The reasons why the answer is partial, and every host's sum by the minute, so that pages are read and not heads.
fn asked(server: &Server, from: u64, to: u64) -> (String, BTreeMap<String, f64>) {
    server.wait_applied();
    let request =
        json!({"metric": METRIC, "by": ["Host"], "rank": "sum", "n": 1_000, "from": from + 60, "to": to});
    let (status, answer) = server.post("/v1/top", &request);
    assert_eq!(status, 200, "{answer}");
    let rows = answer["rows"].as_array().unwrap().iter();
    let values = rows.map(|row| (harness::tuple(&row["dims"]), row["rank"].as_f64().unwrap())).collect();
    (answer["completeness"]["reasons"].to_string(), values)
}
