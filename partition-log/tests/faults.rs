//! What a log does on a disk that fails: it stops once and for good, says why, and opens again without a loss. A full
//! disk is no failed one: the log refuses what has no place and goes on when there is room.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use partition_log::disk::{Fault, MemoryDisk, Op};
use partition_log::limits::RECORD_BYTES_MAX;
use partition_log::{
    AppendError, EmbeddedLog, LogConfig, OpenError, PartitionLog, ReadError, ReleaseError, append_async,
    append_blocking,
};

const EIO: Fault = Fault::Errno(5);
const ENOSPC: Fault = Fault::Errno(28);

fn config() -> LogConfig {
    LogConfig { segment_bytes_max: 400, group_bytes_max: 100, tail_bytes_max: 0, ..LogConfig::default() }
}

fn open(disk: &MemoryDisk) -> EmbeddedLog {
    try_open(disk).unwrap()
}

fn try_open(disk: &MemoryDisk) -> Result<EmbeddedLog, OpenError> {
    EmbeddedLog::open_on(Arc::new(disk.clone()), Path::new("/log"), config()).map(|opened| opened.log)
}

fn record(n: u64) -> Bytes {
    Bytes::from(format!("record {n:10}, padded to fifty bytes ............"))
}

fn records(log: &dyn PartitionLog) -> Vec<u64> {
    let mut read = Vec::new();
    loop {
        let more = log.read(log.start() + read.len() as u64, 1_000, Duration::ZERO).unwrap();
        if more.is_empty() {
            return read;
        }
        more.iter().for_each(|entry| assert_eq!(entry.record, record(entry.offset)));
        read.extend(more.iter().map(|entry| entry.offset));
    }
}

/// Appends until the fault strikes, and checks all that is promised afterwards.
#[track_caller]
fn check_stops(op: Op, skip: u32, fault: Fault) {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    disk.fail(op, skip, fault);
    let acked = (0..100).take_while(|n| append_blocking(&log, record(*n)).is_ok()).count() as u64;
    assert!(acked < 100, "the fault never struck");

    let Err(AppendError::Stopped(reason)) = append_blocking(&log, record(acked)) else {
        panic!("it was tried again")
    };
    assert!(reason.starts_with(&format!("the disk failed at record {acked}: ")), "{reason}");
    assert_eq!(log.stopped(), Some(reason));
    assert!(records(&log).into_iter().eq(0..acked), "what is durable stays readable");
    assert_eq!(log.end(), acked);

    let lost = disk.power_loss_with_seed(u64::from(skip));
    drop(log);
    for after in [disk, lost] {
        let log = open(&after);
        let read = records(&log);
        assert!(read.len() as u64 >= acked, "lost an acked record: {read:?}");
        let next = read.len() as u64;
        assert_eq!(append_blocking(&log, record(next)), Ok(next));
        // What the second life acked survives a power loss too, whatever the failed sync left in the cache.
        let read = records(&open(&after.power_loss_keeping_synced()));
        assert!(read.into_iter().eq(0..=next));
    }
}

#[test]
fn a_failed_write_stops_the_log() {
    for skip in [0, 1, 7, 20] {
        check_stops(Op::Write, skip, EIO);
    }
}

#[test]
fn a_failed_sync_stops_the_log() {
    for skip in [0, 1, 7, 20] {
        check_stops(Op::Sync, skip, EIO);
        check_stops(Op::Sync, skip, ENOSPC);
    }
}

#[test]
fn a_failed_new_segment_stops_the_log() {
    check_stops(Op::Create, 0, EIO);
    check_stops(Op::Create, 2, EIO);
    check_stops(Op::SyncDir, 0, EIO);
}

#[test]
fn short_writes_and_reads_are_finished() {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    for (n, most) in [1, 10, 69].into_iter().enumerate() {
        disk.fail(Op::Write, 0, Fault::Short(most));
        assert_eq!(append_blocking(&log, record(n as u64)), Ok(n as u64));
    }
    drop(log);
    disk.fail(Op::Read, 0, Fault::Short(3));
    let log = open(&disk);
    disk.fail(Op::Read, 0, Fault::Short(30));
    assert_eq!(records(&log), [0, 1, 2]);
}

#[test]
fn a_full_disk_leaves_a_log_that_opens() {
    for bytes_max in 24..1_200 {
        let disk = MemoryDisk::new();
        disk.set_bytes_max(bytes_max);
        let log = open(&disk);
        let acked = (0..100).take_while(|n| append_blocking(&log, record(*n)).is_ok()).count();
        drop(log);
        disk.set_bytes_max(10_000);
        let log = open(&disk);
        assert_eq!(records(&log).len(), acked, "room for {bytes_max}");
        assert_eq!(append_blocking(&log, record(acked as u64)), Ok(acked as u64));
    }
}

/// The log refuses one record for want of room and takes it at the second try; power may go at any moment.
#[track_caller]
fn check_goes_on(op: Op, skip: u32, torn: &[usize]) {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    torn.iter().for_each(|bytes| disk.fail(op, skip, Fault::Short(*bytes)));
    disk.fail(op, skip, ENOSPC);
    let acked = (0..100).take_while(|n| append_blocking(&log, record(*n)).is_ok()).count() as u64;
    assert!(acked < 100, "the fault never struck");
    let why = log.stopped().unwrap();
    assert!(why.contains("free space on the disk of /log"), "{why}");
    for seed in 0..20 {
        assert!(records(&open(&disk.power_loss_with_seed(seed))).into_iter().eq(0..acked), "seed {seed}");
    }
    for n in acked..acked + 20 {
        assert_eq!(append_blocking(&log, record(n)), Ok(n), "the second try");
        assert_eq!(log.stopped(), None);
        for seed in 0..5 {
            assert!(records(&open(&disk.power_loss_with_seed(seed))).into_iter().eq(0..=n), "seed {seed}");
        }
    }
    assert!(records(&log).into_iter().eq(0..acked + 20));
}

#[test]
fn without_room_a_record_is_refused_and_the_log_goes_on() {
    for skip in [0, 1, 5, 7, 20] {
        check_goes_on(Op::Write, skip, &[]);
        check_goes_on(Op::Write, skip, &[33]);
    }
    for skip in [0, 1, 2] {
        check_goes_on(Op::Create, skip, &[]);
    }
}

#[test]
fn a_full_disk_that_is_emptied_takes_all_that_comes_then() {
    for bytes_max in 24..1_200 {
        let disk = MemoryDisk::new();
        disk.set_bytes_max(bytes_max);
        let log = open(&disk);
        let acked = (0..100).take_while(|n| append_blocking(&log, record(*n)).is_ok()).count() as u64;
        let refused = append_blocking(&log, record(acked)).unwrap_err();
        assert!(matches!(refused, AppendError::NoRoom(_)), "{refused}");
        disk.set_bytes_max(10_000);
        for n in acked..acked + 20 {
            assert_eq!(append_blocking(&log, record(n)), Ok(n), "room for {bytes_max}");
        }
        let lost = disk.power_loss_keeping_synced();
        for disk in [disk, lost] {
            assert!(records(&open(&disk)).into_iter().eq(0..acked + 20), "room for {bytes_max}");
        }
    }
}

#[test]
fn what_had_no_room_and_could_not_be_undone_stops_the_log() {
    for (op, undo) in [(Op::Write, Op::Truncate), (Op::Write, Op::Sync), (Op::Create, Op::SyncDir)] {
        let disk = MemoryDisk::new();
        let log = open(&disk);
        append_blocking(&log, record(0)).unwrap();
        disk.fail(op, 0, ENOSPC);
        if op == Op::Create {
            (1..5).for_each(|n| assert_eq!(append_blocking(&log, record(n)), Ok(n), "the first segment"));
        }
        disk.fail(undo, 0, EIO);
        let refused = append_blocking(&log, record(5)).unwrap_err();
        assert!(matches!(refused, AppendError::Stopped(_)), "{op:?} {undo:?}: {refused}");
        assert!(log.stopped().unwrap().starts_with("the disk failed at record"));
    }
}

#[test]
fn a_torn_write_that_could_not_be_cut_is_cut_at_the_next_open() {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    append_blocking(&log, record(0)).unwrap();
    disk.fail(Op::Write, 0, Fault::Short(33));
    disk.fail(Op::Write, 0, ENOSPC);
    disk.fail(Op::Truncate, 0, EIO);
    disk.fail(Op::Truncate, 0, EIO);
    append_blocking(&log, record(1)).unwrap_err();
    drop(log);
    let opened = EmbeddedLog::open_on(Arc::new(disk), Path::new("/log"), config()).unwrap();
    assert_eq!((opened.report.records(), opened.report.torn_bytes_cut), (1, 33));
}

#[test]
fn a_failed_read_is_an_error_and_the_next_one_works() {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    append_blocking(&log, record(0)).unwrap();
    disk.fail(Op::Read, 0, EIO);
    let read = log.read(0, 1, Duration::ZERO);
    assert!(matches!(&read, Err(ReadError::Io { .. })), "{read:?}");
    assert_eq!(records(&log), [0]);
}

#[test]
fn an_open_on_a_bad_disk_is_an_error() {
    let disk = MemoryDisk::new();
    append_blocking(&open(&disk), record(0)).unwrap();
    for op in [Op::Read, Op::Sync, Op::SyncDir] {
        disk.fail(op, 0, EIO);
        assert!(matches!(try_open(&disk), Err(OpenError::Io { .. })), "{op:?}");
    }
    assert_eq!(records(&open(&disk)), [0]);
}

#[test]
fn a_failed_release_leaves_no_gap() {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    (0..40).for_each(|n| assert_eq!(append_blocking(&log, record(n)), Ok(n)));
    disk.fail(Op::Remove, 1, EIO);
    assert!(matches!(log.release(40), Err(ReleaseError::Io { .. })));
    let start = log.start();
    assert!(start > 0 && records(&log).into_iter().eq(start..40));
    for seed in 0..20 {
        let log = open(&disk.power_loss_with_seed(seed));
        assert!(records(&log).into_iter().eq(start..40));
    }
    log.release(40).unwrap();
    assert!(log.start() > start && log.end() == 40);
}

#[test]
fn power_may_go_during_a_release() {
    let disk = MemoryDisk::new();
    let log = open(&disk);
    (0..40).for_each(|n| assert_eq!(append_blocking(&log, record(n)), Ok(n)));
    disk.fail(Op::SyncDir, 2, EIO);
    log.release(40).unwrap_err();
    for seed in 0..50 {
        let log = open(&disk.power_loss_with_seed(seed));
        assert!(records(&log).into_iter().eq(log.start()..40), "seed {seed}");
    }
}

// === the queue ===

/// A log whose committer is held inside an ack until the sender is used or dropped.
fn held(config: LogConfig) -> (EmbeddedLog, mpsc::Sender<()>) {
    let disk = Arc::new(MemoryDisk::new());
    let log = EmbeddedLog::open_on(disk, Path::new("/log"), config).unwrap().log;
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel();
    let holding = move |_| {
        enter.send(()).unwrap();
        left.recv().ok();
    };
    log.append(record(0), Box::new(holding));
    entered.recv().unwrap();
    (log, leave)
}

#[test]
fn a_full_queue_refuses_by_name() {
    let (log, leave) = held(LogConfig { queue_records_max: 3, ..LogConfig::default() });
    let waiting: Vec<_> = (1..4).map(|n| append_async(&log, record(n))).collect();
    let refused = append_blocking(&log, record(4)).unwrap_err();
    assert!(matches!(refused, AppendError::Full { records: 3, records_max: 3, .. }), "{refused}");
    drop(leave);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (offset, waiting) in (1..).zip(waiting) {
        assert_eq!(runtime.block_on(waiting), Ok(offset));
    }
    assert_eq!(append_blocking(&log, record(4)), Ok(4), "there is room again");
}

#[test]
fn a_queue_full_of_bytes_refuses_by_name() {
    let (log, _leave) = held(LogConfig { queue_bytes_max: RECORD_BYTES_MAX, ..LogConfig::default() });
    log.append(Bytes::from(vec![0; RECORD_BYTES_MAX]), Box::new(drop));
    let refused = append_blocking(&log, Bytes::from_static(b"x")).unwrap_err();
    let (bytes, bytes_max) = (RECORD_BYTES_MAX, RECORD_BYTES_MAX);
    assert_eq!(refused, AppendError::Full { records: 1, bytes, records_max: 1_024, bytes_max });
    assert_eq!(
        refused.to_string(),
        "log queue is full: 1 records, 16777216 bytes wait to be durable (limits 1024, 16777216); try again later"
    );
}

#[test]
fn closing_makes_durable_what_waits_and_refuses_what_comes() {
    let (log, leave) = held(LogConfig::default());
    let waiting: Vec<_> = (1..100).map(|n| append_async(&log, record(n))).collect();
    drop(leave);
    log.close();
    assert_eq!(append_blocking(&log, record(0)), Err(AppendError::Stopped("it is closed".to_owned())));
    assert_eq!(records(&log).len(), 100);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (offset, waiting) in (1..).zip(waiting) {
        assert_eq!(runtime.block_on(waiting), Ok(offset));
    }
    log.close();
}

#[test]
fn the_last_handle_may_go_in_an_ack() {
    let log = Arc::new(open(&MemoryDisk::new()));
    let (tell, told) = mpsc::channel();
    let handle = log.clone();
    let (enter, entered) = mpsc::channel::<()>();
    let ack = move |acked| {
        entered.recv().ok();
        drop(handle);
        tell.send(acked).unwrap();
    };
    log.append(record(0), Box::new(ack));
    drop(log);
    drop(enter);
    assert_eq!(told.recv(), Ok(Ok(0)));
}

#[test]
fn an_ack_that_panics_stops_the_log_and_leaves_nobody_waiting() {
    let log = open(&MemoryDisk::new());
    log.append(record(0), Box::new(|_| panic!("a bug of the sender")));
    // Refused by name, or dropped with the group that the panic cut short; never left waiting.
    let refused = (1..100).map(|n| append_blocking(&log, record(n))).find(Result::is_err);
    assert!(matches!(refused, Some(Err(AppendError::Stopped(_)))), "{refused:?}");
    assert!(records(&log).starts_with(&[0]), "what is durable stays readable");
}

#[test]
fn limits_that_cannot_work_are_refused() {
    let refuse = |config, field| {
        let opened = EmbeddedLog::open_on(Arc::new(MemoryDisk::new()), Path::new("/log"), config);
        assert!(matches!(opened, Err(OpenError::Config { field: named, .. }) if named == field), "{field}");
    };
    refuse(LogConfig { queue_records_max: 0, ..config() }, "queue_records_max");
    refuse(LogConfig { queue_bytes_max: RECORD_BYTES_MAX - 1, ..config() }, "queue_bytes_max");
    refuse(LogConfig { group_bytes_max: 401, ..config() }, "group_bytes_max");
    refuse(LogConfig { segment_bytes_max: 2 << 30, ..config() }, "segment_bytes_max");
}
