//! Rule files.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Say whether these files can be used, together
    Check(RulesCheckArgs),
    /// Run the tests of these files
    Test(RulesTestArgs),
    /// Say what these rules would have said of minutes that a server has
    Replay(RulesReplayArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RulesCheckArgs {
    /// Rule files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Partitions of the server that will use them
    #[arg(long, value_name = "N", env = "SLUICE_PARTITIONS", default_value_t = 4)]
    pub(crate) partitions: u32,
    /// Partitions of one metric [default: as many as there are, at most 4]
    #[arg(long, value_name = "N", env = "SLUICE_SPREAD")]
    pub(crate) spread: Option<u32>,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTestArgs {
    /// Test files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesReplayArgs {
    /// Rule files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Only this rule
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,
    /// Every change of state, not only what would have been told
    #[arg(long)]
    pub(crate) all: bool,
    /// Start: RFC 3339, unix seconds, or now-1h
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub(crate) from: Option<String>,
    /// End, not included: RFC 3339, unix seconds, or now-5m
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub(crate) to: Option<String>,
    /// The time up to the current minute [default: 1d]
    #[arg(long, value_name = "DURATION")]
    pub(crate) last: Option<humantime::Duration>,
    /// The server's HTTP address
    #[arg(long, value_name = "URL", env = "SLUICE_SERVER", default_value = "http://127.0.0.1:4318")]
    pub(crate) server: String,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Exit with 3 when some minutes could not be judged
    #[arg(long)]
    pub(crate) strict: bool,
}
