//! The owner thread: seals by a clock, commits, answers, and names each way in which log and disk do not fit.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aggregator::{
    Answer, AskError, Clock, Island, IslandConfig, IslandHandle, IslandLimits, IslandState, IslandStatus,
    Question, checkpoint_position, spawn,
};
use bytes::Bytes;
use model::{Minute, PublisherId};
use partition_log::{Ack, Entry, MemoryLog, Offset, PartitionLog, ReadError, ReleaseError, append_blocking};
use store::{CrashPoint, Kv as _, MemoryKv};
use support::{TestRow, rows_record, seal_record};

/// Longer than any of this takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Two clocks that the test moves: steps of two minutes are believed, so few tests need the other one.
struct TestClock {
    wall: AtomicU64,
    monotonic: AtomicU64,
}

impl Clock for TestClock {
    fn unix_millis(&self) -> u64 {
        self.wall.load(Ordering::Relaxed)
    }

    fn monotonic_millis(&self) -> u64 {
        self.monotonic.load(Ordering::Relaxed)
    }
}

struct House {
    log: Arc<MemoryLog>,
    disk: MemoryKv,
    clock: Arc<TestClock>,
}

impl House {
    fn new() -> Self {
        let clock = Arc::new(TestClock { wall: AtomicU64::new(0), monotonic: AtomicU64::new(0) });
        Self { log: Arc::new(MemoryLog::new()), disk: MemoryKv::new(), clock }
    }

    fn spawn(&self) -> IslandHandle {
        self.spawn_over(Arc::clone(&self.log) as Arc<dyn PartitionLog>)
    }

    fn spawn_over(&self, log: Arc<dyn PartitionLog>) -> IslandHandle {
        let config = IslandConfig {
            partition: 3,
            grace_ms: 5000,
            late_rows_max: 2,
            limits: IslandLimits::DEFAULT,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        };
        spawn(config, log, Arc::new(self.disk.clone()))
    }

    fn append(&self, record: Bytes) {
        append_blocking(&*self.log, record).unwrap();
    }

    fn rows(&self, sequence: u64, rows: &[(u32, u32, f64)]) {
        let rows: Vec<_> = rows
            .iter()
            .map(|(series, minute, value)| TestRow { series: *series, minute: *minute, value: *value })
            .collect();
        self.append(rows_record(Some((7, 1, sequence)), &rows));
    }

    fn at(&self, minute: u32, ms: u64) {
        self.clock.wall.store(u64::from(minute) * 60_000 + ms, Ordering::Relaxed);
    }
}

#[track_caller]
fn wait(island: &IslandHandle, until: impl Fn(&IslandStatus) -> bool) -> IslandStatus {
    let patience = Instant::now() + PATIENCE;
    loop {
        let status = island.status();
        if until(&status) {
            return status;
        }
        assert!(Instant::now() < patience, "still {status:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_minute_is_sealed_when_the_clock_has_passed_its_grace() {
    let house = House::new();
    house.at(100, 30_000);
    house.rows(0, &[(1, 100, 5.0), (2, 100, 7.0)]);
    let island = house.spawn();
    wait(&island, |status| status.sealed_through == Some(Minute(99)) && status.lag_records == 0);
    house.at(101, 5000);
    let status = wait(&island, |status| status.sealed_through == Some(Minute(100)));
    assert_eq!((status.state, status.series, status.partition), (IslandState::Serving, 2, 3));
    assert!(status.counters.balanced() && status.counters.rows_applied == 2);
    let view = island.view();
    assert_eq!((view.series(), view.rows_applied("acme", Minute(100))), (2, 2));
    let mut totals = support::Totals::new();
    let as_island = Island::load(IslandLimits::DEFAULT, view.disk.snapshot().unwrap()).unwrap();
    support::add_disk(&mut totals, &as_island, view.disk.snapshot().unwrap());
    assert_eq!(totals.values().map(|row| row.count).sum::<u64>(), 2);
    assert_eq!(house.log.start(), status.position, "what was checkpointed was released");
    island.shutdown();
    assert_eq!(island.status().state, IslandState::Stopped);
}

#[test]
fn open_minutes_and_publishers_are_answered_between_records() {
    let house = House::new();
    house.at(100, 30_000);
    let island = house.spawn();
    house.rows(0, &[(1, 100, 5.0), (2, 100, 7.0)]);
    house.rows(0, &[(1, 100, 5.0), (2, 100, 7.0)]);
    wait(&island, |status| status.counters.rows_duplicate == 2);
    let read = |metrics: &[(String, String)]| {
        let question = Question::OpenMinutes { metrics: metrics.to_vec() };
        let Answer::OpenMinutes(open) = island.ask_blocking(question, PATIENCE).unwrap() else {
            panic!("another question's answer")
        };
        assert_eq!(
            checkpoint_position(open.view.disk.snapshot().unwrap()).unwrap(),
            Some(open.view.position)
        );
        (open.view.series(), open.blocks.len())
    };
    assert_eq!(read(&[]), (2, 2));
    assert_eq!(read(&[("acme".to_owned(), "latency".to_owned())]), (2, 1));
    assert_eq!(read(&[("acme".to_owned(), "nothing".to_owned())]), (2, 0));
    let question = Question::Publisher { publisher: PublisherId(7), epoch: 1 };
    let Ok(Answer::Publisher(account)) = island.ask_blocking(question.clone(), PATIENCE) else {
        panic!("no answer");
    };
    assert_eq!((account.applied, account.duplicate), (2, 2));
    island.shutdown();
    assert_eq!(island.ask_blocking(question, PATIENCE).err(), Some(AskError::Stopped));
}

#[test]
fn late_rows_beyond_their_bound_are_written_before_the_minute_ends() {
    let house = House::new();
    house.at(100, 30_000);
    let island = house.spawn();
    wait(&island, |status| status.sealed_through == Some(Minute(99)));
    let before = house.disk.commits();
    house.rows(0, &[(1, 50, 1.0), (2, 51, 1.0), (3, 52, 1.0)]);
    wait(&island, |status| status.counters.rows_late == 3 && status.late_rows == 0);
    assert_eq!(house.disk.commits(), before + 1);
    island.shutdown();
}

#[test]
fn a_restart_goes_on_where_the_disk_is() {
    let house = House::new();
    house.at(100, 30_000);
    let island = house.spawn();
    wait(&island, |status| status.sealed_through == Some(Minute(99)));
    house.rows(0, &[(1, 100, 5.0)]);
    wait(&island, |status| status.counters.rows_applied == 1);
    island.shutdown();
    house.rows(0, &[(1, 100, 5.0)]);
    house.rows(1, &[(1, 100, 2.0)]);
    let again = house.spawn();
    let status = wait(&again, |status| status.state == IslandState::Serving && status.lag_records == 0);
    assert_eq!((status.counters.rows_applied, status.counters.rows_duplicate), (2, 1));
    again.shutdown();
}

#[test]
fn a_commit_that_fails_is_final_and_readers_go_on() {
    let house = House::new();
    house.at(100, 30_000);
    let island = house.spawn();
    wait(&island, |status| status.sealed_through == Some(Minute(99)));
    house.disk.crash_at(CrashPoint::BeforeCommit, 0);
    house.append(seal_record(100));
    let status = wait(&island, |status| status.state == IslandState::Failed);
    assert!(status.detail.contains("cannot commit"), "{}", status.detail);
    house.disk.restart();
    assert_eq!(island.view().sealed_through, Some(Minute(99)));
    assert!(island.view().disk.snapshot().is_some(), "what was sealed can be read on");
    island.shutdown();
}

#[test]
fn a_gap_between_checkpoint_and_log_is_named() {
    let house = sealed_house();
    // The log lost its beginning, and what stands there now is beyond the checkpoint.
    let later = MemoryLog::new();
    for _ in 0..9 {
        append_blocking(&later, seal_record(1)).unwrap();
    }
    later.release(8).unwrap();
    fails(&House { log: Arc::new(later), ..house }, "gap: the checkpoint asks for record");
}

#[test]
fn a_log_that_is_shorter_than_the_checkpoint_is_named() {
    let house = sealed_house();
    fails(&House { log: Arc::new(MemoryLog::new()), ..house }, "beyond the end");
}

#[test]
fn a_log_that_was_made_anew_and_has_grown_is_named() {
    let house = sealed_house();
    let sealed = checkpoint_position(&*house.disk.snapshot()).unwrap().unwrap();
    assert_eq!(sealed, 2, "a record of rows, a seal");
    // As long as the old one, with a Seal of the same minute at the same place.
    let other = House { log: Arc::new(MemoryLog::new()), ..house };
    other.rows(5, &[(1, 100, 5.0)]);
    other.append(seal_record(99));
    fails(&other, "another log: record 0 is not the one that was applied");
}

#[test]
fn a_log_that_is_away_is_waited_for() {
    let house = sealed_house();
    house.rows(1, &[(2, 100, 5.0)]);
    let away = Arc::new(Away { log: Arc::clone(&house.log), is_away: AtomicBool::new(true) });
    let island = house.spawn_over(Arc::clone(&away) as Arc<dyn PartitionLog>);
    let status = wait(&island, |status| !status.detail.is_empty());
    assert_eq!((status.state, &*status.detail), (IslandState::Recovering, "it is on a journey"));
    assert_eq!(island.view().sealed_through, Some(Minute(99)), "what was sealed can be read");
    let question = Question::OpenMinutes { metrics: Vec::new() };
    assert!(island.ask_blocking(question, PATIENCE).is_ok(), "and what the checkpoint held open");
    away.is_away.store(false, Ordering::Relaxed);
    let status = wait(&island, |status| status.state == IslandState::Serving && status.lag_records == 0);
    assert_eq!((status.counters.rows_applied, &*status.detail), (2, ""));
    island.shutdown();
}

#[test]
fn an_island_whose_log_never_comes_can_be_stopped() {
    let house = sealed_house();
    let away = Arc::new(Away { log: Arc::clone(&house.log), is_away: AtomicBool::new(true) });
    let island = house.spawn_over(away);
    wait(&island, |status| !status.detail.is_empty());
    island.shutdown();
    assert_eq!(island.status().state, IslandState::Stopped);
}

/// A log that says nothing of itself for as long as a test wants.
struct Away {
    log: Arc<MemoryLog>,
    is_away: AtomicBool,
}

impl PartitionLog for Away {
    fn append(&self, record: Bytes, ack: Ack) {
        self.log.append(record, ack);
    }

    fn start(&self) -> Offset {
        if self.unknown().is_some() { 0 } else { self.log.start() }
    }

    fn end(&self) -> Offset {
        if self.unknown().is_some() { 0 } else { self.log.end() }
    }

    fn unknown(&self) -> Option<String> {
        self.is_away.load(Ordering::Relaxed).then(|| "it is on a journey".to_owned())
    }

    fn stopped(&self) -> Option<String> {
        self.unknown()
    }

    fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError> {
        if self.unknown().is_some() { Ok(Vec::new()) } else { self.log.read(from, bytes_max, wait) }
    }

    fn release(&self, before: Offset) -> Result<(), ReleaseError> {
        self.log.release(before)
    }
}

#[test]
fn a_fresh_store_under_an_old_log_is_named() {
    let house = sealed_house();
    assert!(house.log.start() > 0);
    fails(&House { disk: MemoryKv::new(), ..house }, "the store is fresh");
}

#[test]
fn a_clock_that_jumps_ahead_seals_nothing_until_it_has_stood() {
    let house = House::new();
    house.at(100, 30_000);
    let island = house.spawn();
    wait(&island, |status| status.sealed_through == Some(Minute(99)));
    house.at(5000, 30_000);
    let status = wait(&island, |status| !status.detail.is_empty());
    assert!(status.detail.starts_with("the clock has stepped 294000 s ahead"), "{}", status.detail);
    assert_eq!((status.state, status.why()), (IslandState::Serving, &*status.detail));
    // Minutes go on being sealed as if nothing had happened.
    house.clock.monotonic.store(35_000, Ordering::Relaxed);
    let status = wait(&island, |status| status.sealed_through > Some(Minute(99)));
    assert_eq!(status.sealed_through, Some(Minute(100)));
    assert!(!status.detail.is_empty());
    // The host was suspended indeed: it seals on.
    house.clock.monotonic.store(60_000, Ordering::Relaxed);
    let status = wait(&island, |status| status.sealed_through > Some(Minute(100)));
    assert_eq!((status.sealed_through, &*status.detail), (Some(Minute(4999)), ""));
    island.shutdown();
}

#[test]
fn an_empty_partition_seals_too() {
    let house = House::new();
    house.at(100, 30_000);
    let island = house.spawn();
    wait(&island, |status| status.sealed_through == Some(Minute(99)));
    assert_eq!((island.view().series(), island.view().position), (0, 1));
    island.shutdown();
}

/// A house whose island has sealed and stopped.
fn sealed_house() -> House {
    let house = House::new();
    house.at(100, 30_000);
    house.rows(0, &[(1, 100, 5.0)]);
    let island = house.spawn();
    wait(&island, |status| status.sealed_through == Some(Minute(99)));
    island.shutdown();
    house
}

#[track_caller]
fn fails(house: &House, expected: &str) {
    let island = house.spawn();
    let status = wait(&island, |status| status.state == IslandState::Failed);
    assert!(status.detail.contains(expected), "{}", status.detail);
    island.shutdown();
}
