//! `sluice serve`, and what counts for it.

use std::path::PathBuf;

use clap::Args;

use super::Format;

/// Where a server listens and keeps its data. Absent flags fall back to `SLUICE_*`, then sluice.toml, then defaults.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Data directory; made when it does not exist [default: ./sluice-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address of the gRPC port [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR")]
    pub(crate) grpc: Option<String>,
    /// Address of the HTTP port [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<String>,
    /// Further names that the HTTP port answers to, as a proxy in front of it sends them, by commas [default: loopback's only]
    #[arg(long, value_name = "NAMES")]
    pub(crate) http_hosts: Option<String>,
    /// Number of partitions; fixed when the data directory is made [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) partitions: Option<u32>,
    /// Over how many partitions one metric is spread; fixed when the data directory is made [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) spread: Option<u32>,
    /// How long after its end a minute is sealed [default: 5000]
    #[arg(long, value_name = "MS")]
    pub(crate) grace_ms: Option<u64>,
    /// How many days rows are kept where the rules say nothing else, and how far back a backfill may reach [default: 3650]
    #[arg(long, value_name = "DAYS")]
    pub(crate) retention_days: Option<u32>,
    /// Where old pages move to: file:///dir, s3://bucket/prefix, gs://…, az://… [default: nowhere]
    #[arg(long, value_name = "URL")]
    pub(crate) object_store: Option<String>,
    /// After how many days pages move there; 0 is never [default: 0]
    #[arg(long, value_name = "DAYS")]
    pub(crate) hot_retention_days: Option<u32>,
    /// Memory for pages that were read back [default: 64]
    #[arg(long, value_name = "MB")]
    pub(crate) cold_cache_mb: Option<usize>,
    /// Folder of rule files (*.yaml), read again when they change [default: ./rules if it is there]
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    /// An Alertmanager that is told what fires: http://HOST:PORT or https://HOST [default: nobody]
    #[arg(long, value_name = "URL")]
    pub(crate) alertmanager: Option<String>,
    /// File of the receivers of webhooks and of maintenance, read again when it changes [default: ./notify.yaml if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) notify: Option<PathBuf>,
    /// Told by a POST every minute that all is well, to raise the alarm when it is not told: an address as of --alertmanager [default: nobody]
    #[arg(long, value_name = "URL")]
    pub(crate) dead_man: Option<String>,
    /// Publish probes into each partition, read them back and say what became of them [default: true]
    #[arg(long, value_name = "BOOL")]
    pub(crate) canary: Option<bool>,
    /// Memory of all publish requests at work, over all connections, in MiB; beyond it they are refused and sent again [default: 1024]
    #[arg(long, value_name = "MIB")]
    pub(crate) publish_memory_mib: Option<usize>,
    /// Let others than this machine reach the ports, though there is no TLS and no credentials yet: only on a network that is yours
    /// alone [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) unprotected: Option<bool>,
    /// Configuration file [default: ./sluice.toml if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Where a role finds Kafka, and who it is to the others.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ClusterArgs {
    /// Some of Kafka's brokers, by commas; a role of its own needs them
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) kafka_brokers: Option<String>,
    /// The topic that is the log; NAME-owners is the one in which nodes say what they own [default: sluice]
    #[arg(long, value_name = "NAME")]
    pub(crate) kafka_topic: Option<String>,
    /// The zone of this node. Each zone has all partitions once, so zones are replicas of each other [default: a]
    #[arg(long, value_name = "NAME")]
    pub(crate) zone: Option<String>,
    /// The name of this node, which no other has and which it keeps over restarts [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Where the others reach this node's gRPC port [default: the address of --grpc]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) advertise: Option<String>,
}

/// One role of its own: what `serve` takes, and the cluster.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RoleArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// On how many brokers each record is; 3 in production
    #[arg(long, value_name = "N")]
    pub(crate) replicas: u32,
    /// How long the log is kept. A node that is longer behind than this needs another's store
    #[arg(long, value_name = "HOURS", default_value_t = 72)]
    pub(crate) log_hours: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
