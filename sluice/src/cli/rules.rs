//! Rule files without a server.

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
