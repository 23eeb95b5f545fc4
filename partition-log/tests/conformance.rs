//! The suite for every log, on every log there is.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::path::PathBuf;
use std::sync::Arc;

use partition_log::conformance::{Fixture, run};
use partition_log::disk::{Disk, MemoryDisk, RealDisk};
use partition_log::{EmbeddedLog, Faults, FaultyLog, LogConfig, MemoryLog, PartitionLog};

struct InMemory(Arc<dyn PartitionLog>);

impl Fixture for InMemory {
    fn log(&self) -> Arc<dyn PartitionLog> {
        self.0.clone()
    }
    fn reopen(&mut self) {}
}

struct Embedded {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    config: LogConfig,
    log: Option<Arc<EmbeddedLog>>,
    _keeps_the_directory: Option<tempfile::TempDir>,
}

impl Embedded {
    fn new(disk: Arc<dyn Disk>, dir: PathBuf, config: LogConfig) -> Self {
        let mut fixture = Self { disk, dir, config, log: None, _keeps_the_directory: None };
        fixture.open();
        fixture
    }

    fn open(&mut self) {
        let opened = EmbeddedLog::open_on(self.disk.clone(), &self.dir, self.config.clone()).unwrap();
        assert_eq!(opened.report.torn_bytes_cut, 0, "an orderly close leaves no torn tail");
        self.log = Some(Arc::new(opened.log));
    }
}

impl Fixture for Embedded {
    fn log(&self) -> Arc<dyn PartitionLog> {
        self.log.clone().unwrap()
    }
    fn reopen(&mut self) {
        let log = self.log.take().unwrap();
        assert_eq!(Arc::strong_count(&log), 1, "the suite gave every handle back");
        drop(log);
        self.open();
    }
}

/// Everything small, so that segments roll, reads leave the memory, and the index has many places.
fn small() -> LogConfig {
    LogConfig {
        segment_bytes_max: 2_000,
        group_bytes_max: 300,
        tail_bytes_max: 500,
        index_every_bytes: 100,
        ..LogConfig::default()
    }
}

fn on_this_machine(config: LogConfig) -> Box<dyn Fixture> {
    let keep = tempfile::tempdir().unwrap();
    let mut fixture = Embedded::new(Arc::new(RealDisk), keep.path().join("a/log"), config);
    fixture._keeps_the_directory = Some(keep);
    Box::new(fixture)
}

#[test]
fn memory() {
    run(|| Box::new(InMemory(Arc::new(MemoryLog::new()))));
}

#[test]
fn faulty_without_faults() {
    run(|| Box::new(InMemory(Arc::new(FaultyLog::new(MemoryLog::new(), Faults::NONE, 1)))));
}

#[test]
fn embedded_with_small_segments() {
    // Larger than in memory, for each group and each segment is a sync of a real disk.
    let config = LogConfig { segment_bytes_max: 32_000, group_bytes_max: 8_000, ..small() };
    run(|| on_this_machine(config.clone()));
}

#[test]
fn embedded_as_configured() {
    // Only segment and group are smaller, so that the suite's release finds a segment to free.
    let config =
        LogConfig { segment_bytes_max: 256 << 10, group_bytes_max: 64 << 10, ..LogConfig::default() };
    run(|| on_this_machine(config.clone()));
}

#[test]
fn embedded_on_a_disk_in_memory() {
    run(|| Box::new(Embedded::new(Arc::new(MemoryDisk::new()), "/log".into(), small())));
}
