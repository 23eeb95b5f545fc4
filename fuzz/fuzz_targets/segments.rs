//! Any bytes as a segment of a log, as they are and with good checksums: an open finds records in order or refuses, and
//! what it has opened it can read to the end, append to, and open again.
#![no_main]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use partition_log::disk::MemoryDisk;
use partition_log::{EmbeddedLog, LogConfig, OpenError, Opened, PartitionLog as _, append_blocking};
use sluice_fuzz::mended_segment;

/// Where a header says its first record.
const BASE: std::ops::Range<usize> = 16..24;

fuzz_target!(|data: &[u8]| {
    for segment in [data, &mended_segment(data)] {
        let base = segment.get(BASE).and_then(<[u8]>::as_array).map_or(0, |base| u64::from_le_bytes(*base));
        let disk = MemoryDisk::new();
        disk.put(&Path::new("/log").join(format!("{base:020}.log")), segment.to_vec());
        let Ok(Opened { log, report }) = open(&disk) else { continue };
        assert!(report.start <= report.end);
        let (mut next, mut records) = (report.start, Vec::new());
        while next < report.end {
            let entries =
                log.read(next, 1 << 20, Duration::ZERO).expect("what was found at the open is read");
            entries.iter().for_each(|entry| {
                assert_eq!(entry.offset, next);
                next += 1;
            });
            records.extend(entries);
        }
        if report.end < u64::MAX {
            assert_eq!(append_blocking(&log, "one more".into()), Ok(report.end));
            drop(log);
            let again = open(&disk).expect("what a log has written is opened");
            assert_eq!(again.report.records(), records.len() as u64 + 1);
            assert_eq!(again.report.torn_bytes_cut, 0);
        }
    }
});

fn open(disk: &MemoryDisk) -> Result<Opened, OpenError> {
    EmbeddedLog::open_on(Arc::new(disk.clone()), "/log", LogConfig::default())
}
