//! Any history of appends, reads, releases and restarts, against a log that is slow and obviously right: a list.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partition_log::disk::MemoryDisk;
use partition_log::{
    EmbeddedLog, LogConfig, MemoryLog, PartitionLog, ReadError, ReleaseError, append_blocking,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Append { bytes: usize },
    Read { from: u64, bytes_max: usize },
    Release { before: u64 },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..400usize).prop_map(|bytes| Step::Append { bytes }),
        4 => (0..70u64, 0..2_000usize).prop_map(|(from, bytes_max)| Step::Read { from, bytes_max }),
        1 => (0..70u64).prop_map(|before| Step::Release { before }),
        1 => Just(Step::Reopen),
    ]
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes_max: 1_500,
        group_bytes_max: 500,
        tail_bytes_max: 700,
        index_every_bytes: 200,
        ..LogConfig::default()
    }
}

/// One step on `log`; `list` holds all records ever appended.
fn walk(log: &dyn PartitionLog, list: &mut Vec<Bytes>, step: &Step) -> Result<(), TestCaseError> {
    let (start, end) = (log.start(), list.len() as u64);
    prop_assert_eq!(log.end(), end);
    match *step {
        Step::Append { bytes } => {
            let record = Bytes::from(vec![end as u8; bytes]);
            prop_assert_eq!(append_blocking(log, record.clone()), Ok(end));
            list.push(record);
        }
        Step::Read { from, bytes_max } => match log.read(from, bytes_max, Duration::ZERO) {
            Ok(read) => {
                prop_assert!(start <= from && from <= end);
                prop_assert_eq!(read.is_empty(), from == end);
                let bytes: usize = read.iter().map(|entry| entry.record.len()).sum();
                prop_assert!(read.len() <= 1 || bytes <= bytes_max);
                for (offset, entry) in (from..).zip(&read) {
                    prop_assert_eq!((entry.offset, &entry.record), (offset, &list[offset as usize]));
                }
            }
            Err(ReadError::Expired { .. }) => prop_assert!(from < start),
            Err(ReadError::BeyondEnd { .. }) => prop_assert!(from > end),
            Err(other) => prop_assert!(false, "{}", other),
        },
        Step::Release { before } => match log.release(before) {
            Ok(()) => prop_assert!(start <= log.start() && log.start() <= before.max(start)),
            Err(ReleaseError::BeyondEnd { .. }) => prop_assert!(before > end),
            Err(other) => prop_assert!(false, "{}", other),
        },
        Step::Reopen => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_log_is_a_list(steps in prop::collection::vec(step(), 1..120)) {
        let (disk, mut list) = (Arc::new(MemoryDisk::new()), Vec::new());
        let open = || EmbeddedLog::open_on(disk.clone(), Path::new("/log"), config()).unwrap();
        let mut log = open().log;
        for step in &steps {
            walk(&log, &mut list, step)?;
            if matches!(step, Step::Reopen) {
                let start = log.start();
                drop(log);
                let opened = open();
                prop_assert_eq!((opened.report.start, opened.report.end), (start, list.len() as u64));
                prop_assert_eq!(opened.report.torn_bytes_cut, 0);
                log = opened.log;
            }
        }
    }

    #[test]
    fn the_log_in_memory_is_a_list(steps in prop::collection::vec(step(), 1..120)) {
        let (log, mut list) = (MemoryLog::new(), Vec::new());
        for step in &steps {
            walk(&log, &mut list, step)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    /// Records of all sizes around the megabyte that is read from the disk at once.
    #[test]
    fn a_read_from_the_disk_crosses_its_chunks(
        sizes in prop::collection::vec(prop_oneof![0..60_000usize, 1_040_000..1_060_000usize], 1..25), // all of them fit into the queue
        from in 0..25usize,
    ) {
        let disk = Arc::new(MemoryDisk::new());
        let open = || EmbeddedLog::open_on(disk.clone(), Path::new("/log"), LogConfig::default()).unwrap().log;
        let log = open();
        for (n, size) in sizes.iter().enumerate() {
            log.append(Bytes::from(vec![n as u8; *size]), Box::new(|acked| assert!(acked.is_ok())));
        }
        drop(log);
        let from = from % sizes.len();
        let read = open().read(from as u64, usize::MAX, Duration::ZERO).unwrap();
        prop_assert_eq!(read.len(), sizes.len() - from);
        for (n, entry) in (from..).zip(read) {
            prop_assert_eq!(entry.record.len(), sizes[n]);
            prop_assert!(entry.record.iter().all(|byte| *byte == n as u8));
        }
    }
}
