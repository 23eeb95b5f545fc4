//! Every command and flag, with its help. Flags may be added, none renamed.

mod data;
mod publish;
mod read;
mod rules;
mod serve;
mod watchdog;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use data::{BackupArgs, DeleteArgs, InspectArgs, RestoreArgs, VerifyArgs};
pub(crate) use publish::{AgentArgs, As, Endpoint, LoadgenArgs, PublishArgs};
pub(crate) use read::{
    AlertsArgs, CanaryArgs, DimensionsArgs, HealthArgs, HintsArgs, MetricsArgs, Read, ReadCommand,
    SeriesArgs, TopArgs, Window,
};
pub(crate) use rules::{RulesArgs, RulesCheckArgs, RulesCommand, RulesTestArgs};
pub(crate) use serve::{ConfigArgs, ServeArgs};
pub(crate) use watchdog::WatchdogArgs;

/// A metrics system for the minute that just ended.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, about, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Start here:\n  sluice serve --data ./data          a server on this machine\n  sluice agent                        publish this machine's own metrics\n  sluice top process.cpu_ms --by name which processes are worst"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every role in one process over the embedded log
    #[command(
        after_help = "Example:\n  sluice serve --data ./data\n\nEvery flag can also be set as SLUICE_<NAME> or in sluice.toml; `sluice config` shows what counts."
    )]
    Serve(ServeArgs),
    /// Publish this machine's own metrics (cpu, memory, disk, network, per process)
    #[command(after_help = "Example:\n  sluice agent --every 5s")]
    Agent(AgentArgs),
    /// Publish measurements from files of JSON lines or CSV
    #[command(
        after_help = "Examples:\n  sluice publish --backfill --shift-to-now shop.jsonl.gz\n  echo '{\"ts\":1700000000.5,\"metric\":\"Latency\",\"dims\":{\"Api\":\"Get\"},\"value\":300}' | sluice publish --backfill -\n  sluice publish --id nightly-2024-05-01 --backfill big.csv     # safe to run again after a failure"
    )]
    Publish(PublishArgs),
    #[command(flatten)]
    Read(ReadCommand),
    /// Open-loop load with latency percentiles, and a check of every total
    #[command(after_help = "Example:\n  sluice loadgen --rate 100000 --series 50000 --duration 2m --verify")]
    Loadgen(LoadgenArgs),
    /// What a data directory's log segments, slabs and checkpoints hold, readable
    #[command(
        after_help = "Examples:\n  sluice inspect ./data\n  sluice inspect ./data --partition 2 --records 20 --rows 5\n  sluice inspect ./data/partition-0002/log/00000000000000000000.log\n\nWrites nothing and takes no lock, so it may run beside a server. Exit status 1 when anything is damaged."
    )]
    Inspect(InspectArgs),
    /// A consistent copy in a bucket or a directory, of a running server or a stopped one's directory
    #[command(
        after_help = "Examples:\n  sluice backup --to s3://bucket/sluice --keep 14\n  sluice backup --to file:///mnt/backup --data ./data      # of a server that is stopped\n  sluice backup --to s3://bucket/sluice --list\n  sluice backup --to s3://bucket/sluice --verify\n\nWhat is there already is not sent again. Credentials come from AWS_*, AZURE_* or GOOGLE_*; a running server uses its own."
    )]
    Backup(BackupArgs),
    /// A backup back into an empty data directory
    #[command(
        after_help = "Examples:\n  sluice restore --from s3://bucket/sluice --data ./data\n  sluice restore --from s3://bucket/sluice@20260501T103100Z --data ./data\n\nInterrupted, it goes on where it was when it is run again."
    )]
    Restore(RestoreArgs),
    /// Check rule files, and run them against sample data
    #[command(
        after_help = "Examples:\n  sluice rules check rules/*.yaml        line and column of whatever is wrong\n  sluice rules test shop.test.yaml       sample series in, expected states per minute out"
    )]
    Rules(RulesArgs),
    /// Delete series of a metric, or all of an account, for good
    #[command(
        after_help = "Examples:\n  sluice delete Latency --where 'Region=Test'                  says how many series that would be\n  sluice delete Latency --where 'Region=Test' --yes\n  sluice delete --account former-customer --everything --yes"
    )]
    Delete(DeleteArgs),
    /// Look at a server's canary from outside, and say loudly when it stops or is wrong
    #[command(
        after_help = "Examples:\n  sluice watchdog --webhook http://127.0.0.1:9000/sluice\n  sluice watchdog --once          for a timer of the system's: exit status 1 unless all is well"
    )]
    Watchdog(WatchdogArgs),
    /// Decode everything in a data directory and name each damaged block
    #[command(
        after_help = "Example:\n  sluice verify --data ./data\n\nWrites nothing and takes no lock, so it may run beside a server. Exit status 1 when anything is damaged."
    )]
    Verify(VerifyArgs),
    /// The configuration that counts, and where each value comes from
    #[command(after_help = "Example:\n  SLUICE_GRPC=127.0.0.1:14317 sluice config --format json")]
    Config(ConfigArgs),
    /// A completion script for your shell
    #[command(after_help = "Example:\n  sluice completions bash > /etc/bash_completion.d/sluice")]
    Completions(CompletionsArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns that fit the terminal
    Table,
    /// The answer of the JSON API
    Json,
    /// With a header line
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
