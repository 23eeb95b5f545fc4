//! `sluice rules replay` against the real binary: what a rule would have said of a backfill, minute by minute.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::path::Path;

use harness::{Server, json_of, must, sluice, stderr, unix_now};
use serde_json::{Value, json};

const RULES: &str = "alerts:
  - name: slow
    metric: latency
    sampling: avg
    window: 2m
    by: [Api]
    where: [{dim: Region, op: '=~', value: 'W.*'}]
    tiers: [{severity: bad, when: '> 100', for: 2 of 3, clear_for: 2 of 2}]
  - name: gone
    metric: latency
    sampling: count
    by: []
    tiers: [{severity: silent, when: no data for 2m}]
";

#[test]
fn rules_are_run_on_what_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("data"), &[]);
    // Averages by minute: 60 90 300 300 60 60 60. East is not looked at.
    let start = unix_now() / 60 * 60 - 40 * 60;
    let west = [60, 90, 300, 300, 60, 60, 60];
    let mut lines = Vec::new();
    for (at, average) in (0..).zip(west) {
        let ts = start + at * 60;
        for value in [average - 50, average + 50] {
            lines.push(json!({"ts": ts, "metric": "latency", "dims": {"Api": "Get", "Region": "West"}, "value": value}));
        }
        lines.push(
            json!({"ts": ts, "metric": "latency", "dims": {"Api": "Get", "Region": "East"}, "value": 9999}),
        );
    }
    publish(&server, dir.path(), &lines);
    let last = start + 6 * 60;
    server.wait_sealed(last);

    let file = dir.path().join("new.yaml");
    std::fs::write(&file, RULES).unwrap();
    let replayed = replay(&server, &file, &[start - 600, start + 12 * 60]);
    // Over two minutes: 60 75 195 300 180 60 60. Two of three above 100 at the fourth; two below at the seventh.
    assert_eq!(turns(&replayed["rules"][0], start), ["3 bad fired 300", "6 bad cleared 60"], "{replayed}");
    assert_eq!(replayed["rules"][0]["changes"][0]["dims"], json!({"Api": "Get"}));
    // Data ends with the seventh minute; the ninth is the second without.
    assert_eq!(turns(&replayed["rules"][1], start), ["8 silent fired null"], "{replayed}");
    // From the middle on it says the same, because it looks back.
    let middle = replay(&server, &file, &[start + 180, start + 12 * 60]);
    assert_eq!(turns(&middle["rules"][0], start), ["3 bad fired 300", "6 bad cleared 60"], "{middle}");

    let call = ["rules", "replay", file.to_str().unwrap(), "--server", &server.url(), "--rule", "fast"];
    let output = sluice(&call);
    assert!(
        stderr(&output).contains("there is no rule \"fast\": the files have slow, gone"),
        "{}",
        stderr(&output)
    );
    assert_eq!(output.status.code(), Some(2));
}

fn publish(server: &Server, dir: &Path, lines: &[Value]) {
    let file = dir.join("rows.jsonl");
    std::fs::write(&file, lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")).unwrap();
    let published =
        sluice(&["publish", "--backfill", "--endpoint", &server.endpoint(), file.to_str().unwrap()]);
    assert!(published.status.success(), "{}", stderr(&published));
    server.wait_applied();
}

fn replay(server: &Server, file: &Path, range: &[u64; 2]) -> Value {
    let [from, to] = range.map(|time| time.to_string());
    let (file, url) = (file.to_str().unwrap(), server.url());
    let call = ["rules", "replay", file, "--server", &url, "--from", &from, "--to", &to, "--format", "json"];
    let output = must(std::process::Command::new(env!("CARGO_BIN_EXE_sluice")).args(call));
    json_of(&output)
}

/// `minute severity turn value`, minutes from the first on.
fn turns(rule: &Value, start: u64) -> Vec<String> {
    let turn = |one: &Value| {
        let minute = (one["time"].as_u64().unwrap() - start) / 60;
        let value = one["value"].as_f64().map_or_else(|| "null".to_owned(), |value| value.to_string());
        format!("{minute} {} {} {value}", one["severity"].as_str().unwrap(), one["turn"].as_str().unwrap())
    };
    rule["changes"].as_array().unwrap().iter().map(turn).collect()
}
