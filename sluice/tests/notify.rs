//! Who is told, through the real binary: signed webhooks, a silence, an acknowledgement, a receiver that is down, a kill in
//! between. Takes some minutes of real time, for what fires must end.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use harness::hook::{Hook, Told};
use harness::{PATIENCE, Server, free_port, json_of, must, python_with, sluice, stderr, unix_now};
use serde_json::{Value, json};

const RULE: &str = "alerts:
  - name: hot
    metric: temperature
    sampling: max
    tiers: [{severity: bad, when: '> 30'}]
    annotations: {summary: '${dim.Room} has ${value}'}
";
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The specification's own library.
const VERIFY: &str = "
import json, sys
from standardwebhooks.webhooks import Webhook
key, headers, text = json.load(sys.stdin)
Webhook(key).verify(text, headers)
try:
    Webhook(key).verify(text + ' ', headers)
except Exception:
    sys.exit(0)
sys.exit('anything is good')
";

/// The server and what its rules make of some rooms.
struct House {
    server: Server,
    file: std::path::PathBuf,
    rooms: Vec<(&'static str, f64)>,
}

#[test]
fn receivers_are_told_once_what_is_not_quiet() {
    let (dir, ops, chat) = (tempfile::tempdir().unwrap(), Hook::listen(), Hook::listen());
    let mut house = House::start(dir.path(), &ops, &chat);

    // Before anything fires: the attic is to be quiet.
    let silence = house.ask(&["silence", "add", "--where", "Room=attic", "--for", "1h", "--by", "ada"]);
    assert_eq!((&silence["state"], &silence["by"]), (&json!("active"), &json!("ada")));
    house.until(|shown| firing(shown).len() == 2);
    let told = ops.next();
    verify(&told);
    assert_eq!(words(&told.body), "firing: +kitchen");
    assert_eq!(told.body["alerts"][0]["annotations"]["summary"], "kitchen has 41");
    assert_eq!(chat.next().body, json!({"text": "firing hot: kitchen has 41"}), "in its own words");
    let shown = house.alerts();
    assert_eq!(quiet(&shown, "attic"), ["silence"], "{shown}");

    // Somebody looks after the kitchen; then the server dies and comes back.
    let taken = house.ask(&["acknowledge", "--where", "Room=kitchen", "--by", "bob", "--comment", "window"]);
    assert_eq!(taken["acknowledged"], 1);
    house.server.kill();
    house.server.restart();
    house.until(|shown| quiet(shown, "kitchen") == ["acknowledged"] && quiet(shown, "attic") == ["silence"]);

    // A bad file changes nothing and is said; one receiver that is down holds nobody up.
    std::fs::write(&house.file, "receivers: [{nam: x}]").unwrap();
    house.wait(|house| house.status()["refused"].as_str().is_some_and(|why| why.contains("1:14")));
    house.receivers(&ops, true);
    house.wait(|house| house.status()["refused"].is_null());

    // The silence ends while the attic is hot still: now it is told, and the kitchen is not once more.
    ops.status.store(503, Ordering::Relaxed);
    house.ask(&["silence", "end", &silence["id"].to_string()]);
    let first = ops.next();
    assert_eq!(words(&first.body), "firing: +attic");
    house.server.kill();
    ops.rest();
    ops.status.store(204, Ordering::Relaxed);
    house.server.respawn();
    let again = ops.next();
    assert_eq!((&again.headers["webhook-id"], &again.text), (&first.headers["webhook-id"], &first.text));
    house.server.wait_ready();
    house.wait(|house| house.status()["receivers"][0]["failing_since"].is_number());
    let status = house.status();
    assert_eq!(
        (&status["receivers"][0]["name"], &status["receivers"][2]["told_firing"]),
        (&json!("away"), &json!(2))
    );

    // The kitchen cools down.
    house.rooms = vec![("kitchen", 20.0), ("attic", 41.0)];
    house.until(|shown| firing(shown).len() == 1);
    let told = ops.next();
    verify(&told);
    assert_eq!(words(&told.body), "firing: -kitchen", "the group fires on in the attic");
    house.nothing_is_secret();
}

#[test]
fn a_receiver_can_be_checked_and_tried_without_a_server() {
    let (dir, ops) = (tempfile::tempdir().unwrap(), Hook::listen());
    let file = dir.path().join("notify.yaml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, format!("receivers: [{{name: ops, webhook: '{}'}}]", ops.url)).unwrap();
    assert!(sluice(&["notify", "check", path]).status.success());
    let tried = must(Command::new(env!("CARGO_BIN_EXE_sluice")).args(["notify", "try", path, "ops"]));
    let told = ops.next();
    assert!(String::from_utf8_lossy(&tried.stdout).contains(&told.headers["webhook-id"]));
    assert_eq!(told.body["commonLabels"]["alertname"], "test");
    ops.status.store(404, Ordering::Relaxed);
    check(&["notify", "try", path, "ops"], 1, "ops was not told: it answered 404");
    check(&["notify", "try", path, "opps"], 2, "there is no receiver \"opps\"");
    std::fs::write(&file, "receivers:\n- {name: ops}").unwrap();
    check(&["notify", "check", path], 1, "notify.yaml:2:3: receivers[0]: webhook is missing");
}

#[track_caller]
fn check(call: &[&str], status: i32, expected: &str) {
    let output = sluice(call);
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(status));
}

// === impl House ===

impl House {
    fn start(dir: &Path, ops: &Hook, chat: &Hook) -> Self {
        let (rules, file) = (dir.join("rules"), dir.join("notify.yaml"));
        std::fs::create_dir(&rules).unwrap();
        std::fs::write(rules.join("house.yaml"), RULE).unwrap();
        std::fs::write(dir.join("ops.key"), KEY).unwrap();
        std::fs::write(dir.join("chat.url"), &chat.url).unwrap();
        let flags =
            ["--grace-ms", "500", "--rules", rules.to_str().unwrap(), "--notify", file.to_str().unwrap()];
        let server = Server::start(&dir.join("data"), &flags);
        let house = Self { server, file, rooms: vec![("kitchen", 41.0), ("attic", 41.0), ("cellar", 12.0)] };
        house.receivers(ops, false);
        house
    }

    fn receivers(&self, ops: &Hook, away: bool) {
        let dir = self.file.parent().unwrap().display().to_string();
        let mut text = format!(
            "receivers:
  - {{name: ops, webhook: '{}', secret_file: '{dir}/ops.key', wait: 1s, interval: 0s}}
  - {{name: chat, webhook_file: '{dir}/chat.url', body: {{text: '${{alerts}}'}},
     line: '${{status}} ${{label.alertname}}: ${{annotation.summary}}'}}\n",
            ops.url
        );
        if away {
            text.push_str(&format!("  - {{name: away, webhook: 'http://127.0.0.1:{}/'}}\n", free_port()));
        }
        std::fs::write(&self.file, text).unwrap();
    }

    /// Publishes until it is so.
    fn until(&self, is_so: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            self.rooms.iter().for_each(|(room, value)| publish(&self.server, room, *value));
            let shown = self.alerts();
            if is_so(&shown) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not come about: {shown}");
            thread::sleep(Duration::from_secs(1));
        }
    }

    fn wait(&self, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "it does not come about: {}", self.status());
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn ask(&self, call: &[&str]) -> Value {
        let url = self.server.url();
        let output = sluice(&[call, &["--server", &url, "--format", "json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        json_of(&output)
    }

    fn alerts(&self) -> Value {
        self.ask(&["alerts"])
    }

    fn status(&self) -> Value {
        self.ask(&["notify", "status"])
    }

    /// Neither a key nor an address is in anything that can be asked for.
    fn nothing_is_secret(&self) {
        let metrics = ureq::get(format!("{}/metrics", self.server.url())).call().unwrap();
        let metrics = metrics.into_body().read_to_string().unwrap();
        let said = [metrics, self.status().to_string(), self.ask(&["silence", "list"]).to_string()].concat();
        assert!(!said.contains(&KEY[6..]) && !said.contains("/told"), "{said}");
    }
}

fn publish(server: &Server, room: &str, value: f64) {
    let line = json!({"ts": unix_now(), "metric": "temperature", "dims": {"Room": room}, "value": value});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), line.to_string()).unwrap();
    let published = sluice(&["publish", "--endpoint", &server.endpoint(), file.path().to_str().unwrap()]);
    assert!(published.status.success(), "{published:?}");
}

fn firing(shown: &Value) -> Vec<&Value> {
    shown["alerts"].as_array().unwrap().iter().filter(|one| one["firing"] == true).collect()
}

/// Why the alert of a room is not told.
fn quiet(shown: &Value, room: &str) -> Vec<String> {
    let of_room = firing(shown).into_iter().filter(|one| one["dims"]["Room"] == room);
    of_room.filter_map(|one| one["quiet"]["why"].as_str().map(str::to_owned)).collect()
}

/// `firing: +kitchen -attic`
fn words(body: &Value) -> String {
    let word = |one: &Value| {
        let sign = if one["status"] == "firing" { "+" } else { "-" };
        format!("{sign}{}", one["labels"]["Room"].as_str().unwrap())
    };
    let words: Vec<String> = body["alerts"].as_array().unwrap().iter().map(word).collect();
    format!("{}: {}", body["status"].as_str().unwrap(), words.join(" "))
}

/// By the specification's own library.
fn verify(told: &Told) {
    let python = python_with("webhooks", &["standardwebhooks"]);
    let mut child = Command::new(python)
        .args(["-c", VERIFY])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = json!([KEY, told.headers, told.text]).to_string();
    child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}
