//! The commands that publish.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use model::Bounds;

use super::Format;

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
    /// JSON lines, or CSV with a header (the same names as in JSON, and a column a dimension); .gz and .zst as they are; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What is kept beside sum, count, min and max; "as" on a line wins
    #[arg(long = "as", value_enum, default_value_t = As::Value)]
    pub(crate) kept: As,
    /// Count distributions between these bounds: 5,10,200; "bounds" on a line wins
    #[arg(long, value_name = "BOUND,…", value_parser = bounds, allow_hyphen_values = true, requires = "kept")]
    pub(crate) bounds: Option<Bounds>,
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

fn bounds(text: &str) -> Result<Bounds, String> {
    let bound = |bound: &str| bound.trim().parse().map_err(|_| format!("{bound:?} is no number"));
    let bounds: Vec<f64> = text.split(',').map(bound).collect::<Result<_, _>>()?;
    Bounds::new(bounds).map_err(|why| why.to_string())
}
