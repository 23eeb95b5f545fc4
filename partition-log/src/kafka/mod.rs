//! The log of a cluster: one partition of a topic of Apache Kafka.
//!
//! In:    appends from any thread, as many as may wait.
//! Out:   acks from one thread, when all replicas in sync have the record; records to readers.
//! Kept:  nothing here. How long the topic keeps records is the topic's own `retention.ms` and `retention.bytes`.
//! Never: an ack before `acks=all`; a position that is not the reader's own; a gap that is passed over; a wait for a cluster that
//!        is away: appends are refused with [`AppendError::Away`](crate::AppendError::Away), reads give nothing.
//!
//! ```text
//! append ─▶ gate p ─▶ sender: one idempotent producer a process ─▶ broker ─▶ reader: one consumer a partition ─▶ read
//!           1,024,                  │ acks in order, one thread                4 MiB ahead, from an offset
//!           32 MiB                  ▼
//!                    state p: away? start, end ◀── watch: asks once a second
//! ```
//!
//! One Kafka record is one log record, so Kafka's offsets are the log's. They are without gaps as long as the topic is
//! neither compacted nor written by transactions; a gap is an error.
//!
//! # lz4 or zstd
//! zstd at its lowest level. 40 MiB of log records of the load generator (20,000 series, 71 bytes a row), in pieces of 1 MiB, on one
//! core of a busy machine, by the reference libraries:
//!
//! | codec | size | compress MB/s | decompress MB/s |
//! |---|---|---|---|
//! | lz4 | 42 % | 1,454 | 1,464 |
//! | zstd, level 1 | 30 % | 916 | 1,340 |
//! | zstd, level 3 | 30 % | 534 | 2,396 |
//!
//! A byte goes to three brokers, onto their disks, and to each zone: 29 % fewer of them are worth 30 ns a row of a frontend's time.

// The log.
mod config;
mod gate;
mod reader;
mod sender;
mod state;
mod topic;
mod watch;

// What else a cluster needs of Kafka.
mod create;
mod group;
mod table;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use thiserror::Error;

pub use config::{ACK_TIMEOUT, KafkaConfig, MESSAGE_BYTES_MAX};
pub use create::{Kind, create_topic};
pub use group::{Membership, Owner, SESSION};
pub use table::{KafkaTable, Put, Row};
pub use topic::{KafkaLog, KafkaTopic};

/// Why a topic cannot be opened. That the cluster is away is no reason.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot work like that.
    #[error("{field} {reason}")]
    Config {
        /// Of [`KafkaConfig`].
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// librdkafka refuses the configuration.
    #[error("cannot make a Kafka client: {0}")]
    Client(#[from] KafkaError),
    /// The cluster refuses to make a topic.
    #[error("cannot create topic {topic}: {why}")]
    Topic {
        /// Which.
        topic: String,
        /// What it said.
        why: String,
    },
    /// The operating system refuses.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// What librdkafka writes to its log. The watch says in our words when the cluster goes and comes, so most of it is detail.
fn tell(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::warn!(facility, "librdkafka: {message}");
        }
        _ => tracing::debug!(facility, "librdkafka: {message}"),
    }
}
