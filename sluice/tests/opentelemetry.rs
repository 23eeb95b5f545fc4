//! The OpenTelemetry Python SDK, with no Sluice-specific setting, against the default ports: gRPC and HTTP, delta and
//! cumulative.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use harness::{Server, must, python_with, unix_now};
use serde_json::{Value, json};

const PACKAGES: [&str; 4] = ["opentelemetry-sdk", "opentelemetry-exporter-otlp", "psutil", "setuptools"];
const GRPC_DEFAULT: u16 = 4317;
const HTTP_DEFAULT: u16 = 4318;

#[test]
fn every_sdk_default_works() {
    for port in [GRPC_DEFAULT, HTTP_DEFAULT] {
        let free = TcpListener::bind(("127.0.0.1", port));
        assert!(
            free.is_ok(),
            "port {port} is in use: this test needs the default ports; stop the server (or demo) that runs there"
        );
    }
    let python = python_with("opentelemetry", &PACKAGES);
    let dir = tempfile::tempdir().unwrap();
    let server =
        Server::start_on(dir.path(), GRPC_DEFAULT, HTTP_DEFAULT, vec!["--grace-ms".into(), "200".into()]);
    for protocol in ["grpc", "http"] {
        for temporality in ["delta", "cumulative"] {
            let truth = export(&python, protocol, temporality);
            server.wait_applied();
            for (metric, tuples) in truth.as_object().unwrap() {
                for (tuple, values) in tuples.as_object().unwrap() {
                    compare(&server, &format!("otel-{protocol}-{temporality}"), metric, tuple, values);
                }
            }
        }
    }
}

fn export(python: &Path, protocol: &str, temporality: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/otel_export.py");
    let mut command = Command::new(python);
    command.arg(script).args([protocol, temporality]);
    // Nothing that this machine happens to have set may point the SDK elsewhere.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_")
            || name.to_string_lossy().to_lowercase().ends_with("_proxy")
        {
            command.env_remove(name);
        }
    }
    serde_json::from_slice(&must(&mut command).stdout).unwrap()
}

fn compare(server: &Server, service: &str, metric: &str, tuple: &str, values: &Value) {
    let (dim, value) = tuple.split_once('=').unwrap();
    let to = unix_now() / 60 * 60 + 120;
    for (rank, expected) in values.as_object().unwrap() {
        let conditions = json!([
            {"dim": "service.name", "op": "=", "values": [service]},
            {"dim": dim, "op": "=", "values": [value]},
        ]);
        let request = json!({"metric": metric, "by": [dim], "rank": rank, "n": 10, "where": conditions,
            "from": to - 3600, "to": to, "include_open": true});
        let (status, answer) = server.post("/v1/top", &request);
        assert_eq!(status, 200, "{answer}");
        let got = &answer["rows"][0]["rank"];
        assert_eq!(got.as_f64(), expected.as_f64(), "{service} {metric} {{{tuple}}} {rank}: {answer}");
    }
}
