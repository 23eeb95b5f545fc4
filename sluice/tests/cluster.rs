//! Roles of their own over a real Apache Kafka: what was acknowledged is counted once, whoever dies, moves or is away.
//! `make test-cluster` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

#[path = "../../partition-log/tests/kafka/brokers.rs"]
mod brokers;
mod harness;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use brokers::Brokers;
use harness::{PATIENCE, free_port, must, tuple, unix_now};
use serde_json::{Value, json};

const PARTITIONS: u64 = 4;

/// Sums by series.
type Totals = BTreeMap<String, f64>;

/// A cluster under test: brokers, topics, and where nodes keep their data.
struct Cluster {
    brokers: Brokers,
    dir: tempfile::TempDir,
}

/// A role in a process of its own; killed when dropped.
struct Node {
    child: Child,
    words: Vec<String>,
    grpc: u16,
    http: u16,
}

#[test]
fn partitions_move_between_nodes_and_zones_agree() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.make_topics();
    let frontend = cluster.frontend();
    let (first, second) = (cluster.aggregator("a", "a-1"), cluster.aggregator("a", "a-2"));
    let mut truth = Totals::new();
    frontend.wait_ready();
    wait("the zone shares the partitions", || owned(&first) == 2 && owned(&second) == 2);
    frontend.publish(&mut truth, 0..40, 1.0);
    exact(&[&first, &second], &truth);

    // A node that ends gives its partitions to the other, which replays them.
    let mut second = second;
    second.stop();
    wait("the other has all", || owned(&first) == PARTITIONS);
    frontend.publish(&mut truth, 20..60, 2.0);
    exact(&[&first], &truth);
    let answer = first.top();
    assert_eq!(answer["completeness"]["partitions"]["answered"], PARTITIONS, "{answer}");

    // It comes back with what it had, and goes on from there.
    second.respawn();
    wait("they share again", || owned(&first) == 2 && owned(&second) == 2);
    frontend.publish(&mut truth, 0..60, 4.0);
    exact(&[&first, &second], &truth);

    // Another zone has everything of its own, from the beginning of the log.
    let other = cluster.aggregator("b", "b-1");
    wait("the other zone has all", || owned(&other) == PARTITIONS);
    exact(&[&other], &truth);
    wait("the owners of both zones are known", || {
        let owners = frontend.get("/v1/owners");
        let owners = owners["owners"].as_array().unwrap().clone();
        let of = |zone: &str| owners.iter().filter(|owner| owner["zone"] == zone).count() as u64;
        of("a") == PARTITIONS && of("b") == PARTITIONS
    });
}

#[test]
fn a_node_that_is_killed_goes_on_where_it_was() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.make_topics();
    let (mut frontend, mut node) = (cluster.frontend(), cluster.aggregator("a", "a-1"));
    let mut truth = Totals::new();
    for round in 0..4 {
        frontend.wait_ready();
        frontend.publish(&mut truth, 0..50, 1.0);
        match round % 2 {
            0 => node.kill(),
            _ => frontend.kill(),
        }
        node.respawn_if_dead();
        frontend.respawn_if_dead();
    }
    wait("it owns all", || owned(&node) == PARTITIONS);
    exact(&[&node], &truth);
}

#[test]
fn roles_start_without_kafka_and_outlive_it() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.brokers.kill(1);
    let (frontend, node) = (cluster.frontend(), cluster.aggregator("a", "a-1"));
    wait("both live", || frontend.is_ok("/healthz") && node.is_ok("/healthz"));
    assert!(!frontend.is_ok("/readyz") && !node.is_ok("/readyz"));
    let (status, retry_after) = frontend.export();
    assert_eq!((status, retry_after.as_deref()), (503, Some("1")), "nothing is acknowledged that is nowhere");

    cluster.brokers.restart();
    cluster.make_topics();
    let mut truth = Totals::new();
    frontend.wait_ready();
    frontend.publish(&mut truth, 0..30, 1.0);
    wait("it owns all", || owned(&node) == PARTITIONS);
    exact(&[&node], &truth);

    cluster.brokers.kill(1);
    wait("the frontend says so", || !frontend.is_ok("/readyz"));
    exact(&[&node], &truth); // what is there is answered from
    cluster.brokers.restart();
    frontend.wait_ready();
    frontend.publish(&mut truth, 0..30, 2.0);
    exact(&[&node], &truth);
}

#[test]
fn a_coordinator_answers_of_all_nodes_and_names_who_is_missing() {
    let Some(cluster) = Cluster::start() else { return };
    let coordinator = cluster.coordinator("a", &[]);
    wait("it lives without topics", || coordinator.is_ok("/healthz"));
    assert!(!coordinator.is_ok("/readyz"), "nobody owns anything yet");
    cluster.make_topics();
    let frontend = cluster.frontend();
    let (first, second) = (cluster.aggregator("a", "a-1"), cluster.aggregator("a", "a-2"));
    let mut truth = Totals::new();
    frontend.wait_ready();
    wait("the zone shares the partitions", || owned(&first) == 2 && owned(&second) == 2);
    coordinator.wait_ready();
    frontend.publish(&mut truth, 0..40, 1.0);
    exact(&[&coordinator], &truth);
    let answer = coordinator.top();
    assert_eq!(answer["completeness"]["partitions"], json!({"asked": PARTITIONS, "answered": PARTITIONS}));
    commands_read(&coordinator);

    // One that looks for rows elsewhere says so, instead of finding half of them.
    let stranger = cluster.coordinator("a", &["--spread", "2"]);
    wait("it says what is wrong", || {
        let words = stranger.text("/readyz");
        words
            .contains("has 4 partitions with spread 4, this process 4 with spread 2: give all roles the same")
    });
    assert_eq!(stranger.top()["completeness"]["partitions"]["answered"], 0);

    // A node that stands still is named; then the other has its partitions, and the answer is whole again. On a busy machine the
    // group may have taken them from it meanwhile, and given back.
    wait("it has partitions", || owned(&first) == 2 && owned(&second) == 2);
    second.signal(rustix::process::Signal::STOP);
    wait("the answer says who is missing", || {
        let answer = coordinator.top();
        let reasons = answer["completeness"]["reasons"].to_string();
        answer["completeness"]["partial"] == true
            && reasons.contains(&format!("node a-2 at 127.0.0.1:{}", second.grpc))
    });
    wait("the other has all", || owned(&first) == PARTITIONS);
    exact(&[&coordinator], &truth);
    second.signal(rustix::process::Signal::CONT);
    exact(&[&coordinator], &truth);

    // What it knows of owners it keeps while Kafka is away.
    cluster.brokers.kill(1);
    exact(&[&coordinator], &truth);
    assert!(coordinator.is_ok("/readyz"));
}

#[test]
fn a_coordinator_asks_the_other_zone_when_its_own_is_gone() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.make_topics();
    let (frontend, coordinator) = (cluster.frontend(), cluster.coordinator("a", &[]));
    let (mut near, far) = (cluster.aggregator("a", "a-1"), cluster.aggregator("b", "b-1"));
    let mut truth = Totals::new();
    frontend.wait_ready();
    wait("both zones have all", || owned(&near) == PARTITIONS && owned(&far) == PARTITIONS);
    coordinator.wait_ready();
    frontend.publish(&mut truth, 0..40, 1.0);
    exact(&[&coordinator], &truth);
    near.kill();
    exact(&[&coordinator], &truth);
    let answer = coordinator.top();
    assert_eq!(answer["completeness"]["partitions"]["answered"], PARTITIONS, "{answer}");
}

/// Every read command, pointed to a coordinator.
fn commands_read(coordinator: &Node) {
    let server = format!("http://127.0.0.1:{}", coordinator.http);
    for (words, expected) in [
        (
            vec!["top", "Load", "--by", "S", "--rank", "sum", "--n", "3", "--include-open", "--last", "1h"],
            "S",
        ),
        (vec!["series", "Load", "--by", "S", "--sampling", "sum", "--include-open", "--last", "1h"], "S"),
        (vec!["metrics", "--include-open", "--last", "1h"], "Load"),
        (vec!["dimensions", "Load", "--include-open", "--last", "1h"], "S"),
        (vec!["hints", "Load", "--of", "S", "--include-open", "--last", "1h"], "39"),
        (vec!["health", "--strict"], "serving"),
        (vec!["alerts", "--strict"], ""),
    ] {
        let output = harness::sluice(&[words.as_slice(), &["--server", &server]].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && said.contains(expected),
            "{words:?}: {said} {}",
            harness::stderr(&output)
        );
    }
}

#[test]
fn a_call_without_brokers_and_with_a_wrong_name_says_what_is_missing() {
    for (words, expected) in [
        (vec!["frontend"], "kafka_brokers is empty, must name brokers"),
        (vec!["aggregator", "--data", "/nonexistent/x"], "kafka_brokers is empty, must name brokers"),
        (vec!["coordinator"], "kafka_brokers is empty, must name brokers"),
        (vec!["aggregator", "--kafka-brokers", "h:1", "--zone", "a b"], "zone is \"a b\", must be 1 to 128"),
        (vec!["frontend", "--kafka-brokers", "h:1", "--kafka-topic", "a/b"], "topic must be 1 to 249"),
        (vec!["frontend", "--kafka-brokers", "h:1", "--http", "0.0.0.0:0"], "unless --unprotected says"),
    ] {
        let output = harness::sluice(&words);
        let said = harness::stderr(&output);
        assert!(!output.status.success() && said.contains(expected), "{words:?}: {said}");
    }
}

// === impl Cluster ===

impl Cluster {
    fn start() -> Option<Self> {
        Some(Self { brokers: Brokers::start(1)?, dir: tempfile::tempdir().unwrap() })
    }

    fn make_topics(&self) {
        let words = ["topics", "--replicas", "1", "--kafka-brokers", &self.brokers.addresses, "--partitions"];
        must(Command::new(env!("CARGO_BIN_EXE_sluice")).args(words).arg(PARTITIONS.to_string()));
    }

    fn frontend(&self) -> Node {
        self.node(&["frontend"])
    }

    fn aggregator(&self, zone: &str, name: &str) -> Node {
        let data: PathBuf = self.dir.path().join(name);
        self.node(&["aggregator", "--zone", zone, "--node", name, "--data", data.to_str().unwrap()])
    }

    fn coordinator(&self, zone: &str, more: &[&str]) -> Node {
        self.node(&[&["coordinator", "--zone", zone], more].concat())
    }

    fn node(&self, words: &[&str]) -> Node {
        let (grpc, http) = (free_port(), free_port());
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        words.extend(["--partitions".to_owned(), PARTITIONS.to_string()]);
        words.extend(["--kafka-brokers".to_owned(), self.brokers.addresses.clone()]);
        words.extend(["--grpc".to_owned(), format!("127.0.0.1:{grpc}")]);
        words.extend(["--http".to_owned(), format!("127.0.0.1:{http}")]);
        Node { child: spawn(&words), words, grpc, http }
    }
}

// === impl Node ===

impl Node {
    /// One measurement of this value in each of these series, until all are acknowledged, once each.
    fn publish(&self, truth: &mut Totals, series: std::ops::Range<u32>, value: f64) {
        let now = unix_now();
        let mut lines = String::new();
        for series in series {
            let line =
                json!({"ts": now, "metric": "Load", "dims": {"S": series.to_string()}, "value": value});
            lines += &format!("{line}\n");
            *truth.entry(format!("S={series}")).or_default() += value;
        }
        let endpoint = format!("http://127.0.0.1:{}", self.grpc);
        let mut child = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["publish", "--endpoint", &endpoint, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", harness::stderr(&output));
    }

    /// One try by OTLP: the status, and when to come back.
    fn export(&self) -> (u16, Option<String>) {
        let point = json!({"timeUnixNano": (unix_now() * 1_000_000_000).to_string(), "asDouble": 1.0});
        let metric = json!({"name": "early", "gauge": {"dataPoints": [point]}});
        let body = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]});
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer =
            agent.post(format!("http://127.0.0.1:{}/v1/metrics", self.http)).send_json(&body).unwrap();
        let again = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), again)
    }

    fn top(&self) -> Value {
        let (from, to) = (unix_now() - 3_600, unix_now() + 120);
        let request = json!({"metric": "Load", "by": ["*"], "rank": "sum", "n": 10_000, "include_open": true,
                             "from": from - from % 60, "to": to - to % 60});
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent.post(format!("http://127.0.0.1:{}/v1/top", self.http)).send_json(&request);
        answer.map_or(Value::Null, |mut answer| answer.body_mut().read_json().unwrap_or(Value::Null))
    }

    fn totals(&self) -> Totals {
        let answer = self.top();
        let rows = answer["rows"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| (tuple(&row["dims"]), row["rank"].as_f64().unwrap())).collect()
    }

    fn get(&self, path: &str) -> Value {
        let answer = ureq::get(format!("http://127.0.0.1:{}{path}", self.http)).call();
        answer.map_or(Value::Null, |mut answer| answer.body_mut().read_json().unwrap_or(Value::Null))
    }

    fn is_ok(&self, path: &str) -> bool {
        ureq::get(format!("http://127.0.0.1:{}{path}", self.http)).call().is_ok()
    }

    /// The body, whatever the status.
    fn text(&self, path: &str) -> String {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent.get(format!("http://127.0.0.1:{}{path}", self.http)).call();
        answer.map_or(String::new(), |mut answer| answer.body_mut().read_to_string().unwrap_or_default())
    }

    fn wait_ready(&self) {
        wait("the node is ready", || self.is_ok("/readyz"));
    }

    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn respawn(&mut self) {
        self.child = spawn(&self.words);
    }

    fn respawn_if_dead(&mut self) {
        if self.child.try_wait().unwrap().is_some() {
            self.respawn();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

fn spawn(words: &[String]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(words)
        .env("SLUICE_LOG", std::env::var("SLUICE_LOG").unwrap_or_else(|_| "error".into()))
        .current_dir(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// How many partitions a node has open and caught up.
fn owned(node: &Node) -> u64 {
    let health = node.get("/v1/health");
    let partitions = health["partitions"].as_array().cloned().unwrap_or_default();
    partitions.iter().filter(|partition| partition["state"] == "serving").count() as u64
}

/// Together these nodes come to say exactly what was published, no row lost and none twice.
#[track_caller]
fn exact(nodes: &[&Node], truth: &Totals) {
    let began = Instant::now();
    loop {
        let mut said = Totals::new();
        for node in nodes {
            for (series, sum) in node.totals() {
                *said.entry(series).or_default() += sum;
            }
        }
        if said == *truth {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "they say {said:?}, and it is {truth:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
