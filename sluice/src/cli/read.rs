//! The commands that ask a server by the public API.

use clap::{Args, Subcommand};

use super::Format;

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
    #[command(
        after_help = "Examples:\n  sluice health --server http://127.0.0.1:4318\n  sluice health --own 30m        memory, CPU, rows and lag of the last half hour, minute by minute"
    )]
    Health(HealthArgs),
    /// What fires, is about to, or cannot be said
    #[command(
        after_help = "Examples:\n  sluice alerts\n  sluice alerts --all --format json\n  sluice alerts --history --last 24h --rule slow-api"
    )]
    Alerts(AlertsArgs),
    /// How long each hop takes, and whether what was published is what is answered
    #[command(
        after_help = "Examples:\n  sluice canary               each partition, its newest minute: medians in ms\n  sluice canary --last 30m    minute by minute: p99 in ms, completeness\n  sluice canary --strict      exit status 3 unless every partition is right"
    )]
    Canary(CanaryArgs),
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
    /// sum, count, min, max, avg, rate, distinct, or a percentile: p50, p99.9, up to p100
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
    /// sum, count, min, max, avg, rate, distinct, or a percentile: p50, p99.9, up to p100
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
    #[arg(long, conflicts_with = "history")]
    pub(crate) all: bool,
    /// What has been: every change of state, newest first
    #[arg(long)]
    pub(crate) history: bool,
    /// Only this rule's
    #[arg(long, value_name = "NAME", requires = "history")]
    pub(crate) rule: Option<String>,
    /// About how many changes: whole minutes are shown
    #[arg(long, value_name = "N", default_value_t = 1_000, requires = "history")]
    pub(crate) limit: u32,
    /// Start: RFC 3339, unix seconds, or now-1h
    #[arg(long, value_name = "TIME", conflicts_with = "last", requires = "history")]
    pub(crate) from: Option<String>,
    /// End, not included: RFC 3339, unix seconds, or now-5m
    #[arg(long, value_name = "TIME", conflicts_with = "last", requires = "history")]
    pub(crate) to: Option<String>,
    /// The time up to now [default: 1h]
    #[arg(long, value_name = "DURATION", requires = "history")]
    pub(crate) last: Option<humantime::Duration>,
    /// The account to ask for
    #[arg(long, value_name = "NAME", env = "SLUICE_ACCOUNT", default_value = "default")]
    pub(crate) account: String,
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The server's own last minutes instead, as it keeps them in memory: two hours at most
    #[arg(long, value_name = "DURATION")]
    pub(crate) own: Option<humantime::Duration>,
    #[command(flatten)]
    pub(crate) read: Read,
}

#[derive(Debug, Args)]
pub(crate) struct CanaryArgs {
    /// The last minutes, one by one, two hours at most
    #[arg(long, value_name = "DURATION")]
    pub(crate) last: Option<humantime::Duration>,
    #[command(flatten)]
    pub(crate) read: Read,
}
