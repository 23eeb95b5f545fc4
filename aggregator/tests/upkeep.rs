//! The upkeep thread beside a running island: what it compacts is read as before, and late rows too.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod support;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use aggregator::{
    Clock, Island, IslandConfig, IslandHandle, IslandLimits, UpkeepConfig, spawn, spawn_upkeep,
};
use model::{Minute, Retention};
use partition_log::{MemoryLog, PartitionLog, append_blocking};
use proto::encode_delete;
use proto::v1::{Delete, Deletion};
use store::{Cf, CrashPoint, Kv, MemoryKv, PartKey, SlabKey};
use support::{TestRow, Totals, rows_record, seal_record};

/// Longer than any of this takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Seals come from the test.
struct NoClock;

impl Clock for NoClock {
    fn unix_millis(&self) -> u64 {
        0
    }
}

struct House {
    log: Arc<MemoryLog>,
    disk: MemoryKv,
    island: IslandHandle,
    sequence: u64,
}

impl House {
    fn new() -> Self {
        let (log, disk) = (Arc::new(MemoryLog::new()), MemoryKv::new());
        let config = IslandConfig {
            partition: 0,
            grace_ms: 5000,
            late_rows_max: 1000,
            limits: IslandLimits::DEFAULT,
            clock: Arc::new(NoClock),
        };
        let island = spawn(config, Arc::clone(&log) as Arc<dyn PartitionLog>, Arc::new(disk.clone()));
        Self { log, disk, island, sequence: 0 }
    }

    /// Rows of ten series in these minutes, then a seal.
    fn seal(&mut self, minutes: &[u32], through: u32) {
        let row = |minute| {
            (0..10).map(move |series| TestRow { series, minute, value: f64::from(series + minute % 7) })
        };
        let rows: Vec<TestRow> = minutes.iter().copied().flat_map(row).collect();
        self.sequence += 1;
        append_blocking(&*self.log, rows_record(Some((7, 1, self.sequence)), &rows)).unwrap();
        append_blocking(&*self.log, seal_record(through)).unwrap();
        wait("the island", || self.island.view().position == self.log.end());
    }

    fn count(&self, cf: Cf) -> usize {
        keys(&self.disk, cf).len()
    }

    fn totals(&self) -> Totals {
        let snapshot = self.disk.snapshot();
        let mut totals = Totals::new();
        let island = Island::load(IslandLimits::DEFAULT, &*snapshot).unwrap();
        support::add_disk(&mut totals, &island, &*snapshot);
        totals
    }
}

fn wait(what: &str, until: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !until() {
        assert!(Instant::now() < patience, "still waiting for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn for_ever() -> Arc<Retention> {
    Arc::new(Retention::uniform(Retention::MOST_MINUTES))
}

fn at_once() -> UpkeepConfig {
    let moment = Duration::from_millis(1);
    UpkeepConfig { late_wait: Duration::ZERO, pause: moment, rests: 0, ..UpkeepConfig::default() }
}

#[test]
fn it_compacts_what_is_over_and_nobody_sees_it() {
    let mut house = House::new();
    let upkeep = spawn_upkeep(&[house.island.clone()], at_once(), for_ever()).unwrap();
    house.seal(&[6_000, 6_001, 6_059], 6_060);
    let hour: Vec<u32> = (6_060..6_180).collect();
    house.seal(&hour, 6_180);
    // Hours 100 and 101 are over for longer than lateness at 6,180: 6,181 - 60 = 6,121.
    wait("hours", || house.count(Cf::Pages) == 6 && house.count(Cf::Slabs) == 3 * 60);
    let before = house.totals();
    assert_eq!(before.len(), (3 + 120) * 10);

    house.seal(&[6_001, 6_002], 6_181); // late rows of hour 100
    wait("late rows", || house.count(Cf::Slabs) == 3 * 60);
    assert_eq!((house.totals().len(), house.count(Cf::Hours)), (before.len() + 10, 6));

    house.seal(&[], 9_000);
    wait("the rest, and day 4", || house.count(Cf::Slabs) == 0 && house.count(Cf::Days) == 3);
    assert_eq!(house.totals().len(), before.len() + 10);
    upkeep.shutdown();
    upkeep.shutdown();
    house.island.shutdown();
}

#[test]
fn a_disk_that_fails_ends_it_for_that_partition_alone() {
    let (mut broken, mut sound) = (House::new(), House::new());
    broken.seal(&[6_000], 6_200);
    sound.seal(&[6_000], 6_200);
    broken.disk.crash_at(CrashPoint::BeforeCommit, 0);
    let upkeep = spawn_upkeep(&[broken.island.clone(), sound.island.clone()], at_once(), for_ever()).unwrap();
    wait("the sound one", || sound.count(Cf::Pages) == 3);
    upkeep.shutdown();
    broken.disk.restart();
    assert_eq!((broken.count(Cf::Slabs), broken.count(Cf::Pages), broken.totals().len()), (3, 0, 10));
}

#[test]
fn what_cannot_be_read_keeps_its_own_hour_and_no_other() {
    let mut house = House::new();
    house.seal(&[6_000, 6_001, 6_070], 6_300);
    let slab =
        |minute| keys(&house.disk, Cf::Slabs).into_iter().find(|key| of_slab(key) == (0, minute)).unwrap();
    let (damaged, beside) = (slab(6_000), slab(6_001));
    house.disk.damage(Cf::Slabs, &damaged);
    let upkeep = spawn_upkeep(&[house.island.clone()], at_once(), for_ever()).unwrap();
    // Of six hours of three metrics five; the sixth keeps its other block as well.
    wait("the others", || keys(&house.disk, Cf::Slabs) == [beside.clone()]);
    assert_eq!(house.count(Cf::Pages), 5);
    house.seal(&[6_130], 6_400);
    wait("what comes later", || house.count(Cf::Pages) == 8);
    upkeep.shutdown();
    assert_eq!(keys(&house.disk, Cf::Slabs), [beside]);
}

fn of_slab(key: &[u8]) -> (u32, u32) {
    let SlabKey { metric, minute: Minute(minute), .. } = SlabKey::from_bytes(key).unwrap();
    (metric, minute)
}

/// Those that can be read.
fn keys(disk: &MemoryKv, cf: Cf) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let mut each = |key: &[u8], _: &[u8]| {
        keys.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    };
    let snapshot = disk.snapshot();
    store::range_past_damage(&*snapshot, cf, &[], &[0xff; 32], &mut each, &mut |_, _, _| Ok(())).unwrap();
    keys
}

#[test]
fn a_deletion_leaves_what_cannot_be_read_and_purges_the_rest() {
    let mut house = House::new();
    house.seal(&[6_000, 6_070], 6_300);
    let upkeep = spawn_upkeep(&[house.island.clone()], at_once(), for_ever()).unwrap();
    wait("pages", || house.count(Cf::Pages) == 6 && house.count(Cf::Slabs) == 0);
    let hours =
        |metric| keys(&house.disk, Cf::Hours).into_iter().filter(move |key| of_part(key).metric == metric);
    let damaged = hours(0).next().unwrap();
    house.disk.damage(Cf::Hours, &damaged);
    let everything = Deletion { account: "acme".to_owned(), ..Deletion::default() };
    append_blocking(&*house.log, encode_delete(Delete { deletions: vec![everything] })).unwrap();
    wait("the purge", || keys(&house.disk, Cf::Pages).len() == 1);
    upkeep.shutdown();
    assert_eq!(keys(&house.disk, Cf::Pages), [damaged]);
    assert_eq!(keys(&house.disk, Cf::Hours), Vec::<Vec<u8>>::new());
}

fn of_part(key: &[u8]) -> PartKey {
    PartKey::from_bytes(key).unwrap()
}
