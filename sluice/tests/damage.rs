//! A bit that turns in, or a cut of, any file of a data directory: found, or without a consequence, never a wrong number.
//! `SLUICE_FLIPS` says how many places are tried (24; `all` for one in every 4 KiB of every file and every cut),
//! `SLUICE_SEED` which.

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
use std::path::{Path, PathBuf};

use harness::{Server, json_of, sluice, stderr, unix_now};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

const FLAGS: [&str; 4] = ["--partitions", "1", "--grace-ms", "100"];
const METRIC: &str = "damage.value";
const HOSTS: u64 = 200;
const MINUTES: u64 = 20;
const PAGE: usize = 4 << 10;

/// What is done to a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip(PathBuf, usize),
    Cut(PathBuf, usize),
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcomes {
    refused: u32,
    partial: u32,
    whole: u32,
    named: u32,
}

#[test]
fn damage_is_found_or_harmless_and_never_a_wrong_number() {
    let seed: u64 =
        std::env::var("SLUICE_SEED").map_or(std::process::id().into(), |seed| seed.parse().unwrap());
    let flips = std::env::var("SLUICE_FLIPS").unwrap_or_else(|_| "24".to_owned());
    println!("SLUICE_FLIPS={flips} SLUICE_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let (sound, copy) = (dir.path().join("sound"), dir.path().join("copy"));
    let (truth, from) = written(&sound);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut places = places(&sound);
    if flips != "all" {
        places.shuffle(&mut random);
        places.truncate(flips.parse().unwrap());
    }

    let mut outcomes = Outcomes::default();
    for place in &places {
        copy_dir(&sound, &copy);
        place.apply(&sound, &copy, &mut random);
        let named = verified(&copy);
        outcomes.named += u32::from(named);
        match served(&copy, from) {
            None => {
                assert!(named, "{place:?}: no start, and verify finds nothing");
                outcomes.refused += 1;
            }
            Some((false, values)) => {
                assert_eq!(values, truth, "{place:?}: the answer claims to be whole");
                outcomes.whole += 1;
            }
            Some((true, values)) => {
                let more =
                    values.iter().find(|(host, value)| truth.get(*host).is_none_or(|right| *value > right));
                assert_eq!(more, None, "{place:?}: more than was sent");
                outcomes.partial += 1;
            }
        }
        fs::remove_dir_all(&copy).unwrap();
    }
    println!("{} places: {outcomes:?}", places.len());
}

#[test]
fn a_damaged_block_costs_itself_only_and_shows_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (truth, from) = written(&data);
    let damaged = damage_a_slab(&data);

    let server = Server::start(&data, &FLAGS);
    let (partial, values) = asked(&server, from);
    assert!(partial && !values.is_empty() && values != truth, "{values:?}");
    let answer = top(&server, from);
    let reasons = answer["completeness"]["reasons"].to_string();
    assert!(
        reasons.contains("damaged blocks were left out, the first is") && reasons.contains("metric id"),
        "{reasons}"
    );
    assert!(server.get("/v1/health")["partitions"][0]["blocks_damaged"].as_u64() > Some(0));
    let metrics =
        ureq::get(format!("{}/metrics", server.url())).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(
        metrics.lines().any(|line| line.starts_with("sluice_store_blocks_damaged{") && !line.ends_with(" 0")),
        "{metrics}"
    );
    // What comes in goes on.
    publish(&server, 1, unix_now() - 60 * MINUTES / 2);
    server.wait_applied();
    let verified = sluice(&["verify", "--data", data.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(1), "{}", stderr(&verified));
    assert!(
        stderr(&verified).contains(damaged.file_name().unwrap().to_str().unwrap()),
        "{}",
        stderr(&verified)
    );
}

/// Turns a bit in the middle of a file of slabs, and of no other family; which file.
fn damage_a_slab(data: &Path) -> PathBuf {
    for file in files(&data.join("partition-0000/store")) {
        let sound = fs::read(&file).unwrap();
        if file.extension().is_some_and(|end| end == "sst") {
            let mut bytes = sound.clone();
            bytes[sound.len() / 2] ^= 16;
            fs::write(&file, bytes).unwrap();
            let verified = sluice(&["verify", "--data", data.to_str().unwrap()]);
            if stderr(&verified).contains("damaged: partition-0000: slabs, keys") {
                return file;
            }
            fs::write(&file, sound).unwrap();
        }
    }
    panic!("no file of slabs");
}

// === the data ===

/// A stopped server's directory, of which files and a write-ahead log hold parts; all rows are sealed.
fn written(data: &Path) -> (BTreeMap<String, f64>, u64) {
    let now = unix_now() / 60 * 60;
    let from = now - 60 * (MINUTES + 5);
    for round in 0..2 {
        let mut server = Server::start(data, &FLAGS);
        publish(&server, round, from + 60 * MINUTES / 2 * round);
        server.wait_applied();
        assert_eq!(server.stop(), Some(0));
    }
    let mut server = Server::start(data, &FLAGS);
    // What waits as late rows is sealed with the next minute.
    server.wait_sealed(unix_now() / 60 * 60);
    let (partial, truth) = asked(&server, from);
    assert!(!partial && truth.len() == HOSTS as usize);
    assert_eq!(server.stop(), Some(0));
    (truth, from)
}

fn publish(server: &Server, round: u64, from: u64) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for host in 0..HOSTS {
        for minute in 0..MINUTES / 2 {
            // Without a pattern, so that blocks have a size.
            let value = (host * 7_919 + minute * 104_729 + round).wrapping_mul(0x9e37_79b9) % 1_000_003;
            let line = json!({"ts": from + 60 * minute, "metric": METRIC, "dims": {"Host": host.to_string()}, "value": value});
            writeln!(file, "{line}").unwrap();
        }
    }
    let endpoint = server.endpoint();
    let words =
        ["publish", "--backfill", "--format", "json", "--endpoint", &endpoint, file.path().to_str().unwrap()];
    json_of(&sluice(&words));
}

fn top(server: &Server, from: u64) -> Value {
    // Whole minutes that are past, so that nothing but damage makes an answer partial.
    let request = json!({"metric": METRIC, "by": ["Host"], "rank": "sum", "n": 10_000, "from": from, "to": from + 60 * MINUTES});
    let (status, answer) = server.post("/v1/top", &request);
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Is the answer partial, and the sum of every host.
fn asked(server: &Server, from: u64) -> (bool, BTreeMap<String, f64>) {
    let answer = top(server, from);
    let rows = answer["rows"].as_array().unwrap().iter();
    let values = rows.map(|row| (harness::tuple(&row["dims"]), row["rank"].as_f64().unwrap())).collect();
    (answer["completeness"]["partial"].as_bool().unwrap(), values)
}

// === damage ===

impl Damage {
    fn apply(&self, sound: &Path, copy: &Path, random: &mut SmallRng) {
        let (Self::Flip(file, at) | Self::Cut(file, at)) = self;
        let target = copy.join(file.strip_prefix(sound).unwrap());
        let mut bytes = fs::read(file).unwrap();
        match self {
            Self::Cut(..) => bytes.truncate(*at),
            Self::Flip(..) => {
                let at = (at + random.random_range(0..PAGE)).min(bytes.len() - 1);
                bytes[at] ^= 1 << random.random_range(0..8);
            }
        }
        fs::write(target, bytes).unwrap();
    }
}

/// One bit in every 4 KiB of every file, a cut at every 4 KiB, and of log segments a cut behind every record.
fn places(data: &Path) -> Vec<Damage> {
    let mut places = Vec::new();
    for file in files(data) {
        let bytes = fs::read(&file).unwrap();
        let pages = (0..bytes.len()).step_by(PAGE);
        places.extend(pages.clone().map(|at| Damage::Flip(file.clone(), at)));
        places.extend(pages.map(|at| Damage::Cut(file.clone(), at)));
        if file.parent().is_some_and(|parent| parent.ends_with("log")) {
            let mut ends = Vec::new();
            partition_log::inspect(&file, |_, position, _| ends.push(position)).unwrap();
            places.extend(ends.into_iter().map(|at| Damage::Cut(file.clone(), at as usize)));
        }
    }
    places
}

/// Does `sluice verify` find something? It never does less than say so.
fn verified(data: &Path) -> bool {
    let output = sluice(&["verify", "--data", data.to_str().unwrap(), "--format", "json"]);
    match output.status.code() {
        Some(0) => false,
        Some(1) => {
            assert!(!stderr(&output).is_empty());
            true
        }
        _ => panic!("{:?}: {}", output.status, stderr(&output)),
    }
}

/// What a server makes of it; `None` when it does not start.
fn served(data: &Path, from: u64) -> Option<(bool, BTreeMap<String, f64>)> {
    let server = Server::start_or_end(data, &FLAGS)?;
    server.wait_health(|health| health["partitions"][0]["state"] != "recovering");
    Some(asked(&server, from))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_dir(&path, &target) } else { assert!(fs::copy(&path, target).is_ok()) }
    }
}
