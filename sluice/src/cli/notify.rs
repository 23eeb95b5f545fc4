//! Who is told, and what is kept quiet.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct NotifyArgs {
    #[command(subcommand)]
    pub(crate) command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// How the receivers of a running server do
    Status(ServerArgs),
    /// Say whether a file of receivers can be used
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Send one receiver a notification that says it is a test
    Try(NotifyTryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NotifyTryArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The receiver's name
    #[arg(value_name = "NAME")]
    pub(crate) receiver: String,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SilenceArgs {
    #[command(subcommand)]
    pub(crate) command: SilenceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SilenceCommand {
    /// From now on, or from --from on
    Add(SilenceAddArgs),
    /// Those that are, will be, and ended in the last week; and maintenance
    List(ServerArgs),
    /// End one now
    End {
        /// Its number
        #[arg(value_name = "ID")]
        id: u64,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SilenceAddArgs {
    /// Conditions on labels, as in `sluice top`: alertname=slow-api,Region=WestUS
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(crate) filter: String,
    /// How long
    #[arg(long = "for", value_name = "DURATION", required_unless_present = "to")]
    pub(crate) last: Option<humantime::Duration>,
    /// Start, when it is not now: RFC 3339 or unix seconds
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// End: RFC 3339 or unix seconds
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) said: SaidArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AcknowledgeArgs {
    /// Conditions on labels, as in `sluice top`: alertname=slow-api,Region=WestUS
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(crate) filter: String,
    #[command(flatten)]
    pub(crate) said: SaidArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Who says it, and why.
#[derive(Debug, Args)]
pub(crate) struct SaidArgs {
    /// Who
    #[arg(long, value_name = "NAME", env = "USER", default_value = "")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) comment: String,
}

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server's HTTP address
    #[arg(long, value_name = "URL", env = "SLUICE_SERVER", default_value = "http://127.0.0.1:4318")]
    pub(crate) server: String,
    /// table on a terminal, json otherwise
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
