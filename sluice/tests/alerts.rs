//! From a measurement to a notification, through the real binary: a rule in a folder, a series above its limit, the state
//! in `sluice alerts`, and what a receiver is told. Takes two minutes of real time: a rule holds from the next minute on,
//! and that one must end.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::thread;
use std::time::{Duration, Instant};

use harness::hook::Hook;
use harness::{PATIENCE, Server, json_of, sluice, unix_now};
use serde_json::Value;

const RULE: &str = "alerts:
  - name: hot
    metric: temperature
    sampling: max
    tiers: [{severity: bad, when: '> 30'}]
    annotations: {text: '${dim.Room} has ${value}'}
";

#[test]
fn a_series_above_its_limit_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("house.yaml"), RULE).unwrap();
    let receiver = Hook::listen();
    let flags = ["--grace-ms", "500", "--rules", rules.to_str().unwrap(), "--alertmanager", &receiver.url];
    let server = Server::start(&dir.path().join("data"), &flags);

    // A bad file beside a good one changes nothing and is said.
    std::fs::write(rules.join("wrong.yaml"), "alerts:\n  - nam: x\n").unwrap();
    wait(|| alerts(&server)["rules"]["refused"].as_str().is_some_and(|why| why.contains("wrong.yaml:2:5")));
    std::fs::remove_file(rules.join("wrong.yaml")).unwrap();
    wait(|| alerts(&server)["rules"]["refused"].is_null());

    let begun = Instant::now();
    let fires = loop {
        publish(&server, "kitchen", 41.0);
        publish(&server, "cellar", 12.0);
        let shown = alerts(&server);
        if let Some(one) = shown["alerts"].as_array().unwrap().iter().find(|one| one["firing"] == true) {
            break one.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "nothing fires: {shown}");
        thread::sleep(Duration::from_secs(2));
    };
    assert_eq!(
        (&fires["rule"], &fires["state"], &fires["dims"]["Room"]),
        (&"hot".into(), &"firing".into(), &"kitchen".into())
    );
    assert_eq!(alerts(&server)["alerts"].as_array().unwrap().len(), 1, "the cellar is cold");

    let told = receiver.next().body;
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(
        (&told[0]["labels"]["alertname"], &told[0]["labels"]["Room"]),
        (&"hot".into(), &"kitchen".into())
    );
    assert_eq!(told[0]["annotations"]["text"], "kitchen has 41");
    assert_eq!(told[0]["startsAt"], fires["since"]);

    let listed = sluice(&["alerts", "--server", &server.url(), "--format", "csv"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("firing,bad,hot,"), "{listed:?}");
}

fn publish(server: &Server, room: &str, value: f64) {
    let line = format!(
        r#"{{"ts":{},"metric":"temperature","dims":{{"Room":"{room}"}},"value":{value}}}"#,
        unix_now()
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), line).unwrap();
    let published = sluice(&["publish", "--endpoint", &server.endpoint(), file.path().to_str().unwrap()]);
    assert!(published.status.success(), "{published:?}");
}

fn alerts(server: &Server) -> Value {
    json_of(&sluice(&["alerts", "--all", "--server", &server.url(), "--format", "json"]))
}

fn wait(mut until: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < PATIENCE, "it does not come about");
        thread::sleep(Duration::from_millis(100));
    }
}
