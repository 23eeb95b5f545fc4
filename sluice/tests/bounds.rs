//! Bucket bounds from end to end: `sluice publish --bounds`, percentiles over minutes and groups in the same bounds and
//! with what was cut otherwise, before and after a restart.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod harness;

use std::fmt::Write as _;
use std::path::Path;

use harness::{Server, json_of, sluice, tuple, unix_now};
use serde_json::json;

#[test]
fn percentiles_in_bounds_are_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(&dir.path().join("data"), &["--grace-ms", "200"]);
    let minute = unix_now() / 60 * 60 - 600;
    let numbers = |minute: u64, more: &str| {
        (1..=100).fold(String::new(), |mut lines, value| {
            writeln!(lines, r#"{{"ts":{minute},"metric":"L","dims":{{"Api":"Get"}},"value":{value}{more}}}"#)
                .unwrap();
            lines
        })
    };
    let beyond = format!(r#"{{"ts":{minute},"metric":"L","dims":{{"Api":"Get"}},"value":1000}}"#);
    let get = numbers(minute, "") + &numbers(minute + 60, r#","bounds":[10,50,200]"#) + &beyond;
    let put = format!(r#"{{"ts":{minute},"metric":"L","dims":{{"Api":"Put"}},"value":15}}"#);
    publish(&server, dir.path(), &get, &["--bounds", "10,50,200"]);
    publish(&server, dir.path(), &[&put[..]; 100].join("\n"), &[]);

    for restarted in [false, true] {
        if restarted {
            assert_eq!(server.stop(), Some(0));
            server.restart();
        }
        let check = |by: &[&str], rank: &str, expected: &str| check(&server, minute, by, rank, expected);
        // Of Get's 201, 20 are up to 10, 80 up to 50, 100 up to 200, and one is 1000.
        check(&["Api"], "p9", "Api=Get 10, Api=Put 15");
        check(&["Api"], "p49", "Api=Get 50, Api=Put 15");
        check(&["Api"], "p50", "Api=Get 200, Api=Put 15");
        check(&["Api"], "p99", "Api=Get 200, Api=Put 15");
        check(&["Api"], "p99.9", "Api=Get 1000, Api=Put 15");
        // With Put's hundred at 15 they are 301, cut automatically.
        check(&[], "p6", " 10");
        check(&[], "p30", " 15");
        check(&[], "p50", " 50");
        check(&[], "p99", " 200");
        check(&[], "p99.9", " 1000");
    }
}

fn publish(server: &Server, dir: &Path, lines: &str, more: &[&str]) {
    let (path, endpoint) = (dir.join("lines"), server.endpoint());
    std::fs::write(&path, lines).unwrap();
    let mut words = vec!["publish", "--endpoint", &endpoint, "--as", "distribution", "--format", "json"];
    words.extend(more);
    words.push(path.to_str().unwrap());
    let line = json_of(&sluice(&words));
    assert_eq!((&line["accepted"], &line["refused"]), (&line["rows"], &json!({})), "{line}");
}

/// Groups by name with their percentile over both minutes, to the nearest whole number.
#[track_caller]
fn check(server: &Server, minute: u64, by: &[&str], rank: &str, expected: &str) {
    server.wait_applied();
    let request = json!({"metric": "L", "by": by, "rank": rank, "from": minute, "to": minute + 120, "include_open": true});
    let (status, answer) = server.post("/v1/top", &request);
    assert_eq!(status, 200, "{answer}");
    let rows = answer["rows"].as_array().unwrap().iter();
    let mut said: Vec<String> =
        rows.map(|row| format!("{} {:.0}", tuple(&row["dims"]), row["rank"].as_f64().unwrap())).collect();
    said.sort();
    assert_eq!(said.join(", "), expected, "{rank}: {answer}");
}
