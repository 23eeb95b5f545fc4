//! Backups of the real binary into a directory and over a real S3 API: incremental, resumable, consistent, and back again.
//! `SLUICE_BACKUP_KILLS` says how often backup and restore are killed (20), `SLUICE_SEED` at which moments.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use harness::object_store::ObjectStore;
use harness::{Server, json_of, number, stderr, unix_now};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

const FLAGS: [&str; 6] = ["--partitions", "2", "--spread", "2", "--grace-ms", "200"];
const METRICS: [&str; 2] = ["backup.requests", "backup.latency"];
const HOSTS: u64 = 300;

/// Every answer that is compared: (metric, sampling) → tuple → value.
type Answers = BTreeMap<(String, String), BTreeMap<String, f64>>;

#[test]
fn to_a_directory_and_back() {
    let dir = tempfile::tempdir().unwrap();
    there_and_back(&ObjectStore::directory(&dir.path().join("objects")));
}

#[test]
fn over_s3_and_back() {
    there_and_back(&ObjectStore::s3());
}

/// Two backups of a running server and one of it stopped, each of which comes back as it was, with rows that no seal had
/// taken.
fn there_and_back(store: &ObjectStore) {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(&dir.path().join("data"), &FLAGS, &store.env);
    let from = unix_now() / 60 * 60 - 3600;
    publish(&server, 0, 3600);
    let first = answers(&server, from);
    let one = backup(store, &["--server", &server.url()]);
    assert!(one["sent_bytes"].as_u64() <= one["bytes"].as_u64(), "partitions share some files: {one}");

    publish(&server, 1, 60);
    let second = answers(&server, from);
    assert_ne!(first, second);
    let two = backup(store, &["--server", &server.url()]);
    assert!(two["sent_objects"].as_u64() < one["sent_objects"].as_u64(), "is incremental: {one} {two}");

    assert_eq!(server.stop(), Some(0));
    let data = dir.path().join("data");
    let three = backup(store, &["--data", data.to_str().unwrap()]);
    let four = backup(store, &["--data", data.to_str().unwrap()]);
    assert!(
        four["sent_bytes"].as_u64().unwrap() * 4 < four["bytes"].as_u64().unwrap(),
        "nothing has changed: {four}"
    );

    let listed = json_of(&sluice(store, &["backup", "--to", &store.url, "--list", "--format", "json"]));
    let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|backup| &backup["backup"]).collect();
    assert_eq!(names, [&one["name"], &two["name"], &three["name"], &four["name"]]);
    for (backup, expected) in [(&one, &first), (&two, &second), (&three, &second)] {
        let name = backup["name"].as_str().unwrap();
        let checked = sluice(store, &["backup", "--to", &store.url, "--verify", name, "--format", "json"]);
        assert_eq!(json_of(&checked)["sound"], true);
        let restored = restore(store, Some(name), &dir.path().join(name));
        assert_eq!(restored["bytes"], restored["fetched_bytes"]);
        compare(&dir.path().join(name), expected, from);
    }

    let kept = backup(store, &["--data", data.to_str().unwrap(), "--keep", "1"]);
    assert_eq!(kept["expired"].as_array().unwrap().len(), 4, "{kept}");
    let gone = sluice(store, &["backup", "--to", &store.url, "--verify", names[0].as_str().unwrap()]);
    assert!(stderr(&gone).contains("there is no backup"), "{}", stderr(&gone));
    restore(store, None, &dir.path().join("last"));
    compare(&dir.path().join("last"), &second, from);
}

#[test]
fn backups_under_load_hold_whole_batches_between_two_acks() {
    let dir = tempfile::tempdir().unwrap();
    let store = ObjectStore::directory(&dir.path().join("objects"));
    let server = Server::start_in(&dir.path().join("data"), &FLAGS, &store.env);
    let from = unix_now() / 60 * 60 - 3600;
    let (sent, acked, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                sent.fetch_add(HOSTS, Ordering::SeqCst);
                publish_once(&server, &format!("load-{round}"), |host| json!({"ts": unix_now(), "metric": "backup.load", "dims": {"Host": host.to_string()}, "value": 1}));
                acked.fetch_add(HOSTS, Ordering::SeqCst);
                round += 1;
            }
        });
        let taken: Vec<(u64, Value, u64)> = (0..4)
            .map(|_| {
                let least = acked.load(Ordering::SeqCst);
                let taken = backup(&store, &["--server", &server.url()]);
                (least, taken, sent.load(Ordering::SeqCst))
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        for (least, taken, most) in taken {
            let name = taken["name"].as_str().unwrap();
            restore(&store, Some(name), &dir.path().join(name));
            let restored = Server::start(&dir.path().join(name), &FLAGS);
            let rows: f64 =
                restored.values("backup.load", "count", from, unix_now() / 60 * 60 + 120).values().sum();
            assert!((least as f64..=most as f64).contains(&rows), "{least} ≤ {rows} ≤ {most}");
        }
    });
}

#[test]
fn killed_at_any_moment_it_goes_on_when_run_again() {
    let kills: u32 = number("SLUICE_BACKUP_KILLS", 20);
    let seed: u64 = number("SLUICE_SEED", u64::from(std::process::id()));
    println!("SLUICE_BACKUP_KILLS={kills} SLUICE_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let store = ObjectStore::directory(&dir.path().join("objects"));
    let data = dir.path().join("data");
    let mut server = Server::start_in(&data, &FLAGS, &store.env);
    let from = unix_now() / 60 * 60 - 3600;
    publish(&server, 0, 3600);
    let expected = answers(&server, from);
    let mut random = SmallRng::seed_from_u64(seed);

    // The server dies while it copies itself.
    for _ in 0..kills / 4 {
        let mut asked = spawn(&store, &["backup", "--to", &store.url, "--server", &server.url()]);
        std::thread::sleep(Duration::from_millis(random.random_range(0..120)));
        server.kill();
        asked.wait().unwrap();
        server.restart();
    }
    assert!(!data.join("backup.tmp").exists(), "a start removes what a killed backup has left");
    assert_eq!(server.stop(), Some(0));
    // The command dies while it copies a stopped one's directory, and while it brings a backup back.
    let words = ["backup", "--to", &store.url, "--data", data.to_str().unwrap()];
    (0..kills / 4).for_each(|_| killed(&store, &words, &mut random));
    backup(&store, &["--data", data.to_str().unwrap()]);
    let back = dir.path().join("back");
    let words = ["restore", "--from", &store.url, "--data", back.to_str().unwrap()];
    for _ in 0..kills / 2 {
        killed(&store, &words, &mut random);
        if !back.join("RESTORING").exists() && back.exists() {
            compare(&back, &expected, from); // it was quicker than the kill
            fs::remove_dir_all(&back).unwrap();
        } else if back.exists() {
            let refused = harness::sluice(&["serve", "--data", back.to_str().unwrap()]);
            assert!(stderr(&refused).contains("has not ended"), "{}", stderr(&refused));
        }
    }
    restore(&store, None, &back);
    compare(&back, &expected, from);
    let verified = harness::sluice(&["verify", "--data", back.to_str().unwrap(), "--format", "json"]);
    assert_eq!(json_of(&verified)["sound"], true);
}

#[test]
fn what_cannot_be_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let store = ObjectStore::directory(&dir.path().join("objects"));
    let (data, full) = (dir.path().join("data"), dir.path().join("full"));
    let mut server = Server::start_in(&data, &FLAGS, &store.env);
    publish(&server, 0, 60);
    let data = data.to_str().unwrap();
    check(&store, &["backup", "--to", &store.url, "--data", data], "in use by another server");
    check(&store, &["backup", "--to", "nonsense", "--server", &server.url()], "s3://bucket/prefix");
    check(&store, &["backup", "--to", &store.url, "--server", &server.url(), "--keep", "0"], "at least 1");
    assert_eq!(server.stop(), Some(0));
    check(&store, &["backup", "--to", &store.url, "--server", &server.url()], "--data DIR");
    check(&store, &["restore", "--from", &store.url, "--data", "/proc/none"], "there is no backup");
    let taken = backup(&store, &["--data", data]);
    let name = taken["name"].as_str().unwrap();

    fs::create_dir(&full).unwrap();
    fs::write(full.join("thesis.txt"), "mine").unwrap();
    check(&store, &["restore", "--from", &store.url, "--data", full.to_str().unwrap()], "is not empty");
    let nowhere = format!("{}@20200101T000000Z", store.url);
    let empty = dir.path().join("empty");
    check(
        &store,
        &["restore", "--from", &nowhere, "--data", empty.to_str().unwrap()],
        "there is no backup 20200101",
    );

    // Each object in turn is damaged, then missing: named by both, and nothing starts on what came back.
    for object in store.files().into_iter().filter(|file| !file.to_string_lossy().contains("/backups/")) {
        let sound = fs::read(&object).unwrap();
        let mut bytes = sound.clone();
        match bytes.first_mut() {
            Some(byte) => *byte ^= 1,
            None => bytes.push(0),
        }
        for content in [Some(bytes), None] {
            match content {
                Some(bytes) => fs::write(&object, bytes).unwrap(),
                None => fs::remove_file(&object).unwrap(),
            }
            let _not_there_at_first = fs::remove_dir_all(&empty);
            let id = object.file_name().unwrap().to_str().unwrap();
            check(&store, &["restore", "--from", &store.url, "--data", empty.to_str().unwrap()], id);
            let verified = sluice(&store, &["backup", "--to", &store.url, "--verify", name]);
            assert!(
                verified.status.code() == Some(1) && stderr(&verified).contains(id),
                "{}",
                stderr(&verified)
            );
            check(&store, &["serve", "--data", empty.to_str().unwrap()], "has not ended");
            fs::write(&object, &sound).unwrap();
        }
    }
    let manifest =
        store.files().into_iter().find(|file| file.to_string_lossy().contains("/backups/")).unwrap();
    let sound = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, sound.replace("\"partition\":1", "\"partition\":2")).unwrap();
    check(
        &store,
        &["restore", "--from", &store.url, "--data", empty.to_str().unwrap()],
        "the manifest is damaged",
    );
}

// === what is published and compared ===

/// Rows of the last `seconds`, some of them in the minute that is open. The same round twice is the same rows.
fn publish(server: &Server, round: u64, seconds: u64) {
    let now = unix_now();
    publish_once(server, &format!("round-{round}-{now}"), |host| {
        let at = now - (host * 7_919 + round) % seconds;
        json!({"ts": at, "metric": METRICS[(host % 2) as usize], "dims": {"Host": (host / 2).to_string()},
            "value": (host * host + round) as f64 / 4.0, "as": if host % 2 == 1 { "distribution" } else { "value" }})
    });
    publish_once(
        server,
        &format!("now-{round}-{now}"),
        |host| json!({"ts": unix_now(), "metric": METRICS[0], "dims": {"Host": host.to_string()}, "value": host}),
    );
}

fn publish_once(server: &Server, id: &str, row: impl Fn(u64) -> Value) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    (0..HOSTS).for_each(|host| writeln!(file, "{}", row(host)).unwrap());
    let endpoint = server.endpoint();
    let words = ["publish", "--id", id, "--backfill", "--format", "json", "--endpoint", &endpoint];
    let line = json_of(&harness::sluice(&[&words[..], &[file.path().to_str().unwrap()]].concat()));
    assert_eq!(line["read"], HOSTS, "{line}");
}

fn answers(server: &Server, from: u64) -> Answers {
    let to = unix_now() / 60 * 60 + 600;
    let numbers =
        METRICS.iter().flat_map(|metric| ["sum", "count", "min", "max"].map(|rank| (*metric, rank)));
    numbers
        .chain([(METRICS[1], "p99")])
        .map(|(metric, rank)| ((metric.into(), rank.into()), server.values(metric, rank, from, to)))
        .collect()
}

fn compare(data: &Path, expected: &Answers, from: u64) {
    let server = Server::start(data, &FLAGS);
    assert_eq!(&answers(&server, from), expected);
}

// === the commands ===

fn backup(store: &ObjectStore, more: &[&str]) -> Value {
    json_of(&sluice(store, &[&["backup", "--to", &store.url, "--format", "json"], more].concat()))
}

fn restore(store: &ObjectStore, name: Option<&str>, data: &Path) -> Value {
    let from = name.map_or_else(|| store.url.clone(), |name| format!("{}@{name}", store.url));
    json_of(&sluice(
        store,
        &["restore", "--from", &from, "--data", data.to_str().unwrap(), "--format", "json"],
    ))
}

fn sluice(store: &ObjectStore, words: &[&str]) -> Output {
    command(store, words).output().unwrap()
}

fn spawn(store: &ObjectStore, words: &[&str]) -> std::process::Child {
    command(store, words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn killed(store: &ObjectStore, words: &[&str], random: &mut SmallRng) {
    let mut child = spawn(store, words);
    std::thread::sleep(Duration::from_millis(random.random_range(0..120)));
    child.kill().unwrap();
    child.wait().unwrap();
}

fn command(store: &ObjectStore, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(words).env("SLUICE_LOG", "error").envs(store.env.iter().cloned());
    command
}

#[track_caller]
fn check(store: &ObjectStore, words: &[&str], said: &str) {
    let output = sluice(store, words);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {text}");
    assert!(text.contains(said) && text.trim_end().lines().count() == 1, "{words:?}: {text}");
}
