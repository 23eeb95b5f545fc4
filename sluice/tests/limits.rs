//! An account above its rate, through the real binary: it is told to come back, comes back by itself, and every row counts
//! once; another account notices nothing. The rate comes with a file that is changed while the server runs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use harness::{PATIENCE, Server, json_of, sluice, stderr, unix_now};
use serde_json::{Value, json};

#[test]
fn who_sends_too_much_comes_back_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    let server = Server::start(&dir.path().join("data"), &["--rules", rules.to_str().unwrap()]);
    let file = rules.join("limits.yaml");
    std::fs::write(&file, "limits: [{account: shop, rows_per_second: 5}]").unwrap();

    // A minute of 5 a second is 300 rows: the third 200 have to wait. When the file counts nobody knows, so it is tried.
    let (begun, mut sent) = (Instant::now(), 0);
    while throttled(&server, "shop") == 0 {
        let taken = publish(&server, dir.path(), "shop", sent);
        assert_eq!((&taken["accepted"], &taken["refused"]), (&json!(200), &json!({})), "{taken}");
        sent += 1;
        assert!(begun.elapsed() < PATIENCE, "nothing is throttled");
    }
    let other = publish(&server, dir.path(), "other", 0);
    assert_eq!(other["accepted"], 200);
    assert_eq!(throttled(&server, "other"), 0);

    let total = 200 * sent;
    let wanted = |server: &Server| accepted(server, "shop") == total;
    while !wanted(&server) {
        assert!(begun.elapsed() < PATIENCE, "some rows did not come");
        thread::sleep(Duration::from_millis(100));
    }
    server.wait_applied();
    let applied: u64 = server.get("/v1/health")["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["rows_applied"].as_u64().unwrap())
        .sum();
    assert!(applied >= total + 200, "{applied} of {total} and another account's 200");
}

/// 200 series of a round; what the command says of them.
fn publish(server: &Server, dir: &Path, account: &str, round: u64) -> Value {
    let now = unix_now();
    let line = |at| {
        json!({"ts": now, "metric": "m", "dims": {"n": format!("{round}-{at}")}, "value": 1}).to_string()
    };
    let file = dir.join("rows.jsonl");
    std::fs::write(&file, (0..200).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    let (endpoint, file) = (server.endpoint(), file.display().to_string());
    let output =
        sluice(&["publish", "--endpoint", &endpoint, "--account", account, "--format", "json", &file]);
    assert!(output.status.success(), "{}", stderr(&output));
    json_of(&output)
}

fn throttled(server: &Server, account: &str) -> u64 {
    counted(server, account, "throttled")
}

fn accepted(server: &Server, account: &str) -> u64 {
    counted(server, account, "accepted")
}

fn counted(server: &Server, account: &str, reason: &str) -> u64 {
    let health = server.get("/v1/health");
    let counters = health["counters"].as_array().unwrap().iter();
    let of = counters
        .filter(|one| one["hop"] == "frontend" && one["account"] == account && one["reason"] == reason);
    of.map(|one| one["rows"].as_u64().unwrap()).sum()
}
