//! What an open makes of a log that was cut, flipped or torn: never a wrong record, never a lost ack.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use partition_log::disk::MemoryDisk;
use partition_log::{EmbeddedLog, LogConfig, OpenError, Opened, PartitionLog, ReadError, append_blocking};
use proptest::prelude::*;

const HEADER: usize = 24;
const FRAME_HEAD: usize = 20;

fn dir() -> &'static Path {
    Path::new("/log")
}

fn segment(base: u64) -> PathBuf {
    dir().join(format!("{base:020}.log"))
}

fn small() -> LogConfig {
    LogConfig {
        segment_bytes_max: 600,
        group_bytes_max: 200,
        tail_bytes_max: 100,
        index_every_bytes: 50,
        ..LogConfig::default()
    }
}

fn open(disk: &MemoryDisk, config: LogConfig) -> Result<Opened, OpenError> {
    EmbeddedLog::open_on(Arc::new(disk.clone()), dir(), config)
}

/// Record `n`: its length and its bytes differ from its neighbours'.
fn record(n: u64) -> Bytes {
    Bytes::from(vec![n as u8 + 1; 10 + (n as usize * 7) % 30])
}

/// A log of `count` records, each a group of its own, closed in order.
fn written(count: u64, config: LogConfig) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let log = open(&disk, config).unwrap().log;
    (0..count).for_each(|n| assert_eq!(append_blocking(&log, record(n)), Ok(n)));
    disk
}

/// One segment of six records, and where each of them ends.
fn one_segment() -> (Vec<u8>, Vec<usize>) {
    let content = written(6, LogConfig::default()).content(&segment(0)).unwrap();
    let ends = (0..6).scan(HEADER, |end, n| {
        *end += FRAME_HEAD + record(n).len();
        Some(*end)
    });
    (content, ends.collect())
}

fn disk_with(base: u64, content: Vec<u8>) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.put(&segment(base), content);
    disk
}

/// All records from the start, or the first error.
fn read_all(log: &dyn PartitionLog) -> Result<Vec<Bytes>, ReadError> {
    let mut read = Vec::new();
    loop {
        let more = log.read(log.start() + read.len() as u64, 60, Duration::ZERO)?;
        if more.is_empty() {
            return Ok(read);
        }
        read.extend(more.into_iter().map(|entry| entry.record));
    }
}

fn is_prefix(read: &[Bytes]) -> bool {
    read.iter().enumerate().all(|(n, bytes)| *bytes == record(n as u64))
}

// === cut ===

#[test]
fn every_prefix_of_a_file_gives_all_records_that_fit() {
    let (content, ends) = one_segment();
    for length in 0..=content.len() {
        let disk = disk_with(0, content[..length].to_vec());
        let Opened { log, report } = open(&disk, LogConfig::default()).unwrap();
        let fit = ends.iter().filter(|end| **end <= length).count();
        let read = read_all(&log).unwrap();
        assert!(read.len() == fit && is_prefix(&read), "length {length}: {} records", read.len());
        let good = if fit == 0 { HEADER.min(length) } else { ends[fit - 1] };
        let torn = if length < HEADER { length } else { length - good };
        assert_eq!(report.torn_bytes_cut, torn as u64, "length {length}");
        assert_eq!(report.torn_file.is_some(), torn > 0);

        assert_eq!(append_blocking(&log, record(fit as u64)), Ok(fit as u64), "offsets go on");
        drop(log);
        let again = open(&disk, LogConfig::default()).unwrap();
        assert_eq!((again.report.records(), again.report.torn_bytes_cut), (fit as u64 + 1, 0));
        assert!(is_prefix(&read_all(&again.log).unwrap()));
    }
}

#[test]
fn zeros_behind_the_last_record_are_a_torn_tail() {
    let (content, _) = one_segment();
    for zeros in [1, FRAME_HEAD, 4_096] {
        let mut longer = content.clone();
        longer.resize(content.len() + zeros, 0);
        let Opened { log, report } = open(&disk_with(0, longer), LogConfig::default()).unwrap();
        assert_eq!((report.records(), report.torn_bytes_cut), (6, zeros as u64));
        assert_eq!(read_all(&log).unwrap().len(), 6);
    }
}

#[test]
fn a_closed_segment_that_was_cut_is_damaged() {
    let disk = written(40, small());
    let first = disk.content(&segment(0)).unwrap();
    for length in HEADER..first.len() {
        disk.put(&segment(0), first[..length].to_vec());
        let log = open(&disk, small()).unwrap().log;
        let read = read_all(&log);
        assert!(
            matches!(&read, Err(ReadError::Damaged { file, .. }) if *file == segment(0)),
            "{length}: {read:?}"
        );
    }
}

#[test]
fn a_segment_that_is_missing_in_the_middle_is_damage() {
    let disk = written(60, small());
    let paths = disk.paths();
    assert!(paths.len() >= 3);
    let without = MemoryDisk::new();
    for path in paths.iter().filter(|path| **path != paths[1]) {
        without.put(path, disk.content(path).unwrap());
    }
    let log = open(&without, small()).unwrap().log;
    assert!(matches!(read_all(&log), Err(ReadError::Damaged { file, .. }) if file == paths[0]));
}

// === flip ===

#[test]
fn a_flipped_bit_is_damage_or_cuts_the_last_group() {
    let (content, ends) = one_segment();
    for bit in 0..content.len() * 8 {
        let mut flipped = content.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let opened = open(&disk_with(0, flipped), LogConfig::default());
        match (bit / 8, opened) {
            (byte, Ok(Opened { log, report })) => {
                assert!(byte >= ends[4], "bit {bit} lies in durable data, yet the log opened");
                let read = read_all(&log).unwrap();
                assert!(read.len() == 5 && is_prefix(&read) && report.torn_bytes_cut > 0, "bit {bit}");
            }
            (byte, Err(OpenError::Damaged { file, position, .. })) => {
                let start = ends.iter().rfind(|end| **end <= byte).copied().unwrap_or(HEADER);
                let expected = if byte < HEADER { 0 } else { start as u64 };
                assert_eq!((file, position), (segment(0), expected), "bit {bit}");
            }
            (8..12, Err(OpenError::NewerFormat { supported: 1, .. })) => {}
            (_, Err(other)) => panic!("bit {bit}: {other}"),
        }
    }
}

#[test]
fn a_flipped_bit_in_a_closed_segment_is_never_a_wrong_record() {
    let disk = written(40, small());
    let first = disk.content(&segment(0)).unwrap();
    for bit in 0..first.len() * 8 {
        let mut flipped = first.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        disk.put(&segment(0), flipped);
        match open(&disk, small()) {
            Err(OpenError::Damaged { file, .. } | OpenError::NewerFormat { file, .. }) => {
                assert!(bit / 8 < HEADER && file == segment(0), "bit {bit}");
            }
            Err(other) => panic!("bit {bit}: {other}"),
            Ok(Opened { log, .. }) => {
                let read = read_all(&log);
                let is_named = matches!(&read, Err(ReadError::Damaged { file, .. }) if *file == segment(0));
                assert!(is_named, "bit {bit}: {read:?}");
            }
        }
    }
}

#[test]
fn damage_among_what_is_checkpointed_is_passed_over_and_said() {
    let (content, ends) = one_segment();
    for bit in (HEADER * 8..ends[4] * 8).step_by(5) {
        let mut flipped = content.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let damaged = ends.iter().position(|end| bit / 8 < *end).unwrap() as u64;
        for needed_from in 0..=6 {
            let config = LogConfig { needed_from, ..LogConfig::default() };
            let disk = disk_with(0, flipped.clone());
            match open(&disk, config.clone()) {
                Ok(Opened { log, report }) => {
                    assert!(
                        damaged < needed_from,
                        "bit {bit}: record {damaged} of those from {needed_from} on"
                    );
                    let [hole] = &report.passed_over[..] else { panic!("{report:?}") };
                    assert_eq!((hole.from, hole.to, report.start), (damaged, damaged + 1, damaged + 1));
                    assert!(matches!(log.read(damaged, 60, Duration::ZERO), Err(ReadError::Expired { .. })));
                    assert_eq!(append_blocking(&log, record(6)), Ok(6));
                    drop(log);
                    let again = open(&disk, config).unwrap();
                    assert_eq!((again.report.start, again.report.end), (damaged + 1, 7));
                    let expected: Vec<Bytes> = (damaged + 1..7).map(record).collect();
                    assert_eq!(read_all(&again.log).unwrap(), expected, "bit {bit}");
                }
                Err(OpenError::Damaged { position, reason, .. }) => {
                    assert!(damaged >= needed_from, "bit {bit}: {reason}");
                    assert_eq!(position, ends[..damaged as usize].last().map_or(HEADER, |end| *end) as u64);
                    assert!(reason.contains(&format!("record {damaged}: ")), "{reason}");
                }
                Err(other) => panic!("bit {bit}: {other}"),
            }
        }
    }
}

#[test]
fn each_damage_before_what_is_needed_is_said() {
    let (mut content, ends) = one_segment();
    for damaged in [1, 2, 4] {
        content[ends[damaged] - 1] ^= 1;
    }
    let opened = |needed_from| {
        let config = LogConfig { needed_from, ..LogConfig::default() };
        open(&disk_with(0, content.clone()), config)
            .map(|opened| opened.report.passed_over.iter().map(|hole| hole.from..hole.to).collect::<Vec<_>>())
    };
    assert_eq!(opened(5).unwrap(), [1..3, 4..5]);
    let why = opened(4).unwrap_err().to_string();
    assert!(why.contains("record 4: ") && why.contains(&format!("byte {}", ends[3])), "{why}");
}

#[test]
fn a_newer_format_is_named() {
    let (mut content, _) = one_segment();
    content[8] = 2;
    let error = open(&disk_with(0, content), LogConfig::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/log/00000000000000000000.log: has format version 2, this program reads up to 1; use the newer program"
    );
}

#[test]
fn a_segment_under_a_wrong_name_is_refused() {
    let (content, _) = one_segment();
    let error = open(&disk_with(9, content), LogConfig::default()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { position: 0, .. }), "{error}");
}

// === power loss ===

/// What the senders were told, and the disk at that moment if the power then went.
type Promises = Arc<Mutex<Vec<(u64, Bytes, MemoryDisk)>>>;

fn append_watched(log: &dyn PartitionLog, disk: &MemoryDisk, promises: &Promises, record: Bytes) {
    let (disk, promises, kept) = (disk.clone(), promises.clone(), record.clone());
    let ack = move |acked: Result<u64, _>| {
        if let Ok(offset) = acked {
            promises.lock().push((offset, kept, disk.power_loss_keeping_synced()));
        }
    };
    log.append(record, Box::new(ack));
}

#[test]
fn no_ack_comes_before_the_sync() {
    let (disk, promises) = (MemoryDisk::new(), Promises::default());
    let log = open(&disk, small()).unwrap().log;
    (0..40).for_each(|n| append_watched(&log, &disk, &promises, record(n)));
    log.close();
    let promises = std::mem::take(&mut *promises.lock());
    assert_eq!(promises.len(), 40);
    for (at, (offset, record, disk)) in promises.iter().enumerate() {
        assert_eq!(at as u64, *offset, "acks come in the order of offsets");
        let read = read_all(&open(disk, small()).unwrap().log).unwrap();
        assert_eq!(read.get(at), Some(record), "acked, but gone with the power");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Runs, loses power in the middle, opens, and goes on, three times over.
    #[test]
    fn what_was_acked_survives_a_power_loss(
        seed: u64,
        lives in prop::collection::vec(prop::collection::vec(0..150usize, 0..25), 3),
    ) {
        let mut disk = MemoryDisk::new();
        let mut acked: Vec<(u64, Bytes)> = Vec::new();
        for (life, sizes) in lives.into_iter().enumerate() {
            let log = open(&disk, small()).unwrap().log;
            prop_assert_eq!(log.start(), 0);
            let (tell, told) = mpsc::channel();
            for (n, size) in sizes.iter().enumerate() {
                let record = Bytes::from(vec![(life * 50 + n) as u8; *size]);
                let (tell, kept) = (tell.clone(), record.clone());
                log.append(record, Box::new(move |acked| tell.send((acked.unwrap(), kept)).unwrap()));
            }
            // The power goes when some have been told, while the committer is somewhere in its work.
            let enough = (seed as usize + life * 7) % (sizes.len() + 1);
            acked.extend(told.iter().take(enough));
            let torn = disk.power_loss_with_seed(seed.wrapping_add(life as u64));
            log.close();
            disk = torn;

            let read = read_all(&open(&disk, small()).unwrap().log).unwrap();
            for (offset, record) in &acked {
                prop_assert_eq!(read.get(*offset as usize), Some(record), "offset {} was acked", offset);
            }
        }
    }

    /// A group of several records, synced never: any sectors of it may be there, with holes.
    #[test]
    fn a_group_with_holes_is_cut_and_not_called_damage(
        durable in 1..4u64,
        sizes in prop::collection::vec(0..3_000usize, 1..8),
        sectors in prop::collection::vec(any::<bool>(), 64),
    ) {
        let records: Vec<Bytes> = sizes.iter().map(|size| Bytes::from(vec![9; *size])).collect();
        let (before, after) = with_one_group(durable, &records);
        let mut torn = after.clone();
        for (sector, is_kept) in (0..after.len()).step_by(512).zip(sectors) {
            let (from, to) = (sector.max(before.len()), (sector + 512).min(after.len()));
            if !is_kept && from < to {
                torn[from..to].fill(0);
            }
        }
        let log = open(&disk_with(0, torn), LogConfig::default()).unwrap().log;
        let read = read_all(&log).unwrap();
        // The one that held the committer was synced too.
        let synced = durable as usize + 1;
        prop_assert!(read.len() >= synced && is_prefix(&read[..synced]));
        prop_assert!(read[synced..].iter().zip(&records).all(|(read, record)| read == record));
    }
}

/// The segment with `durable` records and one more, and the same with `records` behind them, written as one group.
fn with_one_group(durable: u64, records: &[Bytes]) -> (Vec<u8>, Vec<u8>) {
    let disk = written(durable, LogConfig::default());
    let before = disk.content(&segment(0)).unwrap();
    let log = open(&disk, LogConfig::default()).unwrap().log;
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    // While the committer is held in this ack, everything else comes to wait, and so becomes one group.
    let holding = move |_| {
        enter.send(()).unwrap();
        left.recv().unwrap();
    };
    log.append(record(durable), Box::new(holding));
    entered.recv().unwrap();
    records.iter().for_each(|record| log.append(record.clone(), Box::new(drop)));
    leave.send(()).unwrap();
    log.close();
    let after = disk.content(&segment(0)).unwrap();
    let held = before.len() + FRAME_HEAD + record(durable).len();
    (after[..held].to_vec(), after)
}
