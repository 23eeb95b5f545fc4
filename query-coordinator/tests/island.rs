//! A real island behind the coordinator: what is sealed, what is open, what comes late, and what it says when it stops.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aggregator::{Clock, IslandConfig, IslandHandle, IslandLimits, IslandState, spawn};
use model::{Aggregate, Minute, Number, Placement, PublisherId, Scalars, Stamp};
use partition_log::{MemoryLog, PartitionLog, append_blocking};
use proto::{BatchBuilder, encode_rows, encode_seal, v1};
use query_coordinator::{Coordinator, Partition, Parts, QueryLimits};
use store::MemoryKv;

/// Longer than any of this takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct StillClock(AtomicU64);

impl Clock for StillClock {
    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct House {
    log: Arc<MemoryLog>,
    island: IslandHandle,
    coordinator: Coordinator,
}

impl House {
    fn new() -> Self {
        let log = Arc::new(MemoryLog::new());
        let config = IslandConfig {
            partition: 0,
            grace_ms: 5_000,
            late_rows_max: 1_000,
            limits: IslandLimits::DEFAULT,
            clock: Arc::new(StillClock(AtomicU64::new(0))),
        };
        let island = spawn(config, Arc::clone(&log) as Arc<dyn PartitionLog>, Arc::new(MemoryKv::new()));
        let partitions: BTreeMap<u32, Arc<dyn Partition>> =
            [(0, Arc::new(island.clone()) as Arc<dyn Partition>)].into();
        let coordinator = Coordinator::new(Parts {
            placement: Placement::new(1, 1).unwrap(),
            partitions,
            limits: QueryLimits::default(),
            now: Arc::new(|| 200 * 60),
            counters: Arc::new(Vec::new),
            version: String::new(),
            started: 0,
        });
        Self { log, island, coordinator }
    }

    /// Rows `host minute value`, as a publisher that declares them sends them.
    fn publish(&self, sequence: u64, rows: &[(&str, u32, i64)]) {
        let stamp = Stamp { publisher: PublisherId(7), epoch: 1, sequence };
        let mut batch = BatchBuilder::new("default").publisher(stamp).declares(true);
        for (host, minute, value) in rows {
            let aggregate = Aggregate::of(Scalars::of(Number::Int(*value)));
            batch.add("cpu", [("host", *host)], Minute(*minute), &aggregate);
        }
        append_blocking(&*self.log, encode_rows(&[batch.build()])).unwrap();
        self.wait();
    }

    fn seal(&self, minute: u32) {
        append_blocking(&*self.log, encode_seal(Minute(minute))).unwrap();
        self.wait();
    }

    /// Until all that is in the log is applied.
    fn wait(&self) {
        let end = Instant::now() + PATIENCE;
        while self.island.status().lag_records > 0 || self.island.status().state == IslandState::Recovering {
            assert!(Instant::now() < end, "the island does not catch up: {:?}", self.island.status());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// `host=sum` by rank, then how complete that is.
    async fn top(&self, include_open: bool) -> String {
        let request = v1::TopRequest {
            metric: "cpu".into(),
            by: vec!["host".into()],
            rank: "sum".into(),
            n: 10,
            from: 100 * 60,
            to: 102 * 60,
            include_open,
            ..Default::default()
        };
        let reply = self.coordinator.top(request).await.unwrap();
        let rows: Vec<_> =
            reply.rows.iter().map(|row| format!("{}={}", row.dims["host"], row.rank)).collect();
        let minutes = reply.completeness.unwrap().minutes;
        let minutes: Vec<_> =
            minutes.iter().map(|minute| format!("{} {}", minute.state, minute.rows_applied)).collect();
        format!("{} | {}", rows.join(" "), minutes.join(", "))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_open_and_late_rows_are_each_seen_in_their_time() {
    let house = House::new();
    house.publish(0, &[("a", 100, 5), ("b", 100, 7), ("c", 101, 1)]);
    assert_eq!(house.top(false).await, " | unsealed 0, unsealed 0");
    assert_eq!(house.top(true).await, "b=7 a=5 c=1 | open 2, open 1");
    house.seal(100);
    assert_eq!(house.top(false).await, "b=7 a=5 | sealed 2, unsealed 1");
    // A late row waits for the next seal to be stored, and is seen at once, a new series with it.
    house.publish(1, &[("a", 100, 10), ("d", 100, 1)]);
    assert_eq!(house.top(false).await, "a=15 b=7 d=1 | sealed 4, unsealed 1");
    assert_eq!(house.top(true).await, "a=15 b=7 c=1 d=1 | sealed 4, open 1");
    house.seal(101);
    assert_eq!(house.top(false).await, "a=15 b=7 c=1 d=1 | sealed 4, sealed 1");
    assert_eq!(house.top(true).await, "a=15 b=7 c=1 d=1 | sealed 4, sealed 1");
    house.island.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_island_that_stopped_still_shows_what_was_sealed() {
    let house = House::new();
    house.publish(0, &[("a", 100, 5)]);
    house.publish(0, &[("a", 100, 5)]);
    house.seal(101);
    let request = v1::PublisherAccountRequest { publisher: 7_u128.to_be_bytes().to_vec(), epoch: 1 };
    let account = house.coordinator.publisher_account(request).await.unwrap();
    assert_eq!((account.rows_applied, account.rows_duplicate, account.partitions_answered), (1, 1, 1));
    let health = &house.coordinator.health().await.partitions[0];
    assert_eq!((health.state.as_str(), health.sealed_through, health.series), ("serving", 101 * 60, 1));

    house.island.shutdown();
    assert_eq!(house.top(false).await, "a=5 | sealed 1, sealed 0");
    let request = v1::SeriesRequest {
        metric: "cpu".into(),
        sampling: "max".into(),
        from: 100 * 60,
        to: 102 * 60,
        ..Default::default()
    };
    let reply = house.coordinator.series(request).await.unwrap();
    let complete = reply.completeness.unwrap();
    assert_eq!(
        (complete.partial, complete.reasons),
        (true, vec!["partition 0 may miss rows: it was stopped".into()])
    );
    // Nobody answers for what is open any more.
    assert_eq!(house.top(true).await, " | open 0, open 0");
}
