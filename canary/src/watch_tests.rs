//! Scripts against the watch: what it asks, and what it makes of the answers.

use super::*;
use crate::limits::{JUDGE_WAIT_MS, PROBE_METRIC};

const PARTITIONS: u32 = 2;
/// The first minute that is judged.
const MINUTE: Minute = Minute(1_001);
const GRACE_MS: u64 = 5_000;

/// A watch and a server that does as it is told.
struct Scene {
    watch: Watch,
    rows: BTreeMap<u32, Aggregate>,
}

fn start() -> u64 {
    MINUTE.unix_millis()
}

fn end() -> u64 {
    MINUTE.next().unix_millis()
}

impl Scene {
    fn new() -> Self {
        let placement = Placement::new(PARTITIONS, PARTITIONS).unwrap();
        Self { watch: Watch::new(placement, MINUTE.previous().unix_millis() + 1), rows: BTreeMap::new() }
    }

    /// A probe of each partition, acknowledged 5 ms later.
    fn probe(&mut self, now: u64) {
        for partition in 0..PARTITIONS {
            let (sent, aggregate) = self.watch.probe(partition, now).unwrap();
            self.rows.entry(partition).or_default().merge(&aggregate);
            let took = Took { client_ms: 1.0, frontend_ms: 2.0, log_ms: 2.0 };
            self.watch.answered(sent, &Ok(took), now + 5);
        }
    }

    fn answer(&self) -> BTreeMap<u32, Seen> {
        self.rows.iter().map(|(partition, row)| (*partition, Seen::expected(row))).collect()
    }

    fn closed(&mut self, rows: &BTreeMap<u32, Seen>, now: u64) {
        self.watch.seen_closed(PROBE_METRIC, MINUTE, rows, 1.0, now);
    }

    fn sealed(&mut self, now: u64) {
        let all: Vec<_> = (0..PARTITIONS).map(|partition| (partition, MINUTE)).collect();
        self.watch.seen_sealed(&all, now);
    }

    fn alerts(&mut self, pulses: BTreeMap<u32, f64>, now: u64) {
        let sealed_through = vec![Some(MINUTE); PARTITIONS as usize];
        self.watch.seen_alerts(&AlertsSeen { sealed_through, pulses }, now);
    }

    fn pulses(&self) -> BTreeMap<u32, f64> {
        self.rows.iter().map(|(partition, row)| (*partition, row.scalars.sum().to_f64())).collect()
    }
}

#[test]
fn a_healthy_minute_knows_every_hop_and_is_right() {
    let mut scene = Scene::new();
    scene.probe(start());
    let asks = scene.watch.asks(start() + 6);
    assert_eq!(asks.open.len(), 1, "one metric reaches both partitions");
    assert!(asks.closed.is_empty() && !asks.health && !asks.alerts);
    scene.watch.seen_open(MINUTE, &scene.answer(), start() + 25);
    assert_eq!(scene.watch.asks(start() + 26), Asks::default(), "nothing is waited for");

    let asks = scene.watch.asks(end() + 1);
    assert!(asks.health && asks.closed.len() == 1 && !asks.alerts);
    scene.sealed(end() + GRACE_MS);
    scene.closed(&scene.answer(), end() + GRACE_MS + 10);
    assert!(scene.watch.judged(end() + GRACE_MS + 11).is_empty(), "the alert is not seen yet");
    assert!(scene.watch.asks(end() + GRACE_MS + 12).alerts);
    scene.alerts(scene.pulses(), end() + GRACE_MS + 20);

    let judged = scene.watch.judged(end() + GRACE_MS + 21);
    assert!(judged.len() == 1 && judged[0].is_right() && !judged[0].without_pulse);
    let times = judged[0].all_hops().times();
    let max: Vec<(Hop, f64)> = times.iter().map(|(hop, times)| (*hop, times.max)).collect();
    let expected = [
        (Hop::Client, 1.0),
        (Hop::Frontend, 2.0),
        (Hop::Log, 2.0),
        (Hop::Island, 20.0),
        (Hop::Sealed, 5_000.0),
        (Hop::Queryable, 5_010.0),
        (Hop::Alert, 5_020.0),
    ];
    assert_eq!(max, expected);
}

#[test]
fn a_row_that_was_counted_twice_is_wrong_once_time_is_up() {
    let mut scene = Scene::new();
    scene.probe(start());
    let twice = scene.rows[&1].clone();
    scene.rows.get_mut(&1).unwrap().merge(&twice);
    scene.sealed(end() + GRACE_MS);
    scene.closed(&scene.answer(), end() + GRACE_MS);
    assert!(scene.watch.judged(end() + JUDGE_WAIT_MS - 1).is_empty(), "it may become right");
    let judged = scene.watch.judged(end() + JUDGE_WAIT_MS);
    assert_eq!(judged[0].parts[0].verdict, Verdict::Right);
    assert!(matches!(&judged[0].parts[1].verdict, Verdict::Wrong(text) if text.starts_with("sum is ")));
}

#[test]
fn a_partition_without_rows_is_missing_and_one_that_comes_back_is_right() {
    let mut scene = Scene::new();
    scene.probe(start());
    let mut half = scene.answer();
    half.remove(&0);
    scene.closed(&half, end() + GRACE_MS);
    assert!(scene.watch.minutes[&MINUTE].parts[0].verdict == Verdict::Missing);
    scene.closed(&scene.answer(), end() + 40_000);
    assert!(scene.watch.minutes[&MINUTE].is_right());
}

#[test]
fn a_pulse_of_another_minute_is_not_this_ones() {
    let mut scene = Scene::new();
    scene.probe(start());
    scene.sealed(end() + GRACE_MS);
    scene.alerts(BTreeMap::from([(0, 1.5), (1, 1.5)]), end() + GRACE_MS);
    assert!(!scene.watch.minutes[&MINUTE].is_alerted());
    scene.alerts(BTreeMap::new(), end() + GRACE_MS);
    assert!(scene.watch.minutes[&MINUTE].without_pulse, "there is no rule");
}

#[test]
fn a_probe_that_is_not_seen_counts_as_long_as_it_was_waited_for() {
    let mut scene = Scene::new();
    scene.probe(start());
    scene.watch.seen_open(MINUTE, &BTreeMap::new(), start() + 5 + OPEN_WAIT_MS - 1);
    assert_eq!(scene.watch.unseen.len(), 2);
    scene.watch.seen_open(MINUTE, &BTreeMap::new(), start() + 5 + OPEN_WAIT_MS);
    let times = scene.watch.minutes[&MINUTE].all_hops().times();
    assert_eq!(times[&Hop::Island].max, OPEN_WAIT_MS as f64);
}

#[test]
fn a_partition_has_one_probe_in_flight() {
    let mut scene = Scene::new();
    assert!(scene.watch.probe(0, start()).is_some());
    assert!(scene.watch.probe(0, start() + 10_000).is_none());
}

#[test]
fn the_minute_of_the_start_is_not_judged() {
    let mut scene = Scene::new();
    let now = MINUTE.unix_millis() - 10_000;
    scene.probe(now);
    assert!(scene.watch.minutes.is_empty() && scene.watch.judged(end()).is_empty());
}

#[test]
fn a_minute_that_is_late_is_looked_at_now_and_then() {
    let mut scene = Scene::new();
    scene.probe(start());
    scene.watch.seen_open(MINUTE, &scene.answer(), start() + 25);
    let late = end() + 20_000;
    let asked = (0..100).filter(|at| scene.watch.asks(late + at * 50).health).count();
    assert_eq!(asked, 3, "5 s, at 2 s each");
}
