//! What a log over Kafka is told, and what librdkafka is told from it, each with its reason.

use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

use super::OpenError;
use crate::limits::{READ_AHEAD_BYTES_MAX, RECORD_BYTES_MAX};

/// How long a record may wait for its ack. A broker that was killed is replaced after 6 to 9 s; whoever publishes waits no
/// longer than this, then tries again under the same identity.
pub const ACK_TIMEOUT: Duration = Duration::from_secs(15);

/// What Kafka adds to a record and its batch, generously.
const OVERHEAD_BYTES: usize = 64 << 10;

/// What a topic's `max.message.bytes` must be at least.
pub const MESSAGE_BYTES_MAX: usize = RECORD_BYTES_MAX + OVERHEAD_BYTES;

/// Which topic of which cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Some of the cluster's brokers: `host:port`, by commas. The others are found through them.
    pub brokers: String,
    /// The topic. It must be there, neither compacted nor written by transactions.
    pub topic: String,
    /// How many partitions it has. A topic with more or fewer is not appended to: rows are placed by this number.
    pub partitions: u32,
    /// Who this is, in the brokers' logs.
    pub client_id: String,
    /// How long a record may wait for its ack.
    pub ack_timeout: Duration,
}

// === impl KafkaConfig ===

impl KafkaConfig {
    /// With the usual timeout.
    #[must_use]
    pub fn new(brokers: &str, topic: &str, partitions: u32) -> Self {
        let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
        Self { brokers, topic, partitions, client_id: "sluice".to_owned(), ack_timeout: ACK_TIMEOUT }
    }

    /// What producer and consumers have in common.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client_id)
            // A topic that nobody made is a mistake to be seen, not to be hidden by one with default settings.
            .set("allow.auto.create.topics", "false")
            // A cluster that comes back is found again within a second.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("socket.keepalive.enable", "true")
            .set_log_level(RDKafkaLogLevel::Warning);
        client
    }

    pub(super) fn producer(&self) -> ClientConfig {
        let mut producer = self.client();
        producer
            // All replicas in sync have it, once, in the order in which it was appended.
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("delivery.timeout.ms", self.ack_timeout.as_millis().to_string())
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            // A record is a micro-batch already: waiting for others would only make its ack late.
            .set("linger.ms", "0")
            // By measurement; see the table in `kafka`.
            .set("compression.type", "zstd")
            .set("compression.level", "1")
            // What may wait is counted by partition in `gate`, so that one that stands still takes no place of another.
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", "2097151");
        producer
    }

    pub(super) fn consumer(&self) -> ClientConfig {
        let mut consumer = self.client();
        consumer
            // Positions are the reader's own. No group, nothing committed, and never a position that was not asked for.
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            // Nobody writes transactions; if somebody does, what is missing is seen as a gap and not waited for.
            .set("isolation.level", "read_uncommitted")
            .set("check.crcs", "true")
            .set("fetch.message.max.bytes", READ_AHEAD_BYTES_MAX.to_string())
            .set("queued.max.messages.kbytes", (READ_AHEAD_BYTES_MAX >> 10).to_string())
            // A broker holds an empty fetch for as long, and a seek waits for it. Records that come end it at once.
            .set("fetch.wait.max.ms", "100")
            // Fetches go on as soon as there is room again; the default rests for a second.
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.error.backoff.ms", "100");
        consumer
    }

    pub(super) fn check(&self) -> Result<(), OpenError> {
        let refuse = |field, reason| Err(OpenError::Config { field, reason });
        if self.brokers.is_empty() {
            return refuse("brokers", "must name a broker as host:port");
        }
        if self.topic.is_empty() || self.topic.len() > 249 || !self.topic.bytes().all(is_of_a_topic) {
            return refuse("topic", "must be 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'");
        }
        if self.partitions == 0 || i32::try_from(self.partitions).is_err() {
            return refuse("partitions", "must be at least 1");
        }
        Ok(())
    }
}

fn is_of_a_topic(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_librdkafka_is_told_it_understands() {
        let config = KafkaConfig::new("127.0.0.1:1", "log", 4);
        config.check().unwrap();
        for client in [config.producer(), config.consumer()] {
            client.create_native_config().unwrap();
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let good = KafkaConfig::new("127.0.0.1:1", "log", 4);
        check(&KafkaConfig { brokers: String::new(), ..good.clone() }, "brokers must name a broker");
        check(&KafkaConfig { topic: "a/b".to_owned(), ..good.clone() }, "topic must be 1 to 249");
        check(&KafkaConfig { partitions: 0, ..good }, "partitions must be at least 1");
    }

    #[track_caller]
    fn check(config: &KafkaConfig, expected: &str) {
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
