//! A log over Kafka, on the mock cluster that librdkafka brings: the suite for every log, and the weather.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod kafka;

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use kafka::{OnKafka, open, wait};
use partition_log::{
    AppendError, KafkaConfig, KafkaLog, KafkaTopic, Offset, PartitionLog, ReadError, append_blocking,
    conformance,
};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

type Mock = MockCluster<'static, DefaultProducerContext>;

/// A mock keeps this much of a partition, and drops the oldest.
const MOCK_KEEPS_BYTES: usize = 5 << 20;

#[test]
fn conforms() {
    conformance::run(|| {
        let (mock, config) = mock(1);
        let fixture = OnKafka::open(mock, config);
        Box::new(OnKafka { record_bytes_max: 1 << 20, ..fixture })
    });
}

#[test]
fn records_that_a_topic_no_longer_keeps_are_expired() {
    let (_mock, config) = mock(1);
    let log = open(&config);
    for n in 0..10u8 {
        append_blocking(&log, large(n)).unwrap();
    }
    wait("the watch sees the new start", || log.start() > 0);
    let start = log.start();
    let expired = log.read(0, 1, Duration::ZERO).unwrap_err();
    assert!(matches!(expired, ReadError::Expired { from: 0, start: at } if at == start), "{expired}");
    assert_eq!(log.read(start, 1, Duration::ZERO).unwrap()[0].record[0], start as u8);
}

#[test]
fn a_reader_that_was_left_behind_hears_it() {
    let (_mock, config) = mock(1);
    let (reader, writer) = (open(&config), open(&config));
    append_blocking(&writer, vec![0; 10].into()).unwrap();
    assert_eq!(reader.read(0, 1, Duration::from_secs(60)).unwrap().len(), 1);
    for n in 1..20u8 {
        append_blocking(&writer, large(n)).unwrap();
    }
    // What it had fetched already may still come; then it is an error and never a jump.
    let mut next = 1;
    let error = loop {
        match reader.read(next, 1, Duration::ZERO) {
            Ok(entries) => entries.iter().for_each(|entry| {
                assert_eq!(entry.offset, next);
                next += 1;
            }),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Expired { from, .. } if from == next), "{error}");
}

#[test]
fn before_the_cluster_is_there_nothing_is_known_and_appends_come_back() {
    let config = KafkaConfig::new("127.0.0.1:1", "log", 1);
    let log = KafkaTopic::open(config).unwrap().log(0).unwrap();
    wait("the watch has tried", || log.unknown().unwrap().contains("cannot reach Kafka at 127.0.0.1:1"));
    assert!(log.stopped().unwrap().contains("cannot reach Kafka"));
    assert!(matches!(append_blocking(&log, "a".into()), Err(AppendError::Away(_))));
    assert!(log.read(7, 1, Duration::ZERO).unwrap().is_empty(), "it may well be there");
}

#[test]
fn a_topic_that_is_missing_or_another_is_named() {
    let (mock, config) = mock(1);
    let stranger = KafkaConfig { topic: "nobody-made-it".to_owned(), ..config.clone() };
    mock.topic_error(&stranger.topic, RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    check_away(&stranger, "there is no topic nobody-made-it: create it with 1 partitions");
    check_away(
        &KafkaConfig { partitions: 3, ..config },
        "has 1 partitions, and rows are placed over 3: give --partitions 1",
    );
}

#[track_caller]
fn check_away(config: &KafkaConfig, expected: &str) {
    let log = KafkaTopic::open(config.clone()).unwrap().log(0).unwrap();
    wait("the topic is looked at", || !log.stopped().unwrap().contains("not answered"));
    let why = log.stopped().unwrap();
    assert!(why.contains(expected), "{why}");
    assert_eq!(append_blocking(&log, "a".into()), Err(AppendError::Away(why)));
}

#[test]
fn a_broker_that_goes_and_comes_back_loses_nothing() {
    let (mock, config) = mock(1);
    let config = KafkaConfig { ack_timeout: Duration::from_secs(2), ..config };
    let log = open(&config);
    let mut acked: Vec<(Offset, Bytes)> = (0..5).map(|n| (n, record(n))).collect();
    acked.iter().for_each(|(n, record)| assert_eq!(append_blocking(&log, record.clone()), Ok(*n)));
    assert_eq!(read_through(&log, 0, 2), acked[..3]);

    mock.broker_down(-1).unwrap();
    wait("appends are refused", || append_blocking(&log, record(99)).is_err());
    wait("it says so", || log.stopped().is_some());
    assert!(log.read(5, 1, Duration::ZERO).unwrap().is_empty(), "away is no error of a reader");

    mock.broker_up(-1).unwrap();
    wait("it takes records again", || append_blocking(&log, record(100)).is_ok());
    wait("it says so", || log.stopped().is_none());
    let offset = append_blocking(&log, record(101)).unwrap();
    acked.push((offset, record(101)));
    let read = read_through(&log, 3, offset);
    for (offset, record) in acked.iter().filter(|(offset, _)| *offset >= 3) {
        assert!(
            read.iter().any(|entry| entry == &(*offset, record.clone())),
            "{offset} was acked and is there"
        );
    }
}

#[test]
fn a_reader_that_was_ahead_of_what_is_known_goes_on_after_the_cluster_was_away() {
    let (mock, config) = mock(1);
    let (reader, writer) = (open(&config), open(&config));
    for n in 0..20 {
        append_blocking(&writer, record(n)).unwrap();
        assert_eq!(read_through(&reader, n, n), [(n, record(n))]);
        mock.broker_down(-1).unwrap();
        // Where the log ends was asked for before the record came, and cannot be asked now.
        for _ in 0..5 {
            assert!(reader.read(n + 1, 1, Duration::from_millis(1)).unwrap().is_empty());
        }
        mock.broker_up(-1).unwrap();
        wait("the writer can write again", || writer.stopped().is_none() && reader.stopped().is_none());
    }
}

#[test]
fn a_partition_that_stands_still_refuses_instead_of_waiting() {
    let (mock, config) = mock(1);
    let log = open(&config);
    append_blocking(&log, record(0)).unwrap();
    mock.broker_round_trip_time(-1, Duration::from_secs(5)).unwrap();
    let first = append(&log, record(1));
    wait("the next is refused", || matches!(append_blocking(&log, record(2)), Err(AppendError::Away(_))));
    assert!(log.stopped().is_some());
    mock.broker_round_trip_time(-1, Duration::ZERO).unwrap();
    assert_eq!(first.recv().unwrap(), Ok(1), "what was sent is answered for");
}

#[test]
fn after_a_fatal_error_the_producer_is_made_anew() {
    let (mock, config) = mock(1);
    let log = open(&config);
    append_blocking(&log, record(0)).unwrap();
    let lost = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    mock.request_errors(RDKafkaApiKey::Produce, &[lost; 3]);
    let heard = append_blocking(&log, record(1)).unwrap_err();
    assert!(matches!(heard, AppendError::Unconfirmed(_)), "{heard}");
    mock.clear_request_errors(RDKafkaApiKey::Produce);
    wait("it takes records again", || append_blocking(&log, record(2)).is_ok());
    assert_eq!(log.stopped(), None);
}

#[test]
fn a_closed_topic_answers_for_everything() {
    let (mock, config) = mock(1);
    let topic = KafkaTopic::open(KafkaConfig { ack_timeout: Duration::from_secs(1), ..config }).unwrap();
    let log = topic.log(0).unwrap();
    wait("the log is known", || log.unknown().is_none());
    append_blocking(&log, record(0)).unwrap();
    mock.broker_down(-1).unwrap();
    let waiting: Vec<_> = (0..10).map(|n| append(&log, record(n))).collect();
    topic.close();
    for heard in waiting {
        assert!(heard.try_recv().unwrap().is_err(), "answered before close returned");
    }
    assert!(matches!(append_blocking(&log, record(1)), Err(AppendError::Stopped(_) | AppendError::Away(_))));
}

// === helpers ===

fn mock(partitions: i32) -> (Mock, KafkaConfig) {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("log", partitions, 1).unwrap();
    let config = KafkaConfig::new(&mock.bootstrap_servers(), "log", partitions.cast_unsigned());
    (mock, config)
}

fn append(log: &KafkaLog, record: Bytes) -> Receiver<Result<Offset, AppendError>> {
    let (sender, receiver) = channel();
    log.append(record, Box::new(move |acked| drop(sender.send(acked))));
    receiver
}

/// A fourth of what the mock keeps, and no compression makes it less.
fn large(n: u8) -> Bytes {
    let noise =
        (0..MOCK_KEEPS_BYTES / 4).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8 ^ (at >> 7) as u8);
    [n].into_iter().chain(noise).collect()
}

fn record(n: u64) -> Bytes {
    Bytes::from(format!("record {n}"))
}

fn read_through(log: &KafkaLog, mut from: Offset, last: Offset) -> Vec<(Offset, Bytes)> {
    let mut read = Vec::new();
    while from <= last {
        for entry in log.read(from, 1 << 20, Duration::from_millis(50)).unwrap() {
            assert_eq!(entry.offset, from);
            from += 1;
            read.push((entry.offset, entry.record));
        }
    }
    read
}
