//! Asks the cluster once a second how the topic does, so that nobody else has to wait for an answer.
//!
//! In:    the topic's name and how many partitions it must have.
//! Out:   into each partition's state: why it cannot be used; where it starts and ends, if somebody reads it.
//! Kept:  nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use super::config::{KafkaConfig, MESSAGE_BYTES_MAX};
use super::reader::Weather;
use super::state::{Marks, PartitionState};

const EVERY: Duration = Duration::from_secs(1);
/// As long as the cluster has not answered at all.
const EVERY_AT_FIRST: Duration = Duration::from_millis(100);
/// How long the cluster may take to say which topics there are, and a leader where its partition ends.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// The watching thread's whole life: until the other end of `stop` is dropped. A word over it asks for a look at once.
pub(super) fn run(
    config: &KafkaConfig,
    consumer: &BaseConsumer<Weather>,
    partitions: &[Arc<PartitionState>],
    stop: &Receiver<()>,
) {
    loop {
        look(config, consumer, partitions);
        // What librdkafka has to say is heard, and its queue stays empty.
        while consumer.poll(Duration::ZERO).is_some() {}
        let known = |partition: &Arc<PartitionState>| {
            partition.marks().is_some() || !partition.is_read.load(Ordering::Acquire)
        };
        let all_known = partitions.iter().all(|partition| !partition.is_away() && known(partition));
        match stop.recv_timeout(if all_known { EVERY } else { EVERY_AT_FIRST }) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn look(config: &KafkaConfig, consumer: &BaseConsumer<Weather>, partitions: &[Arc<PartitionState>]) {
    let metadata = consumer.fetch_metadata(Some(&config.topic), ANSWER_WAIT);
    let topic = metadata.as_ref().map(|metadata| metadata.topics().first());
    match topic.map_err(|error| cannot_reach(config, error)).and_then(|topic| check(config, topic)) {
        Err(why) => partitions.iter().for_each(|partition| say(config, partition, Some(why.clone()))),
        Ok(topic) => {
            for partition in partitions {
                let away = led(topic, partition.number).and_then(|()| ask(config, consumer, partition));
                say(config, partition, away.err());
            }
        }
    }
}

fn say(config: &KafkaConfig, partition: &PartitionState, away: Option<String>) {
    let (topic, number) = (&config.topic, partition.number);
    match partition.set_away(away.clone()).then_some(away) {
        Some(None) => tracing::info!(topic, partition = number, "the log can be reached"),
        Some(Some(why)) => tracing::warn!(topic, partition = number, why, "the log is away"),
        None => {}
    }
}

/// The topic, if it is as it must be.
fn check<'a>(config: &KafkaConfig, topic: Option<&'a MetadataTopic>) -> Result<&'a MetadataTopic, String> {
    let (name, wanted) = (&config.topic, config.partitions);
    let missing = || {
        format!(
            "there is no topic {name}: create it with {wanted} partitions, cleanup.policy=delete and \
             max.message.bytes={MESSAGE_BYTES_MAX} or more"
        )
    };
    let topic = topic.ok_or_else(missing)?;
    if let Some(error) = topic.error() {
        return match RDKafkaErrorCode::from(error) {
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => Err(missing()),
            other => Err(format!("topic {name}: {other}")),
        };
    }
    match topic.partitions().len() {
        0 => Err(missing()),
        got if got != wanted as usize => Err(format!(
            "topic {name} has {got} partitions, and rows are placed over {wanted}: give --partitions {got}, or another topic"
        )),
        _ => Ok(topic),
    }
}

fn led(topic: &MetadataTopic, number: u32) -> Result<(), String> {
    match topic.partitions().iter().find(|partition| partition.id() == number.cast_signed()) {
        Some(partition) if partition.leader() >= 0 => Ok(()),
        _ => Err(format!("partition {number} has no leader: see the brokers")),
    }
}

/// Where the partition starts and ends, if somebody reads it.
fn ask(
    config: &KafkaConfig,
    consumer: &BaseConsumer<Weather>,
    partition: &PartitionState,
) -> Result<(), String> {
    if !partition.is_read.load(Ordering::Acquire) {
        return Ok(());
    }
    let before = partition.marks();
    let marks = ends(config, consumer, partition.number).map_err(|error| cannot_reach(config, &error))?;
    partition.answered(before, marks);
    Ok(())
}

/// Asks the partition's leader.
pub(super) fn ends(
    config: &KafkaConfig,
    consumer: &BaseConsumer<Weather>,
    number: u32,
) -> Result<Marks, KafkaError> {
    let (low, high) = consumer.fetch_watermarks(&config.topic, number.cast_signed(), ANSWER_WAIT)?;
    // They are never negative in an answer that is no error.
    Ok(Marks { start: low.max(0).cast_unsigned(), end: high.max(0).cast_unsigned() })
}

fn cannot_reach(config: &KafkaConfig, error: &KafkaError) -> String {
    let why = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
    format!("cannot reach Kafka at {}: {why}", config.brokers)
}
