//! Every command and flag, with its help. Flags may be added, none renamed.

mod data;
mod notify;
mod publish;
mod read;
mod rules;
mod serve;
mod watchdog;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use data::{BackupArgs, DeleteArgs, InspectArgs, RestoreArgs, VerifyArgs};
pub(crate) use notify::{
    AcknowledgeArgs, NotifyArgs, NotifyCommand, NotifyTryArgs, SilenceAddArgs, SilenceArgs, SilenceCommand,
};
pub(crate) use publish::{AgentArgs, As, Endpoint, LoadgenArgs, PublishArgs};
pub(crate) use read::{
    AlertsArgs, CanaryArgs, DimensionsArgs, HealthArgs, HintsArgs, MetricsArgs, Read, ReadCommand,
    SeriesArgs, TopArgs, Window,
};
pub(crate) use rules::{RulesArgs, RulesCheckArgs, RulesCommand, RulesReplayArgs, RulesTestArgs};
pub(crate) use serve::{ClusterArgs, ConfigArgs, RoleArgs, ServeArgs, TopicsArgs};
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
    /// Take measurements in and append them to Kafka; keeps nothing itself
    #[command(
        mut_args(hidden_of_a_frontend),
        after_help = "Example:\n  sluice frontend --kafka-brokers kafka-1:9092,kafka-2:9092 --partitions 16\n\nIt starts and answers while Kafka is away: publishes are refused then, with a time to come back."
    )]
    Frontend(RoleArgs),
    /// Own some partitions of a Kafka topic: merge, seal, keep and read them
    #[command(
        mut_args(hidden_of_an_aggregator),
        after_help = "Example:\n  sluice aggregator --kafka-brokers kafka-1:9092,kafka-2:9092 --partitions 16 --data ./data --zone a --node a-1\n\nNodes of a zone share the partitions; each zone has all of them. A node keeps its name and its data directory over restarts."
    )]
    Aggregator(RoleArgs),
    /// Answer questions of a whole cluster: asks the nodes that own the partitions; keeps nothing itself
    #[command(
        mut_args(hidden_of_a_coordinator),
        after_help = "Example:\n  sluice coordinator --kafka-brokers kafka-1:9092,kafka-2:9092 --partitions 16 --zone a\n  sluice top Latency --by Api --rank p99 --server http://127.0.0.1:4318\n\nPartitions and spread are those of the other roles. It asks owners of its own zone first. It starts and answers while Kafka is away."
    )]
    Coordinator(RoleArgs),
    /// Make the topics of a cluster in Kafka, with the settings that they need
    #[command(
        mut_args(hidden_of_topics),
        after_help = "Example:\n  sluice topics --kafka-brokers kafka-1:9092 --partitions 16 --replicas 3\n\nTopics that are there already are left as they are."
    )]
    Topics(TopicsArgs),
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
    /// Check rule files, and run them against sample data, or against what a server has
    #[command(
        after_help = "Examples:\n  sluice rules check rules/*.yaml        line and column of whatever is wrong\n  sluice rules test shop.test.yaml       sample series in, expected states per minute out\n  sluice rules replay new.yaml --last 7d what they would have said of the last week"
    )]
    Rules(RulesArgs),
    /// How the receivers of notifications do; their file checked; one of them tried
    #[command(
        after_help = "Examples:\n  sluice notify status                    told, refused, failing since when\n  sluice notify check notify.yaml         line and column of whatever is wrong\n  sluice notify try notify.yaml ops       sends the receiver ops a notification that says it is a test"
    )]
    Notify(NotifyArgs),
    /// Keep alerts quiet for a time
    #[command(
        after_help = "Examples:\n  sluice silence add --where 'alertname=slow-api,Region=WestUS' --for 2h --comment 'being moved'\n  sluice silence list\n  sluice silence end 7"
    )]
    Silence(SilenceArgs),
    /// Say that somebody looks after what fires: it is not told again until it is over
    #[command(
        visible_alias = "ack",
        after_help = "Example:\n  sluice acknowledge --where 'alertname=slow-api' --by ada --comment 'rolling back'"
    )]
    Acknowledge(AcknowledgeArgs),
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

/// Every role takes one configuration, so that one file serves all; a role's help shows what it heeds.
fn hidden_of_a_frontend(arg: clap::Arg) -> clap::Arg {
    let unheeded = [
        "data",
        "grace_ms",
        "object_store",
        "hot_retention_days",
        "cold_cache_mb",
        "alertmanager",
        "notify",
        "zone",
        "node",
        "advertise",
    ];
    let is_hidden = unheeded.contains(&arg.get_id().as_str());
    arg.hide(is_hidden)
}

fn hidden_of_a_coordinator(arg: clap::Arg) -> clap::Arg {
    let heeded = [
        "grpc",
        "http",
        "http_hosts",
        "partitions",
        "spread",
        "unprotected",
        "config",
        "kafka_brokers",
        "kafka_topic",
        "zone",
        "node",
    ];
    let is_hidden = !heeded.contains(&arg.get_id().as_str());
    arg.hide(is_hidden)
}

fn hidden_of_an_aggregator(arg: clap::Arg) -> clap::Arg {
    let is_hidden = arg.get_id() == "notify";
    arg.hide(is_hidden)
}

fn hidden_of_topics(arg: clap::Arg) -> clap::Arg {
    let heeded = ["kafka_brokers", "kafka_topic", "partitions", "config", "replicas", "log_hours"];
    let is_hidden = !heeded.contains(&arg.get_id().as_str());
    arg.hide(is_hidden)
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
