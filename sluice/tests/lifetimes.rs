//! Compaction, deletion and retention under the real binary: what is gone stays gone through kills, and what is left is
//! right. `SLUICE_UPKEEP_KILLS` says how often upkeep is killed (8), `SLUICE_SEED` at which moments.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::{PATIENCE, Server, json_of, number, sluice, stderr, tuple, unix_now};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

const FLAGS: [&str; 4] = ["--partitions", "2", "--grace-ms", "100"];
const HOSTS: u64 = 40;
const DAY: u64 = 86_400;

/// Five minutes of every host, as `account`.
fn publish(server: &Server, account: &str, metric: &str, from: u64) {
    let minutes = (0..HOSTS).flat_map(|host| (0..5).map(move |minute| (host, from + 60 * minute, host + 1)));
    publish_rows(server, account, metric, minutes);
}

/// Host, second, value.
fn publish_rows(server: &Server, account: &str, metric: &str, rows: impl Iterator<Item = (u64, u64, u64)>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (host, ts, value) in rows {
        let line = json!({"ts": ts, "metric": metric, "dims": {"Host": host.to_string()}, "value": value});
        writeln!(file, "{line}").unwrap();
    }
    let (endpoint, path) = (server.endpoint(), file.path().to_str().unwrap());
    let flags =
        ["publish", "--backfill", "--format", "json", "--account", account, "--endpoint", &endpoint, path];
    let line = json_of(&sluice(&flags));
    assert_eq!(line["accepted"], line["rows"], "{line}");
    server.wait_applied();
}

/// Every host's sum, and why the answer is partial.
fn sums(server: &Server, account: &str, metric: &str, from: u64, to: u64) -> (BTreeMap<String, f64>, String) {
    let request = json!({"account": account, "metric": metric, "by": ["Host"], "rank": "sum", "n": 1_000, "from": from, "to": to, "include_open": true});
    let (status, answer) = server.post("/v1/top", &request);
    assert_eq!(status, 200, "{answer}");
    let rows = answer["rows"].as_array().unwrap().iter();
    let sums = rows.map(|row| (tuple(&row["dims"]), row["rank"].as_f64().unwrap())).collect();
    (sums, answer["completeness"]["reasons"].to_string())
}

fn delete(server: &Server, words: &[&str]) -> Value {
    let url = server.url();
    json_of(&sluice(&[&["delete", "--format", "json", "--server", &url], words].concat()))
}

fn wait(what: &str, until: impl Fn() -> bool) {
    let began = Instant::now();
    while !until() {
        assert!(began.elapsed() < PATIENCE, "still waiting for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_is_deleted_stays_so_through_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(&dir.path().join("data"), &FLAGS);
    let from = unix_now() / 3_600 * 3_600 - 6 * 3_600;
    let all = |server: &Server, account: &str| sums(server, account, "m", from, unix_now() / 60 * 60 + 120).0;
    publish(&server, "default", "m", from);
    publish(&server, "default", "n", from);
    publish(&server, "other", "m", from);

    let dry = delete(&server, &["m", "--where", "Host=~1.*"]);
    assert_eq!((&dry["series"], &dry["dry_run"]), (&json!(11), &json!(true)));
    assert_eq!(all(&server, "default").len() as u64, HOSTS);
    let wet = delete(&server, &["m", "--where", "Host=~1.*", "--yes"]);
    assert_eq!((&wet["series"], &wet["under_way"]), (&json!(11), &json!(false)), "{wet}");
    let left = all(&server, "default");
    assert_eq!(left.len() as u64, HOSTS - 11);
    for _ in 0..2 {
        server.kill();
        server.restart();
        assert_eq!(all(&server, "default"), left);
        std::thread::sleep(Duration::from_secs(2)); // in the middle of upkeep, perhaps
    }
    assert_eq!(delete(&server, &["m", "--where", "Host=~1.*"])["series"], 0);
    assert_eq!(
        sums(&server, "default", "n", from, from + 600).0.len() as u64,
        HOSTS,
        "the other metric is whole"
    );

    // What comes later is new: twice the rows for those that stayed.
    publish(&server, "default", "m", from);
    let again = all(&server, "default");
    assert_eq!((again.len() as u64, again["Host=1"], again["Host=2"]), (HOSTS, 10.0, 30.0));

    let refused = sluice(&["delete", "--server", &server.url()]);
    assert!(!refused.status.success() && stderr(&refused).contains("name a METRIC"), "{}", stderr(&refused));
    let gone = delete(&server, &["--account", "default", "--everything", "--yes"]);
    assert_eq!(gone["series"], HOSTS * 2);
    assert!(all(&server, "default").is_empty());
    assert_eq!(all(&server, "other").len() as u64, HOSTS);
    server.kill();
    server.restart();
    assert!(all(&server, "default").is_empty());
    assert_eq!(server.stop(), Some(0));
    let data = dir.path().join("data");
    let verified = sluice(&["verify", "--data", data.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", stderr(&verified));
}

#[test]
fn retention_takes_the_minutes_first_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (data, rules) = (dir.path().join("data"), dir.path().join("rules"));
    std::fs::create_dir(&rules).unwrap();
    let old = unix_now() / DAY * DAY - 3 * DAY;
    let flags = [&FLAGS[..], &["--rules", rules.to_str().unwrap()]].concat();
    let mut server = Server::start(&data, &flags);
    publish(&server, "default", "short.m", old + 7_200);
    publish(&server, "default", "long.m", old + 7_200);
    server.wait_sealed(unix_now() / 60 * 60);
    let truth = sums(&server, "default", "short.m", old, old + DAY);
    assert_eq!((truth.0.len() as u64, truth.1.as_str()), (HOSTS, "[]"));
    // What lies there at the start is turned round at once.
    assert_eq!(server.stop(), Some(0));
    let write = |days: &str| {
        let rule = format!(
            "metrics:\n  - metric: 'short.*'\n    retention: {{minutes: 2h, hours: 1d, days: {days}}}\n"
        );
        std::fs::write(rules.join("metrics.yaml"), rule).unwrap();
    };
    write("1y");
    let config = sluice(&["config", "--rules", rules.to_str().unwrap(), "--format", "json"]);
    assert_eq!(json_of(&config)["metrics[0]"]["value"], "*/short.*: minutes 2h, hours 1d, days 365d");
    server.restart();
    let minutes = |server: &Server| sums(server, "default", "short.m", old + 7_260, old + 7_500);
    wait("minutes and hours to go", || minutes(&server).1.contains("only kept by the hour or by the day"));
    assert!(minutes(&server).0.is_empty(), "never a part as if it were all");
    assert_eq!(sums(&server, "default", "short.m", old, old + DAY), truth);
    assert_eq!(sums(&server, "default", "long.m", old + 7_260, old + 7_500).1, "[]");

    write("1d");
    wait("days to go", || sums(&server, "default", "short.m", old, old + DAY).0.is_empty());
    wait("their series to be forgotten", || delete(&server, &["short.m"])["series"] == 0);
    assert_eq!(sums(&server, "default", "long.m", old + 7_200, old + 7_500).0.len() as u64, HOSTS);
    assert_eq!(server.stop(), Some(0));
}

/// Every row that must be there, by metric: host, second, value.
type Ledger = BTreeMap<&'static str, Vec<(u64, u64, u64)>>;

#[test]
fn upkeep_killed_at_any_moment_changes_no_answer() {
    const KILLS_A_ROUND: usize = 25;
    let kills: usize = number("SLUICE_UPKEEP_KILLS", 8);
    let seed: u64 = number("SLUICE_SEED", u64::from(std::process::id()));
    println!("SLUICE_UPKEEP_KILLS={kills} SLUICE_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::start(&data, &FLAGS);
    let mut ledger = Ledger::new();
    for round in 0..kills.div_ceil(KILLS_A_ROUND) {
        // Rows of fourteen days: slabs of a thousand hours at first, late ones for pages and days later.
        more(&server, &mut ledger, &mut random);
        server.wait_sealed(unix_now() / 60 * 60);
        for kill in 0..KILLS_A_ROUND.min(kills - round * KILLS_A_ROUND) {
            // Upkeep begins with what lies there as soon as it is ready again.
            server.kill();
            server.restart();
            std::thread::sleep(Duration::from_millis(random.random_range(0..400)));
            if kill % 8 == 5 {
                delete_through_a_kill(&mut server, &mut ledger, &mut random);
            }
            compare(&server, &ledger, &mut random);
        }
    }
    wait("all hours to be compacted", || slab_blocks(&data, &ledger) == 0);
    compare(&server, &ledger, &mut random);
    assert_eq!(server.stop(), Some(0));
    let verified = sluice(&["verify", "--data", data.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", stderr(&verified));
}

/// Two rows in each hour of fourteen days that are over, of each of two metrics.
fn more(server: &Server, ledger: &mut Ledger, random: &mut SmallRng) {
    let until = unix_now() / DAY * DAY - DAY;
    for metric in ["one", "two"] {
        let hours = (until - 14 * DAY..until).step_by(1_800);
        let rows: Vec<_> = hours
            .map(|at| {
                (
                    random.random_range(0..HOSTS),
                    at + 60 * random.random_range(0..30),
                    random.random_range(1..1_000),
                )
            })
            .collect();
        publish_rows(server, "default", metric, rows.iter().copied());
        ledger.entry(metric).or_default().extend(rows);
    }
}

/// A host goes, and the server dies while it takes that in; asked again, it is gone.
fn delete_through_a_kill(server: &mut Server, ledger: &mut Ledger, random: &mut SmallRng) {
    let host = random.random_range(0..HOSTS);
    let (url, filter) = (server.url(), format!("Host={host}"));
    let words = ["delete", "one", "--where", &filter, "--yes", "--format", "json", "--server", &url];
    std::thread::scope(|scope| {
        scope.spawn(|| sluice(&words));
        std::thread::sleep(Duration::from_millis(random.random_range(0..60)));
        server.kill();
    });
    server.restart();
    server.wait_applied();
    json_of(&sluice(&words));
    ledger.entry("one").or_default().retain(|row| row.0 != host);
}

/// By days, by hours and by minutes: each is read from another tier.
fn compare(server: &Server, ledger: &Ledger, random: &mut SmallRng) {
    server.wait_applied();
    let day = unix_now() / DAY * DAY - DAY * random.random_range(1..15);
    let hour = day - 3_600 * random.random_range(0..24);
    let minute = hour - 60 * random.random_range(0..60);
    for (metric, rows) in ledger {
        for (from, to) in [(day - 15 * DAY, day), (hour - 5 * DAY, hour), (minute - 3 * DAY, minute)] {
            let mut sent = BTreeMap::new();
            for (host, _, value) in rows.iter().filter(|(_, at, _)| (from..to).contains(at)) {
                *sent.entry(format!("Host={host}")).or_default() += *value as f64;
            }
            let got = sums(server, "default", metric, from, to);
            assert_eq!(got, (sent, "[]".to_owned()), "{metric} from {from} to {to}: left what is there");
        }
    }
}

/// Blocks of minutes that wait for upkeep, over all partitions.
fn slab_blocks(data: &Path, metrics: &Ledger) -> u64 {
    let shown = json_of(&sluice(&["inspect", data.to_str().unwrap(), "--format", "json"]));
    let partitions = shown["partitions"].as_array().unwrap().iter();
    let slabs = partitions.flat_map(|partition| partition["store"]["slabs"]["metrics"].as_array().unwrap());
    let ours = slabs.filter(|slab| metrics.contains_key(slab["metric"].as_str().unwrap()));
    ours.map(|slab| slab["blocks"].as_u64().unwrap()).sum()
}
