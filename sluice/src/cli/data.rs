//! The commands for what is stored: shown, checked, copied, brought back, deleted.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A data directory, a partition's folder, or one log segment
    pub(crate) path: PathBuf,
    /// Only this partition
    #[arg(long, value_name = "N")]
    pub(crate) partition: Option<u32>,
    /// Show this many of the newest log records
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) records: usize,
    /// Show this many rows of each of these records
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) rows: usize,
    /// List every slab block by itself, not only the metrics
    #[arg(long)]
    pub(crate) blocks: bool,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The data directory
    #[arg(long, value_name = "DIR", default_value = "./sluice-data")]
    pub(crate) data: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Where backups are: file:///dir, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// The data directory of a server that is stopped [default: ask the running one]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The running server's HTTP address
    #[arg(long, value_name = "URL", env = "SLUICE_SERVER", default_value = "http://127.0.0.1:4318")]
    pub(crate) server: String,
    /// Afterwards remove all but the newest N backups, and what only they needed
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
    /// Show the backups that are there
    #[arg(long, conflicts_with_all = ["data", "keep", "verify"])]
    pub(crate) list: bool,
    /// Read a backup again, the newest or the one named, and compare every byte's checksum
    #[arg(long, value_name = "BACKUP", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["data", "keep"])]
    pub(crate) verify: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Where backups are, and @ which one [default: the newest]
    #[arg(long, value_name = "URL[@BACKUP]")]
    pub(crate) from: String,
    /// An empty directory, or a new one
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The metric
    #[arg(conflicts_with = "everything")]
    pub(crate) metric: Option<String>,
    /// Only series that fulfil this, as in --where of `sluice top`
    #[arg(long = "where", value_name = "CONDITIONS", conflicts_with = "everything")]
    pub(crate) conditions: Option<String>,
    /// Whose; must be named with --everything [default: default]
    #[arg(long, value_name = "NAME", env = "SLUICE_ACCOUNT")]
    pub(crate) account: Option<String>,
    /// All metrics of the account
    #[arg(long)]
    pub(crate) everything: bool,
    /// Do it; without, it is only said how many series there are
    #[arg(long)]
    pub(crate) yes: bool,
    /// The server's HTTP address
    #[arg(long, value_name = "URL", env = "SLUICE_SERVER", default_value = "http://127.0.0.1:4318")]
    pub(crate) server: String,
    /// table on a terminal, json otherwise
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
