//! `sluice agent` publishes this machine through the public door, hands everything over when it is told to end, and its
//! heartbeats make the minute's completeness exactly 1.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod harness;

use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Server, unix_now};
use serde_json::{Value, json};

#[test]
fn this_machine_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--grace-ms", "200"]);
    let from = unix_now() / 60 * 60;
    let mut agent = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["agent", "--every", "200ms", "--endpoint", &server.endpoint()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let pid = rustix::process::Pid::from_child(&agent);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(0), "every row is durable");

    let memory = top(&server, from, "memory.used_bytes", "max");
    assert!(memory["rows"][0]["rank"].as_f64().unwrap() > 1e6, "{memory}");
    let processes = top(&server, from, "process.memory_bytes", "max");
    let this_test = std::process::id().to_string();
    let mine =
        processes["rows"].as_array().unwrap().iter().find(|row| row["dims"]["pid"] == this_test.as_str());
    assert!(mine.is_some(), "this very test is a process: {processes}");

    let minutes = processes["completeness"]["minutes"].as_array().unwrap().iter();
    let declared: Vec<_> = minutes.filter(|minute| minute["rows_declared"] != 0).collect();
    assert!(!declared.is_empty(), "the agent sends heartbeats: {}", processes["completeness"]);
    assert!(declared.iter().all(|minute| minute["rows_declared"] == minute["rows_applied"]), "{declared:?}");
}

fn top(server: &Server, from: u64, metric: &str, rank: &str) -> Value {
    server.wait_applied();
    let request = json!({"metric": metric, "by": ["*"], "rank": rank, "n": 1000,
        "from": from, "to": unix_now() / 60 * 60 + 60, "include_open": true});
    let (status, answer) = server.post("/v1/top", &request);
    assert_eq!(status, 200, "{answer}");
    answer
}
