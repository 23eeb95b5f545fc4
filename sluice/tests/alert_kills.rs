//! Alerts under SIGKILL, mostly around the seals: the real binary's verdicts, and the history of them, are those that a
//! slow fold over its own log gives: none missed, none early, no false resolve, each once. Then the same log replayed in
//! another directory, without its checkpoints. `SLUICE_ALERT_KILLS` says how often it is killed (20), `SLUICE_SEED` at
//! which moments. Minutes are real: about seven kills fit into one.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::{PATIENCE, Server, number, unix_now};
use model::{Aggregate, Minute, Number, PublisherId, Scalars, Stamp};
use partition_log::{EmbeddedLog, LogConfig, PartitionLog as _};
use proto::v1::PublishRequest;
use proto::v1::publish_client::PublishClient;
use proto::{BatchBuilder, BatchView, Record, decode_record};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

const PARTITIONS: u32 = 3;
const SERIES: u32 = 12;
const LIMIT: i64 = 50;
/// Fires when two of three minutes are above the limit, clears when two in a row are not.
const RULE: &str = "alerts:
  - name: hot
    metric: temperature
    sampling: max
    tiers: [{severity: bad, when: '> 50', for: 2 of 3, clear_for: 2 of 2}]
";

/// (minute, room, from, to) → how often. A first good minute is counted under no room.
type History = BTreeMap<(u64, String, &'static str, &'static str), u64>;

#[test]
fn kills_turn_no_verdict() {
    let kills: u32 = number("SLUICE_ALERT_KILLS", 20);
    let seed: u64 = number("SLUICE_SEED", u64::from(std::process::id()));
    println!("SLUICE_ALERT_KILLS={kills} SLUICE_SEED={seed}");

    let dir = tempfile::tempdir().unwrap();
    let (data, rules) = (dir.path().join("data"), dir.path().join("rules"));
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("house.yaml"), RULE).unwrap();
    let partitions = PARTITIONS.to_string();
    let flags = ["--grace-ms", "300", "--partitions", &partitions, "--rules", rules.to_str().unwrap()];
    let mut server = Server::start(&data, &flags);
    let stop = Arc::new(AtomicBool::new(false));
    let publisher = {
        let (endpoint, stop) = (server.endpoint(), Arc::clone(&stop));
        std::thread::spawn(move || publish(seed, &endpoint, &stop))
    };
    let mut moments = SmallRng::seed_from_u64(seed);
    for _ in 0..kills {
        std::thread::sleep(until_next_kill(&mut moments));
        server.kill();
        server.restart();
    }
    // Two more minutes, so that what the last kill may have broken shows.
    server.wait_sealed(unix_now() / 60 * 60 + 60);
    stop.store(true, Ordering::Relaxed);
    publisher.join().unwrap();
    server.wait_sealed(unix_now() / 60 * 60);

    let (got, through) = settled(&server);
    assert_eq!(server.stop(), Some(0));
    let mut truth = truth(&data);
    truth.retain(|(minute, ..), _| *minute <= through);
    let turns = |to| truth.keys().filter(|(_, room, _, now)| *now == to && !room.is_empty()).count();
    println!("{} changes, {} fired, {} resolved", truth.len(), turns("firing"), turns("resolved"));
    assert_eq!(got, truth);

    // In another place, from the log alone.
    let moved = dir.path().join("moved");
    copy_without_stores(&data, &moved);
    let server = Server::start(&moved, &flags);
    server.wait_applied();
    let (mut again, _) = settled(&server);
    again.retain(|(minute, ..), _| *minute <= through);
    assert_eq!(again, truth);
}

/// Half of the kills meet a seal and what follows from it.
fn until_next_kill(moments: &mut SmallRng) -> Duration {
    if moments.random_bool(0.5) {
        return Duration::from_millis(moments.random_range(100..9_000));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let left = 60_000 - u64::try_from(now.as_millis() % 60_000).unwrap();
    Duration::from_millis((left + moments.random_range(0..3_000)).min(20_000))
}

/// Rows of this minute, each until it is acknowledged: levels that stay for a while, so that rules turn.
fn publish(seed: u64, endpoint: &str, stop: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let channel =
        tonic::transport::Endpoint::new(endpoint.to_owned()).unwrap().timeout(Duration::from_secs(5));
    let mut random = SmallRng::seed_from_u64(seed);
    runtime.block_on(async {
        let mut client = PublishClient::new(channel.connect_lazy());
        for sequence in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let minute = Minute::of_unix_seconds(i64::try_from(unix_now()).unwrap()).unwrap();
            let stamp = Stamp { publisher: PublisherId(1), epoch: seed | 1, sequence };
            let mut batch = BatchBuilder::new("default").publisher(stamp);
            for room in (0..SERIES).filter(|room| !(minute.0 + room).is_multiple_of(5)) {
                let level = i64::from((minute.0 / 2 + room) % 3) * 20;
                let value = Number::Int(level + random.random_range(0..15));
                let room = room.to_string();
                batch.add("temperature", [("Room", &*room)], minute, &Aggregate::of(Scalars::of(value)));
            }
            let request = PublishRequest { batches: vec![batch.build()] };
            while client.publish(request.clone()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
}

/// The history once nothing is on its way any more, through the last minute of which that is known.
fn settled(server: &Server) -> (History, u64) {
    let begun = Instant::now();
    let mut shown = server.get("/v1/alerts");
    while shown["transitions_waiting"] != 0 {
        assert!(begun.elapsed() < PATIENCE, "transitions do not arrive");
        std::thread::sleep(Duration::from_millis(100));
        shown = server.get("/v1/alerts");
    }
    let sealed = shown["sealed_through"].as_array().unwrap().iter();
    let through = sealed.map(|seconds| seconds.as_u64().unwrap() / 60).min().unwrap();
    server.wait_applied();
    let to = unix_now() + 60;
    let answer = server.get(&format!("/v1/alerts/history?limit=10000&from={}&to={to}", to - 6 * 3_600));
    assert_eq!(answer["next_to"], serde_json::Value::Null, "{answer}");
    let mut history = History::new();
    for one in answer["transitions"].as_array().unwrap() {
        assert_eq!((&one["rule"], &one["severity"]), (&"hot".into(), &"bad".into()));
        let room = one["dims"]["Room"].as_str().unwrap_or_default().to_owned();
        let key = (one["time"].as_u64().unwrap() / 60, room, state(&one["from"]), state(&one["to"]));
        *history.entry(key).or_default() += one["count"].as_u64().unwrap();
    }
    history.retain(|(minute, ..), _| *minute <= through);
    (history, through)
}

fn state(name: &serde_json::Value) -> &'static str {
    let known = ["none", "ok", "pending", "firing", "resolved", "nodata", "unknown"];
    known.into_iter().find(|known| name == known).unwrap()
}

// === the oracle ===

/// One room, as slowly as can be.
#[derive(Default)]
struct Room {
    state: Option<&'static str>,
    firing: bool,
    /// Minutes since the last turn, newest first: did they hold what is counted now?
    held: VecDeque<bool>,
}

impl Room {
    fn close(&mut self, value: Option<i64>) -> Option<(&'static str, &'static str)> {
        let was = self.state.unwrap_or("none");
        if self.state.is_none() && value.is_none() {
            return None;
        }
        let above = value.is_some_and(|value| value > LIMIT);
        let below = value.is_some_and(|value| value <= LIMIT);
        self.held.push_front(if self.firing { below } else { above });
        self.held.truncate(if self.firing { 2 } else { 3 });
        let held = self.held.iter().filter(|held| **held).count();
        let is = match (self.firing, held >= 2, value) {
            (false, true, _) => "firing",
            (true, true, _) => "resolved",
            (_, _, None) => "nodata",
            (true, false, _) => "firing",
            // One of the two newest will still count at the next minute.
            (false, false, _) if self.held.iter().take(2).any(|held| *held) => "pending",
            (false, false, _) => "ok",
        };
        if held >= 2 {
            self.firing = !self.firing;
            self.held.clear();
        }
        self.state = Some(is);
        (was != is).then_some((was, is))
    }
}

/// What a fold over the records of every log says.
fn truth(data: &Path) -> History {
    let mut history = History::new();
    for partition in 0..PARTITIONS {
        let dir = data.join(format!("partition-{partition:04}/log"));
        let log = EmbeddedLog::open(dir, LogConfig::default()).unwrap().log;
        assert_eq!(log.start(), 0, "the log is short enough to be whole");
        let mut fold = Fold::default();
        while fold.next < log.end() {
            for entry in log.read(fold.next, 1 << 20, Duration::ZERO).unwrap() {
                fold.next = entry.offset + 1;
                fold.apply(decode_record(entry.record).unwrap(), &mut history);
            }
        }
    }
    history
}

#[derive(Default)]
struct Fold {
    next: u64,
    holds_from: Option<u32>,
    sealed: Option<u32>,
    /// (minute, room) → max. A batch that is there twice changes nothing.
    rows: BTreeMap<(u32, String), i64>,
    rooms: BTreeMap<String, Room>,
}

impl Fold {
    fn apply(&mut self, record: Record, history: &mut History) {
        match record {
            Record::Rules(rules) => self.holds_from = self.holds_from.or(Some(rules.from_minute)),
            Record::Rows(batches) => {
                batches.iter().for_each(|batch| self.rows(&BatchView::new(batch).unwrap()));
            }
            Record::Seal(Minute(minute)) if self.sealed.is_none_or(|sealed| minute > sealed) => {
                let first = self.sealed.replace(minute).map_or(minute, |sealed| sealed + 1);
                (first..=minute).for_each(|minute| self.close(minute, history));
            }
            Record::Seal(_) | Record::Delete(_) | Record::Delivered(_) => {}
        }
    }

    fn rows(&mut self, batch: &BatchView<'_>) {
        for at in 0..batch.rows() {
            let row = batch.row(at);
            if batch.metric(row.series) != "temperature" || Some(row.minute.0) <= self.sealed {
                continue;
            }
            let room = batch.dims(row.series).next().unwrap().1.to_owned();
            self.rooms.entry(room.clone()).or_default();
            let Number::Int(value) = row.scalars.max() else { panic!("whole numbers were sent") };
            let max = self.rows.entry((row.minute.0, room)).or_insert(value);
            *max = value.max(*max);
        }
    }

    fn close(&mut self, minute: u32, history: &mut History) {
        if self.holds_from.is_none_or(|from| minute < from) {
            return;
        }
        for (name, room) in &mut self.rooms {
            let value = self.rows.get(&(minute, name.clone())).copied();
            if let Some((from, to)) = room.close(value) {
                let named = if (from, to) == ("none", "ok") { String::new() } else { name.clone() };
                *history.entry((u64::from(minute), named, from, to)).or_default() += 1;
            }
        }
    }
}

fn copy_without_stores(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        match path.is_dir() {
            true if name == "store" => std::fs::create_dir(to.join(name)).unwrap(),
            true => copy_without_stores(&path, &to.join(name)),
            false => drop(std::fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}
