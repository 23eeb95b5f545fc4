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
    /// An Alertmanager that is told what fires: http://HOST:PORT [default: nobody]
    #[arg(long, value_name = "URL")]
    pub(crate) alertmanager: Option<String>,
    /// Told by a POST every minute that all is well, to raise the alarm when it is not told: http://HOST:PORT/PATH [default: nobody]
    #[arg(long, value_name = "URL")]
    pub(crate) dead_man: Option<String>,
    /// Publish probes into each partition, read them back and say what became of them [default: true]
    #[arg(long, value_name = "BOOL")]
    pub(crate) canary: Option<bool>,
    /// Memory of all publish requests at work, over all connections, in MiB; beyond it they are refused and sent again [default: 1024]
    #[arg(long, value_name = "MIB")]
    pub(crate) publish_memory_mib: Option<usize>,
    /// Configuration file [default: ./sluice.toml if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
