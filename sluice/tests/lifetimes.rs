//! Deletion and retention under the real binary: what is gone stays gone through kills, and what is left is right.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod harness;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use harness::{PATIENCE, Server, json_of, sluice, stderr, tuple, unix_now};
use serde_json::{Value, json};

const FLAGS: [&str; 4] = ["--partitions", "2", "--grace-ms", "100"];
const HOSTS: u64 = 40;
const DAY: u64 = 86_400;

/// Five minutes of every host, as `account`.
fn publish(server: &Server, account: &str, metric: &str, from: u64) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for host in 0..HOSTS {
        for minute in 0..5 {
            let line = json!({"ts": from + 60 * minute, "metric": metric, "dims": {"Host": host.to_string()}, "value": host + 1});
            writeln!(file, "{line}").unwrap();
        }
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
