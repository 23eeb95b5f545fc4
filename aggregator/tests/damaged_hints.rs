//! Saved hints on a real disk in which a bit has turned: made again, saved again, exact, and never met again.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail as its tests do, and say what they did"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use aggregator::{
    Clock, Island, IslandConfig, IslandHandle, IslandLimits, IslandState, IslandStatus, View, spawn,
};
use model::{Minute, MinuteRange};
use partition_log::{MemoryLog, append_blocking};
use store::{Batch, Cf, Columns, Kv, RocksKv, Scan, SlabColumns, StoreError};
use support::{TestRow, rows_record, seal_record};

/// Longer than any of this takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

const BASE: u32 = 60_000;
const MINUTES: u32 = 90;
const SERIES: u32 = 600;
/// A bit in each so many bytes is tried.
const STEP: usize = 1_500;
/// What a file's properties say of its family: the end of a name, and its value.
const OF_HINTS: &[u8] = b"namehints";

/// Long ago, so that nothing but the test seals.
struct NoTime;

impl Clock for NoTime {
    fn unix_millis(&self) -> u64 {
        0
    }

    fn monotonic_millis(&self) -> u64 {
        0
    }
}

#[test]
fn a_bit_that_turns_anywhere_in_the_saved_hints_stops_nothing() {
    let (dir, log) = written();
    let (copy, mut rebuilt, mut refused, mut tried) = (dir.path().join("copy"), 0, 0, 0);
    for file in files_of_hints(&dir.path().join("sound")) {
        let bytes = fs::read(&file).unwrap();
        for at in (0..bytes.len()).step_by(STEP) {
            tried += 1;
            copy_dir(&dir.path().join("sound"), &copy);
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(copy.join(file.file_name().unwrap()), bytes).unwrap();
            match RocksKv::open(&copy) {
                Ok(kv) => rebuilt += goes_on(kv, &log, &copy),
                // What RocksDB must read to open at all, its own frame of a file, is named by it.
                Err(why) => {
                    assert!(matches!(why, StoreError::Corrupt { .. }), "{why}");
                    refused += 1;
                }
            }
            fs::remove_dir_all(&copy).unwrap();
        }
    }
    println!("{tried} bits: {rebuilt} rebuilt, {refused} refused by RocksDB");
    assert!(rebuilt * 10 >= tried * 8 && rebuilt >= 5, "{rebuilt} of {tried} rebuilt, {refused} refused");
}

/// Starts, answers, seals, is compacted, seals, and starts again. Were the hints made again?
fn goes_on(kv: RocksKv, log: &[bytes::Bytes], dir: &Path) -> usize {
    let (kv, log) = (Arc::new(kv), Arc::new(log_of(log)));
    let island = start(&log, &kv);
    let rebuilt = wait(&island, |status| status.state == IslandState::Serving).hints_rebuilt;
    check(&island.view());
    for minute in BASE + MINUTES..BASE + MINUTES + 2 {
        append_blocking(&*log, rows_record(Some((7, 1, u64::from(minute))), &rows(minute))).unwrap();
        append_blocking(&*log, seal_record(minute)).unwrap();
        wait(&island, |status| status.sealed_through == Some(Minute(minute)));
        kv.reclaim(Cf::Hints, u32::from_be_bytes(*b"O\0\0\0")).unwrap();
        check(&island.view());
    }
    island.shutdown();
    drop((island, kv));
    let kv = Arc::new(RocksKv::open(dir).unwrap());
    let island = start(&log, &kv);
    assert_eq!(wait(&island, |status| status.state == IslandState::Serving).hints_rebuilt, 0);
    check(&island.view());
    island.shutdown();
    rebuilt as usize
}

/// Which series had data, by hints and look-ups as a query does, against what was sent.
#[track_caller]
fn check(view: &View) {
    let snapshot = view.disk.snapshot().unwrap();
    for (from, to) in [(0, 30), (17, 60), (0, 60), (60, MINUTES), (0, MINUTES), (89, 90)] {
        let range = MinuteRange::new(Minute(BASE + from), Minute(BASE + to));
        let mut had = BTreeSet::new();
        for (name, index) in view.hints.metrics("acme") {
            let mut active = index.select_active(&[], range);
            for minutes in active.look_up().to_vec() {
                let (metric, wanted) = (index.metric_id(), Columns::IDS);
                let scan = Scan { metric, minutes, step_minutes: 1, wanted, series: None };
                let each = &mut |batch: &Batch<'_>| {
                    batch.columns.ids().iter().for_each(|id| active.found(index.position_of(*id).unwrap()));
                    Ok(ControlFlow::Continue(()))
                };
                store::scan(snapshot, &scan, &mut SlabColumns::new(), each).unwrap();
            }
            let host = |position| index.dims_of(position).map(|(_, value)| value.to_owned()).collect();
            had.extend(active.finish().iter().map(|position| (name.to_owned(), host(position))));
        }
        let sent = (BASE + from..BASE + to).flat_map(rows);
        let sent: BTreeSet<(String, String)> =
            sent.map(|row| (support::metric_of(row.series).to_owned(), row.series.to_string())).collect();
        assert_eq!(had, sent, "{from}..{to}");
    }
}

/// Half of the series in each minute, other ones each quarter of an hour, and ever more.
fn rows(minute: u32) -> Vec<TestRow> {
    let quarter = minute / 15;
    let series = (0..SERIES * (minute - BASE + 10) / MINUTES).filter(|one| (one * 7 + quarter) % 4 < 2);
    series.map(|series| TestRow { series, minute, value: 1.0 }).collect()
}

/// A store whose hints lie in files, and the log that it is of.
fn written() -> (tempfile::TempDir, Vec<bytes::Bytes>) {
    let dir = tempfile::tempdir().unwrap();
    let (sound, mut log) = (dir.path().join("sound"), Vec::new());
    let mut island = Island::new(IslandLimits::DEFAULT);
    let kv = RocksKv::open(&sound).unwrap();
    for minute in BASE..BASE + MINUTES {
        log.push(rows_record(Some((7, 1, u64::from(minute))), &rows(minute)));
        log.push(seal_record(minute));
        for record in &log[log.len() - 2..] {
            let applied = island.apply(island.position(), record).unwrap();
            applied.checkpoint.into_iter().for_each(|checkpoint| kv.commit(checkpoint.batch).unwrap());
        }
    }
    drop(kv);
    drop(RocksKv::open(&sound).unwrap()); // what was in the write-ahead log becomes files
    (dir, log)
}

fn log_of(records: &[bytes::Bytes]) -> MemoryLog {
    let log = MemoryLog::new();
    for record in records {
        append_blocking(&log, record.clone()).unwrap();
    }
    log
}

fn start(log: &Arc<MemoryLog>, kv: &Arc<RocksKv>) -> IslandHandle {
    let config = IslandConfig {
        partition: 0,
        grace_ms: 5_000,
        late_rows_max: 1_000,
        limits: IslandLimits::DEFAULT,
        clock: Arc::new(NoTime),
    };
    spawn(config, Arc::clone(log) as _, Arc::clone(kv) as _)
}

#[track_caller]
fn wait(island: &IslandHandle, until: impl Fn(&IslandStatus) -> bool) -> IslandStatus {
    let patience = Instant::now() + PATIENCE;
    loop {
        let status = island.status();
        if until(&status) {
            return status;
        }
        assert!(status.state != IslandState::Failed && Instant::now() < patience, "{status:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn files_of_hints(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let is_of_hints = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "sst")
            && fs::read(path).unwrap().windows(OF_HINTS.len()).any(|window| window == OF_HINTS)
    };
    files.filter(is_of_hints).collect()
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
