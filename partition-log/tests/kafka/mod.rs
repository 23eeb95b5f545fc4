//! A topic under test, on librdkafka's mock cluster or on real brokers.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod brokers;
pub(crate) mod topics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use partition_log::conformance::Fixture;
use partition_log::{KafkaConfig, KafkaLog, KafkaTopic, PartitionLog as _};

/// What has to come is waited for this long; nothing is asserted about how long it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// One partition of a topic. `K` keeps the cluster.
pub(crate) struct OnKafka<K> {
    pub(crate) cluster: K,
    pub(crate) config: KafkaConfig,
    pub(crate) log: Option<Arc<KafkaLog>>,
    pub(crate) record_bytes_max: usize,
    /// Deletes records below an offset.
    pub(crate) delete: Option<fn(&KafkaConfig, u64)>,
}

impl<K> OnKafka<K> {
    pub(crate) fn open(cluster: K, config: KafkaConfig) -> Self {
        let log = Some(Arc::new(open(&config)));
        Self { cluster, config, log, record_bytes_max: partition_log::limits::RECORD_BYTES_MAX, delete: None }
    }
}

impl<K> Fixture for OnKafka<K> {
    fn log(&self) -> Arc<dyn partition_log::PartitionLog> {
        self.log.clone().unwrap()
    }

    fn reopen(&mut self) {
        let log = self.log.take().unwrap();
        assert_eq!(Arc::strong_count(&log), 1, "the suite gave every handle back");
        drop(log);
        self.log = Some(Arc::new(open(&self.config)));
    }

    fn expire(&self, before: u64) -> bool {
        let Some(delete) = self.delete else { return false };
        delete(&self.config, before);
        wait("the watch sees the new start", || self.log().start() > 0);
        true
    }

    fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }
}

/// Partition 0, once it is known.
pub(crate) fn open(config: &KafkaConfig) -> KafkaLog {
    let log = KafkaTopic::open(config.clone()).unwrap().log(0).unwrap();
    wait("the log is known", || log.unknown().is_none() && log.stopped().is_none());
    log
}

pub(crate) fn wait(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
