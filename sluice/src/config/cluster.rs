//! What a role of its own needs to know: where Kafka is, and who it is to the others.

use anyhow::bail;
use partition_log::KafkaConfig;

use super::{Config, File, Layers};
use crate::cli::ClusterArgs;
use crate::serve::keeper::Identity;

/// What is appended to the log's topic to name the one in which nodes say what they own.
const OWNERS: &str = "-owners";

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    brokers: String,
    topic: String,
    pub(crate) identity: Identity,
}

/// The layers, before it is known where this node listens.
pub(super) fn resolve(args: &ClusterArgs, file: &File, layers: &mut Layers<'_>) -> anyhow::Result<Cluster> {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let brokers = layers.pick("kafka_brokers", args.kafka_brokers.clone(), file.kafka_brokers.clone(), "")?;
    let topic = layers.pick("kafka_topic", args.kafka_topic.clone(), file.kafka_topic.clone(), "sluice")?;
    let zone: String = layers.pick("zone", args.zone.clone(), file.zone.clone(), "a")?;
    let node: String = layers.pick("node", args.node.clone(), file.node.clone(), &host)?;
    let address = layers.pick("advertise", args.advertise.clone(), file.advertise.clone(), "")?;
    for (name, value) in [("zone", &zone), ("node", &node)] {
        if value.is_empty() || value.len() > 128 || value.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            bail!("{name} is {value:?}, must be 1 to 128 characters without spaces");
        }
    }
    Ok(Cluster { brokers, topic, identity: Identity { zone, node, address } })
}

// === impl Cluster ===

impl Cluster {
    /// Of this node.
    pub(super) fn at(mut self, config: &Config) -> Self {
        if self.identity.address.is_empty() {
            self.identity.address = config.grpc.to_string();
        }
        self
    }

    /// The log's topic, of so many partitions.
    pub(crate) fn log(&self, partitions: u32) -> anyhow::Result<KafkaConfig> {
        if self.brokers.is_empty() {
            bail!(
                "kafka_brokers is empty, must name brokers as HOST:PORT,HOST:PORT: this role works over Kafka"
            );
        }
        let client_id = format!("sluice-{}", self.identity.node);
        Ok(KafkaConfig { client_id, ..KafkaConfig::new(&self.brokers, &self.topic, partitions) })
    }

    /// The topic in which nodes say what they own.
    pub(crate) fn owners(&self) -> anyhow::Result<KafkaConfig> {
        let log = self.log(1)?;
        Ok(KafkaConfig { topic: format!("{}{OWNERS}", log.topic), ..log })
    }

    /// The consumer group of this node's zone.
    pub(crate) fn group(&self) -> String {
        format!("{}-{}", self.topic, self.identity.zone)
    }
}
