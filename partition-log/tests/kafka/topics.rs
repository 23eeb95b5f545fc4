//! What an administrator does to a topic, and what a stranger does.

use std::time::Duration;

use partition_log::KafkaConfig;
use partition_log::kafka::MESSAGE_BYTES_MAX;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

pub(crate) fn create_topic(config: &KafkaConfig, replicas: i32, settings: &[(&str, &str)]) {
    let bytes = MESSAGE_BYTES_MAX.to_string();
    let mut topic =
        NewTopic::new(&config.topic, config.partitions.cast_signed(), TopicReplication::Fixed(replicas));
    topic = topic.set("max.message.bytes", &bytes);
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let made = wait_for(admin(config).create_topics([&topic], &patient())).unwrap();
    made.into_iter().for_each(|topic| drop(topic.unwrap()));
}

pub(crate) fn delete_topic(config: &KafkaConfig) {
    let gone = wait_for(admin(config).delete_topics(&[&config.topic], &patient())).unwrap();
    gone.into_iter().for_each(|topic| drop(topic.unwrap()));
}

/// What retention does, at once.
pub(crate) fn delete_records(config: &KafkaConfig, before: u64) {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&config.topic, 0, Offset::Offset(before.cast_signed())).unwrap();
    wait_for(admin(config).delete_records(&offsets, &patient())).unwrap();
}

/// Each record in a transaction of its own.
pub(crate) fn append_in_transactions(config: &KafkaConfig, records: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("transactional.id", "stranger")
        .create()
        .unwrap();
    producer.init_transactions(Duration::from_secs(60)).unwrap();
    for _ in 0..records {
        producer.begin_transaction().unwrap();
        let record: BaseRecord<'_, (), str> = BaseRecord::to(&config.topic).partition(0).payload("a record");
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.commit_transaction(Duration::from_secs(60)).unwrap();
    }
}

fn admin(config: &KafkaConfig) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &config.brokers).create().unwrap()
}

fn patient() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(Duration::from_secs(60)))
        .request_timeout(Some(Duration::from_secs(60)))
}

fn wait_for<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
