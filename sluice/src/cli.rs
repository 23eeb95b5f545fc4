//! Every command and flag, with its help. Flags may be added, none renamed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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

/// The commands that ask a server by the public API.
#[derive(Debug, Subcommand)]
pub(crate) enum ReadCommand {
    /// The N worst (or best) groups of a metric, exactly
    #[command(
        after_help = "Examples:\n  sluice top Latency --by Api --rank p99 --n 10 --pivot Requests:sum\n  sluice top Latency --by Region,Api --where 'Region=WestUS,Api=~Get.*,Sku!=Free' --last 1h"
    )]
    Top(TopArgs),
    /// Values of a metric over time
    #[command(after_help = "Example:\n  sluice series Latency --by Api --sampling avg --step 5m --last 1h")]
    Series(SeriesArgs),
    /// The metrics that have data
    #[command(after_help = "Example:\n  sluice metrics --last 1h")]
    Metrics(MetricsArgs),
    /// The dimensions of a metric
    #[command(after_help = "Example:\n  sluice dimensions Latency")]
    Dimensions(DimensionsArgs),
    /// Which values of a dimension exist, given what is selected already
    #[command(after_help = "Example:\n  sluice hints Latency --select Region=WestUS --of VMID --prefix ab")]
    Hints(HintsArgs),
    /// Roles, partitions, lag, and where rows were refused or dropped
    #[command(after_help = "Example:\n  sluice health --server http://127.0.0.1:4318")]
    Health(HealthArgs),
    /// What fires, is about to, or cannot be said
    #[command(after_help = "Examples:\n  sluice alerts\n  sluice alerts --all --format json")]
    Alerts(AlertsArgs),
}

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
    /// Memory of all publish requests at work, over all connections, in MiB; beyond it they are refused and sent again [default: 1024]
    #[arg(long, value_name = "MIB")]
    pub(crate) publish_memory_mib: Option<usize>,
    /// Configuration file [default: ./sluice.toml if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Endpoint {
    /// The gRPC endpoint to publish to
    #[arg(long, value_name = "URL", env = "SLUICE_ENDPOINT", default_value = "http://127.0.0.1:4317")]
    pub(crate) endpoint: String,
    /// The account to publish for
    #[arg(long, value_name = "NAME", env = "SLUICE_ACCOUNT", default_value = "default")]
    pub(crate) account: String,
}

#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    /// How often this machine is measured
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub(crate) every: humantime::Duration,
    /// Processes reported one by one, those with the most CPU and memory first; the others as one
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) processes: usize,
}

/// What is kept beside sum, count, min and max.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum As {
    /// Nothing
    #[default]
    Value,
    /// How the measurements are distributed, for percentiles
    Distribution,
    /// How many different values there are; any string or number
    Distinct,
}

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    /// JSON lines, or CSV with a header (ts, metric, value, and a column a dimension); .gz and .zst as they are; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What is kept beside sum, count, min and max; "as" on a line wins
    #[arg(long = "as", value_enum, default_value_t = As::Value)]
    pub(crate) kept: As,
    /// Rows may be as old as retention
    #[arg(long)]
    pub(crate) backfill: bool,
    /// Move all timestamps by the same whole number of minutes so that the newest falls into the last full minute
    #[arg(long)]
    pub(crate) shift_to_now: bool,
    /// A name for this input: running it again after a failure changes nothing
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) id: Option<String>,
    /// How the accounting line is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
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

/// What every read command takes.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The server's HTTP address
    #[arg(long, value_name = "URL", env = "SLUICE_SERVER", default_value = "http://127.0.0.1:4318")]
    pub(crate) server: String,
    /// table on a terminal, json otherwise
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Exit with 3 when the answer is partial
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Whose data and which time.
#[derive(Debug, Args)]
pub(crate) struct Window {
    /// The account to ask for
    #[arg(long, value_name = "NAME", env = "SLUICE_ACCOUNT", default_value = "default")]
    pub(crate) account: String,
    /// Start: RFC 3339, unix seconds, or now-1h
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub(crate) from: Option<String>,
    /// End, not included: RFC 3339, unix seconds, or now-5m
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub(crate) to: Option<String>,
    /// The time up to the current minute [default: 15m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) last: Option<humantime::Duration>,
    /// Also the minute that is still open, marked so
    #[arg(long)]
    pub(crate) include_open: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// The metric to rank
    pub(crate) metric: String,
    /// Dimensions to group by; * is the whole tuple; '' is one group of everything
    #[arg(long, value_name = "DIM,…", default_value = "*")]
    pub(crate) by: String,
    /// sum, count, min, max, avg, rate, distinct, p50 … p99.99
    #[arg(long, value_name = "SAMPLING", default_value = "sum")]
    pub(crate) rank: String,
    /// How many
    #[arg(long, short, value_name = "N", default_value_t = 10)]
    pub(crate) n: u32,
    /// The least instead of the greatest
    #[arg(long)]
    pub(crate) bottom: bool,
    /// Conditions: Region=WestUS,Api=~Get.*,Sku!=Free (also: Dim in (a,b), Dim not in (a,b), Dim exists, Dim absent)
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(crate) filter: Option<String>,
    /// Another metric's value for the winners, as METRIC:SAMPLING; repeatable
    #[arg(long, value_name = "METRIC:SAMPLING")]
    pub(crate) pivot: Vec<String>,
    /// Each winner's values over time as well
    #[arg(long)]
    pub(crate) points: bool,
    /// Width of a point, whole minutes
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub(crate) step: humantime::Duration,
    #[command(flatten)]
    pub(crate) window: Window,
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct SeriesArgs {
    /// The metric
    pub(crate) metric: String,
    /// Dimensions to group by; * is the whole tuple; '' is one group of everything
    #[arg(long, value_name = "DIM,…", default_value = "*")]
    pub(crate) by: String,
    /// sum, count, min, max, avg, rate, distinct, p50 … p99.99
    #[arg(long, value_name = "SAMPLING", default_value = "sum")]
    pub(crate) sampling: String,
    /// Width of a point, whole minutes
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub(crate) step: humantime::Duration,
    /// Conditions, as in `sluice top`
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(crate) filter: Option<String>,
    #[command(flatten)]
    pub(crate) window: Window,
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    /// Only names that begin so
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prefix: String,
    #[command(flatten)]
    pub(crate) window: Window,
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct DimensionsArgs {
    /// The metric
    pub(crate) metric: String,
    #[command(flatten)]
    pub(crate) window: Window,
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct HintsArgs {
    /// The metric
    pub(crate) metric: String,
    /// What is selected already, as in --where of `sluice top`; repeatable, in order
    #[arg(long, value_name = "CONDITION")]
    pub(crate) select: Vec<String>,
    /// The dimension whose values are asked for
    #[arg(long, value_name = "DIM")]
    pub(crate) of: String,
    /// Only values that begin so
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prefix: String,
    /// Only values that contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) substring: String,
    /// Values on one page
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u32,
    /// The next page: values after this one
    #[arg(long, value_name = "VALUE", default_value = "")]
    pub(crate) after: String,
    #[command(flatten)]
    pub(crate) window: Window,
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct AlertsArgs {
    /// Also what is pending, resolved, unknown or without data, not only what fires
    #[arg(long)]
    pub(crate) all: bool,
    /// The account to ask for
    #[arg(long, value_name = "NAME", env = "SLUICE_ACCOUNT", default_value = "default")]
    pub(crate) account: String,
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct LoadgenArgs {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    /// The server's HTTP address, for --verify
    #[arg(long, value_name = "URL", env = "SLUICE_SERVER", default_value = "http://127.0.0.1:4318")]
    pub(crate) server: String,
    /// Rows a second, whatever the server does (open loop)
    #[arg(long, value_name = "ROWS/S", default_value_t = 10_000)]
    pub(crate) rate: u64,
    /// Different series
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) series: u64,
    /// Rows in one batch
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) batch: u32,
    /// How long
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub(crate) duration: humantime::Duration,
    /// What is generated; the same seed gives the same rows
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Values of the dimension Bucket, by which totals are compared
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) buckets: u32,
    /// A quarter of the rows are fractions instead of whole numbers
    #[arg(long)]
    pub(crate) floats: bool,
    /// Value of the dimension Run, which keeps this run's series apart [default: the time of the start]
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
    /// Publishers that take turns, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) publishers: u32,
    /// Batches sent and not answered, of all publishers together
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) in_flight: usize,
    /// Give up when the next batch has been due for this long, or when the last answers take this long
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub(crate) patience: humantime::Duration,
    /// Afterwards ask for every total and compare it with what was sent
    #[arg(long)]
    pub(crate) verify: bool,
    /// With --verify: acknowledged rows must be visible within this time
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub(crate) verify_within: humantime::Duration,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

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
    #[arg(
        long = "where",
        value_name = "CONDITIONS",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "everything"
    )]
    pub(crate) conditions: String,
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
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// How the result is printed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
