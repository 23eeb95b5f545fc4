//! Real brokers, by `deploy/kafka/kafka.sh`, and what an administrator does to a topic.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use partition_log::{KafkaConfig, MESSAGE_BYTES_MAX};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// A cluster on loopback; it ends when dropped.
pub(crate) struct Brokers {
    dir: tempfile::TempDir,
    pub(crate) addresses: String,
}

impl Brokers {
    /// `None`, and a loud word, unless `SLUICE_TEST_CLUSTER` asks for it.
    pub(crate) fn start(brokers: usize) -> Option<Self> {
        if std::env::var_os("SLUICE_TEST_CLUSTER").is_none() {
            eprintln!("SKIPPED: needs Apache Kafka; `make test-cluster` runs it");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut brokers_dir = Self { addresses: String::new(), dir };
        brokers_dir.addresses = brokers_dir.run(&["start"], &[&brokers.to_string()]);
        Some(brokers_dir)
    }

    /// SIGKILL for one; the first is 1.
    pub(crate) fn kill(&self, broker: usize) {
        self.run(&["kill"], &[&broker.to_string()]);
    }

    /// Starts what is down.
    pub(crate) fn restart(&self) {
        self.run(&["start"], &[]);
    }

    fn run(&self, verb: &[&str], rest: &[&str]) -> String {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/kafka/kafka.sh");
        let mut command = Command::new(script);
        command.args(verb).arg(self.dir.path()).args(rest).stderr(Stdio::inherit());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", output.status);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        self.run(&["stop"], &[]);
    }
}

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
