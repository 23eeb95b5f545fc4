//! Real monitoring data through the real binary: the totals are those that an independent computation in Python gives.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::path::Path;
use std::process::Command;

use harness::{Server, json_of, must, recorded_data, sluice, unix_now};
use serde_json::Value;

const FILES: [&str; 2] = ["online-boutique.jsonl.gz", "cloudwatch.jsonl.gz"];
/// All of the recordings: they span six years after one another, and end in the last full minute.
const SPAN_SECONDS: u64 = 9 * 365 * 86_400;

#[test]
fn totals_are_those_of_python() {
    let Some(folder) = recorded_data() else { return };
    for file in FILES {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path(), &["--grace-ms", "200"]);
        let path = folder.join(file);
        let line = publish(&server, &path, "value", &[]);
        assert_eq!(
            (line["accepted"].clone(), line["refused"].as_object().unwrap().len()),
            (line["rows"].clone(), 0),
            "{line}"
        );

        let totals = totals(&path);
        let read: u64 = each(&totals).map(|(_, _, total)| total["count"].as_u64().unwrap()).sum();
        assert_eq!(line["read"], read, "every line is a measurement");
        check(&server, &totals, &["sum", "count", "min", "max"]);
    }
}

#[test]
fn percentiles_and_distincts_are_those_of_python() {
    let Some(folder) = recorded_data() else { return };
    let path = folder.join("cloudwatch.jsonl.gz");
    let totals = totals(&path);
    for (kept, ranks) in [("distribution", &["p50", "p99", "p99.9"][..]), ("distinct", &["distinct"][..])] {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path(), &["--grace-ms", "200"]);
        publish(&server, &path, kept, &[]);
        check(&server, &totals, ranks);
    }
}

#[test]
fn a_second_run_under_the_same_name_changes_nothing() {
    let Some(folder) = recorded_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--grace-ms", "200"]);
    let path = folder.join("cloudwatch.jsonl.gz");
    let first = publish(&server, &path, "value", &["--id", "nightly"]);
    assert_eq!(first["duplicate"], 0, "{first}");
    let second = publish(&server, &path, "value", &["--id", "nightly"]);
    assert_eq!((&second["rows"], &second["duplicate"]), (&first["rows"], &first["rows"]), "{second}");
    check(&server, &totals(&path), &["sum", "count"]);
}

fn publish(server: &Server, path: &Path, kept: &str, more: &[&str]) -> Value {
    let endpoint = server.endpoint();
    let mut words = vec![
        "publish",
        "--endpoint",
        &endpoint,
        "--backfill",
        "--shift-to-now",
        "--as",
        kept,
        "--format",
        "json",
    ];
    words.extend(more);
    words.push(path.to_str().unwrap());
    json_of(&sluice(&words))
}

fn totals(path: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/totals.py");
    serde_json::from_slice(&must(Command::new("python3").arg(script).arg(path)).stdout).unwrap()
}

fn each(totals: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let metrics = totals.as_object().unwrap().iter();
    metrics.flat_map(|(metric, tuples)| {
        tuples.as_object().unwrap().iter().map(move |(tuple, total)| (metric, tuple, total))
    })
}

fn check(server: &Server, totals: &Value, ranks: &[&str]) {
    let to = unix_now() / 60 * 60 + 120;
    for (metric, tuples) in totals.as_object().unwrap() {
        for rank in ranks {
            let got = server.values(metric, rank, to - SPAN_SECONDS / 60 * 60, to);
            assert_eq!(got.len(), tuples.as_object().unwrap().len(), "series of {metric}");
            for (tuple, total) in tuples.as_object().unwrap() {
                let (got, expected) = (got[tuple], total[*rank].as_f64().unwrap());
                let allowed = allowed(rank, total, expected);
                assert!(
                    (got - expected).abs() <= allowed,
                    "{metric} {{{tuple}}} {rank}: {got}, Python says {expected}"
                );
            }
        }
    }
}

/// How far an answer may be off: sums of integers, count, min and max not at all.
fn allowed(rank: &str, total: &Value, expected: f64) -> f64 {
    match rank {
        "sum" if total["exact"] == true => 0.0,
        "sum" => expected.abs() * 1e-9,
        "count" | "min" | "max" => 0.0,
        "distinct" => (3.0 * 1.04 / f64::from(1 << 14).sqrt()) * expected,
        _percentile => expected.abs() * 1e-3,
    }
}
