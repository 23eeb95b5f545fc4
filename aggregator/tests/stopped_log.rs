//! A log that takes nothing more shows in the status at once, whatever the island has noticed of it.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use aggregator::{Clock, IslandConfig, IslandLimits, IslandState, spawn};
use partition_log::{Faults, FaultyLog, MemoryLog, PartitionLog};
use store::MemoryKv;

/// At 1970 no minute is complete, so that the island has nothing to append.
struct Stands;

impl Clock for Stands {
    fn unix_millis(&self) -> u64 {
        0
    }
}

#[test]
fn it_shows_before_the_island_appends_anything() {
    let log = Arc::new(FaultyLog::new(MemoryLog::new(), Faults::NONE, 1));
    let config = IslandConfig {
        partition: 0,
        grace_ms: 0,
        late_rows_max: 1,
        limits: IslandLimits::DEFAULT,
        clock: Arc::new(Stands),
    };
    let island = spawn(config, Arc::clone(&log) as Arc<dyn PartitionLog>, Arc::new(MemoryKv::new()));
    let patience = Instant::now() + Duration::from_secs(20);
    while !island.status().is_ready() {
        assert!(Instant::now() < patience, "the island does not serve: {:?}", island.status());
        thread::sleep(Duration::from_millis(1));
    }
    log.stop("the disk is gone");
    let status = island.status();
    assert!(!status.is_ready());
    assert_eq!(
        (status.state, status.name(), status.why()),
        (IslandState::Serving, "read-only", "the disk is gone")
    );
    island.shutdown();
    let status = island.status();
    assert_eq!((status.name(), status.why()), ("stopped", "the disk is gone"));
}
