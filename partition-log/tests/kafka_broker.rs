//! A log over Apache Kafka: the suite for every log, and what only a real broker can do. `make test-cluster` runs it.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod kafka;

use std::time::Duration;

use bytes::Bytes;
use kafka::brokers::Brokers;
use kafka::topics::{append_in_transactions, create_topic, delete_records, delete_topic};
use kafka::{OnKafka, open, wait};
use partition_log::{
    AppendError, KafkaConfig, KafkaTopic, PartitionLog, ReadError, append_blocking, conformance,
};

#[test]
fn conforms() {
    let Some(brokers) = Brokers::start(1) else { return };
    let topics = std::cell::Cell::new(0);
    conformance::run(|| {
        topics.set(topics.get() + 1);
        let config = KafkaConfig::new(&brokers.addresses, &format!("suite-{}", topics.get()), 1);
        create_topic(&config, 1, &[]);
        let fixture = OnKafka::open((), config);
        Box::new(OnKafka { delete: Some(delete_records), ..fixture })
    });
}

#[test]
fn a_topic_that_comes_late_is_taken_into_use() {
    let Some(brokers) = Brokers::start(1) else { return };
    let config = KafkaConfig::new(&brokers.addresses, "late", 2);
    let log = KafkaTopic::open(config.clone()).unwrap().log(1).unwrap();
    wait("it is missed", || {
        log.stopped().unwrap().contains("there is no topic late: create it with 2 partitions")
    });
    assert!(matches!(append_blocking(&log, "a".into()), Err(AppendError::Away(_))));
    assert!(log.read(0, 1, Duration::ZERO).unwrap().is_empty());
    create_topic(&config, 1, &[]);
    wait("it is there", || append_blocking(&log, "a".into()).is_ok());
    assert_eq!(log.read(0, 1, Duration::ZERO).unwrap()[0].record, "a");
}

#[test]
fn a_topic_that_was_made_anew_is_no_continuation() {
    let Some(brokers) = Brokers::start(1) else { return };
    let config = KafkaConfig::new(&brokers.addresses, "anew", 1);
    create_topic(&config, 1, &[]);
    let log = open(&config);
    (0..3).for_each(|n| assert_eq!(append_blocking(&log, record(n)), Ok(n)));
    for n in 0..3 {
        assert_eq!(log.read(n, 0, Duration::ZERO).unwrap()[0].record, record(n));
    }
    delete_topic(&config);
    wait("it is missed", || log.stopped().is_some());
    create_topic(&config, 1, &[]);
    // The new one goes beyond where the reader was before the reader looks again.
    let writer = open(&config);
    (0..10).for_each(|n| assert_eq!(append_blocking(&writer, record(100 + n)), Ok(n)));
    wait("it is back", || log.stopped().is_none());
    let error = loop {
        match log.read(3, 1, Duration::from_millis(50)) {
            Ok(entries) => assert_eq!(entries, [], "a record of another log"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, ReadError::Replaced { offset: 2 } | ReadError::BeyondEnd { from: 3, .. }),
        "{error}"
    );
}

#[test]
fn a_compacted_topic_is_a_gap_and_not_a_jump() {
    // Transactions leave a mark after their records that no reader sees: a gap, as compaction makes it.
    let Some(brokers) = Brokers::start(1) else { return };
    let config = KafkaConfig::new(&brokers.addresses, "gaps", 1);
    create_topic(&config, 1, &[]);
    append_in_transactions(&config, 2);
    let log = open(&config);
    assert_eq!(log.read(0, 0, Duration::from_secs(60)).unwrap()[0].offset, 0);
    let error = log.read(1, 0, Duration::from_secs(60)).unwrap_err();
    assert!(matches!(error, ReadError::Gap { from: 1, next: 2 }), "{error}");
}

#[test]
fn a_topic_that_takes_only_small_records_says_what_to_set() {
    let Some(brokers) = Brokers::start(1) else { return };
    let config = KafkaConfig::new(&brokers.addresses, "small", 1);
    create_topic(&config, 1, &[("max.message.bytes", "1000"), ("compression.type", "producer")]);
    let log = open(&config);
    let noise: Bytes = (0..9_000u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    let error = append_blocking(&log, noise).unwrap_err();
    assert!(error.to_string().contains("set its max.message.bytes to"), "{error}");
    wait("it takes small ones", || append_blocking(&log, "small".into()).is_ok());
}

#[test]
fn a_broker_that_is_killed_under_load_loses_no_acked_record() {
    let Some(brokers) = Brokers::start(3) else { return };
    let config = KafkaConfig::new(&brokers.addresses, "killed", 1);
    create_topic(&config, 3, &[("min.insync.replicas", "2")]);
    let log = open(&config);
    let mut acked = Vec::new();
    for round in 0..3 {
        let mut n = 0;
        let mut some = |log: &dyn PartitionLog, until: &dyn Fn(u64) -> bool| {
            let mut taken = 0;
            while !until(taken) {
                let record = record(round * 1_000_000 + n);
                n += 1;
                if let Ok(offset) = append_blocking(log, record.clone()) {
                    taken += 1;
                    acked.push((offset, record));
                }
            }
        };
        some(&log, &|taken| taken == 200);
        brokers.kill(1 + round as usize % 3);
        some(&log, &|taken| taken == 200); // by another leader, once there is one
        brokers.restart();
    }
    let log = open(&config);
    let (mut next, mut read) = (0, std::collections::BTreeMap::new());
    while next < log.end() {
        for entry in log.read(next, 1 << 20, Duration::from_millis(50)).unwrap() {
            assert_eq!(entry.offset, next);
            next += 1;
            read.insert(entry.offset, entry.record);
        }
    }
    assert!(acked.windows(2).all(|pair| pair[0].0 < pair[1].0), "acks come in the order of offsets");
    for (offset, record) in acked {
        assert_eq!(read.get(&offset), Some(&record), "acked at {offset}");
    }
}

fn record(n: u64) -> Bytes {
    Bytes::from(format!("record {n}"))
}
