//! Who watches from outside: the watchdog's exit status and webhook, and the dead man's switch, against the real binary and
//! a receiver of this test's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod harness;

use std::process::{Command, Stdio};

use harness::hook::Hook;
use harness::{Server, free_port, sluice, stderr};

#[test]
fn one_look_ends_with_how_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    check(&server.url(), "the server runs without a canary");
    check(&format!("http://127.0.0.1:{}", free_port()), "cannot reach");
    let watched = Server::start(&dir.path().join("watched"), &["--canary", "true"]);
    check(&watched.url(), "the canary has judged no minute yet");
}

#[track_caller]
fn check(server: &str, expected: &str) {
    let output = sluice(&["watchdog", "--once", "--server", server]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
}

#[test]
fn a_webhook_is_told_what_is_bad() {
    let (dir, receiver) = (tempfile::tempdir().unwrap(), Hook::listen());
    let server = Server::start(dir.path(), &[]);
    let mut watchdog = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["watchdog", "--every", "1s", "--server", &server.url(), "--webhook", &receiver.url])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = receiver.next().body;
    let pid = rustix::process::Pid::from_child(&watchdog);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(watchdog.wait().unwrap().code(), Some(0));
    assert_eq!(told["status"], "firing", "{told}");
    assert!(told["why"].as_str().unwrap().contains("without a canary"), "{told}");
}

#[test]
fn a_dead_mans_switch_is_told_that_all_is_well() {
    let (dir, receiver) = (tempfile::tempdir().unwrap(), Hook::listen());
    let _server = Server::start(dir.path(), &["--dead-man", &receiver.url]);
    assert_eq!(receiver.next().body["status"], "alive");
}

#[test]
fn a_call_that_cannot_be_is_refused() {
    for (words, expected) in [
        (["--patience", "10s"], "--patience is 10s, must be at least 150s"),
        (["--every", "10ms"], "--every is 10ms, must be at least 1s"),
        (["--webhook", "ftp://x"], "--webhook must be https://HOST/PATH or http://HOST:PORT/PATH"),
    ] {
        let output = sluice(&["watchdog", words[0], words[1]]);
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(2));
    }
}
