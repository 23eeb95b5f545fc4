//! The canary of the real binary: every hop of a healthy minute is measured and its answers are right, also after the
//! server was killed in the middle of one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod harness;

use std::path::Path;
use std::time::{Duration, Instant};

use harness::{PATIENCE, Server, json_of, sluice};
use serde_json::Value;

const HOPS: [&str; 8] = ["client", "frontend", "log", "island", "sealed", "queryable", "alert", "query"];

#[test]
fn a_healthy_minute_is_right_and_every_hop_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let minute = judged(&server);
    assert_eq!(minute["verdicts"], serde_json::json!({"right": 4}), "{minute}");
    assert_eq!(minute["completeness"], 1.0, "{minute}");
    for hop in HOPS {
        assert!(minute["hops"][hop]["count"].as_u64() >= Some(1), "{hop} is not measured: {minute}");
    }
    let told = json_of(&sluice(&["canary", "--strict", "--server", &server.url()]));
    assert_eq!(told["partitions"].as_array().unwrap().len(), 4);
    let watched = sluice(&["watchdog", "--once", "--server", &server.url()]);
    assert_eq!(watched.status.code(), Some(0), "{}", harness::stderr(&watched));

    let found = server.post(
        "/v1/top",
        &serde_json::json!({
        "account": "sluice", "metric": "sluice.canary.minutes", "by": ["verdict"], "rank": "count", "n": 9,
        "from": minute["time"], "to": minute["time"].as_u64().unwrap() + 180, "include_open": true}),
    );
    assert_eq!(found.0, 200, "what is found out is a series: {}", found.1);
}

#[test]
fn a_server_that_was_killed_is_never_called_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(dir.path());
    wait(|| server.get("/v1/health")["partitions"][0]["rows_applied"].as_u64() > Some(0));
    server.kill();
    server.restart();
    let minute = judged(&server);
    assert_eq!(minute["verdicts"], serde_json::json!({"right": 4}), "{minute}");
}

/// With the rules that ship.
fn start(data: &Path) -> Server {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules");
    Server::start(
        &data.join("data"),
        &["--grace-ms", "1000", "--canary", "true", "--rules", rules.to_str().unwrap()],
    )
}

/// The first minute that is.
fn judged(server: &Server) -> Value {
    wait(|| !server.get("/v1/canary")["minutes"].as_array().unwrap().is_empty());
    server.get("/v1/canary")["minutes"][0].clone()
}

fn wait(done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "it does not come to that");
        std::thread::sleep(Duration::from_millis(100));
    }
}
