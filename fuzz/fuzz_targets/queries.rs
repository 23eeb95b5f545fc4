//! Any bytes as a JSON request to the coordinator: an answer in JSON or a client's error. The first byte chooses the
//! endpoint.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aggregator::{Clock, IslandConfig, IslandLimits, spawn};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use libfuzzer_sys::fuzz_target;
use model::{Aggregate, Minute, Number, Placement, Scalars};
use partition_log::{MemoryLog, PartitionLog, append_blocking};
use proto::{BatchBuilder, encode_rows, encode_seal};
use query_coordinator::{Coordinator, Partition, Parts, QueryLimits, router};
use sluice_fuzz::NOW;
use store::MemoryKv;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

const PATHS: [&str; 5] = ["/v1/top", "/v1/series", "/v1/hints", "/v1/metrics/list", "/v1/dimensions/list"];
const ANSWER_BYTES_MAX: usize = 16 << 20;

thread_local! {
    static HOUSE: (Runtime, Router) = house();
}

fuzz_target!(|data: &[u8]| {
    let Some((path, body)) = data.split_first() else { return };
    let path = PATHS[usize::from(*path) % PATHS.len()];
    HOUSE.with(|(runtime, router)| {
        runtime.block_on(async {
            let call = Request::post(path).body(Body::from(body.to_vec())).expect("a good request");
            let answer = router.clone().oneshot(call).await.expect("a router answers");
            let status = answer.status();
            assert!(status.is_success() || status.is_client_error(), "{status}");
            let body = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.expect("an answer is bounded");
            let body: serde_json::Value = serde_json::from_slice(&body).expect("an answer is JSON");
            assert_eq!(body.get("error").is_some(), !status.is_success());
        });
    });
});

/// One partition with a few series over a few sealed minutes, and some that are open.
fn house() -> (Runtime, Router) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime without I/O");
    let log = Arc::new(MemoryLog::new());
    let minute = (NOW / 60) as u32; // until the year 10,000
    for minute in minute - 3..=minute {
        append_blocking(&*log, encode_rows(&[batch(Minute(minute))]))
            .expect("a log in memory takes everything");
        if minute < (NOW / 60) as u32 {
            append_blocking(&*log, encode_seal(Minute(minute))).expect("a log in memory takes everything");
        }
    }
    let config = IslandConfig {
        partition: 0,
        grace_ms: 60_000,
        late_rows_max: 100,
        limits: IslandLimits::DEFAULT,
        clock: Arc::new(Stopped),
    };
    let island = spawn(config, log.clone(), Arc::new(MemoryKv::new()));
    while island.status().position < log.end() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let parts = Parts {
        placement: Placement::new(1, 1).expect("one partition"),
        partitions: BTreeMap::from([(0, Arc::new(island) as Arc<dyn Partition>)]),
        limits: QueryLimits { answer_points_max: 10_000, ..QueryLimits::default() },
        now: Arc::new(|| NOW),
        counters: Arc::new(Vec::new),
        version: "fuzz".into(),
        started: NOW,
    };
    (runtime, router(Coordinator::new(parts)))
}

fn batch(minute: Minute) -> proto::v1::Batch {
    let mut batch = BatchBuilder::new("default");
    for (host, value) in [("a", 1), ("b", 2), ("c", 300)] {
        let row = Aggregate::of(Scalars::of(Number::Int(value)));
        batch.add("cpu", [("host", host), ("region", "west")], minute, &row);
        batch.add("memory", [("host", host)], minute, &row);
    }
    batch.build()
}

/// It is always [`NOW`].
struct Stopped;

impl Clock for Stopped {
    fn unix_millis(&self) -> u64 {
        NOW * 1000
    }
}
