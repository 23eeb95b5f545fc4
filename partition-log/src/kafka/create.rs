//! Makes the topics, with the settings that they must have.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use super::OpenError;
use super::config::{KafkaConfig, MESSAGE_BYTES_MAX};

const PATIENCE: Duration = Duration::from_secs(30);

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A log: nothing is taken out of its middle, and a record of our largest fits.
    Log {
        /// How long records are kept.
        retention: Duration,
    },
    /// A table: the newest row of each key is kept for ever.
    Table,
}

/// Makes the topic; false when it is there already, which changes nothing of it.
///
/// # Errors
/// What the cluster says.
pub async fn create_topic(config: &KafkaConfig, kind: Kind, replicas: u32) -> Result<bool, OpenError> {
    config.check()?;
    let admin: AdminClient<DefaultClientContext> = config.client().create()?;
    // An ack of all replicas in sync is worth as many as there must be: with three or more, two at least.
    let (bytes, in_sync) = (MESSAGE_BYTES_MAX.to_string(), if replicas > 2 { "2" } else { "1" });
    let retention = match kind {
        Kind::Log { retention } => retention.as_millis().to_string(),
        Kind::Table => "-1".to_owned(),
    };
    let policy = if kind == Kind::Table { "compact" } else { "delete" };
    let topic = NewTopic::new(
        &config.topic,
        config.partitions.cast_signed(),
        TopicReplication::Fixed(replicas.cast_signed()),
    )
    .set("cleanup.policy", policy)
    .set("retention.ms", &retention)
    .set("max.message.bytes", &bytes)
    .set("min.insync.replicas", in_sync);
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    for made in admin.create_topics([&topic], &options).await? {
        match made {
            Ok(_) => {}
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => return Ok(false),
            Err((topic, why)) => return Err(OpenError::Topic { topic, why: why.to_string() }),
        }
    }
    Ok(true)
}
