//! The read commands: flags to a request of the JSON API, the answer to a table, JSON or CSV.
//!
//! In:   parsed flags. Out: text on stdout and an exit status. Never: another protocol than the public one.

mod alerts;
mod ask;
mod conditions;
mod dimensions;
mod health;
mod hints;
mod metrics;
mod series;
mod table;
mod top;
mod window;

pub(crate) use ask::{AskError, get, post};
pub(crate) use conditions::parse as conditions_of;
pub(crate) use table::{Table, exact, number};

use std::io::IsTerminal as _;

use serde_json::Value;

use crate::cli::{Format, Read, ReadCommand};
use crate::exit::Exit;

/// Runs a read command.
pub(crate) fn run(command: &ReadCommand) -> Result<Exit, AskError> {
    match command {
        ReadCommand::Top(args) => top::run(args),
        ReadCommand::Series(args) => series::run(args),
        ReadCommand::Metrics(args) => metrics::run(args),
        ReadCommand::Dimensions(args) => dimensions::run(args),
        ReadCommand::Hints(args) => hints::run(args),
        ReadCommand::Alerts(args) => alerts::run(args),
        ReadCommand::Health(args) => health::run(args),
    }
}

/// A table on a terminal, JSON for programs, unless told otherwise.
pub(crate) fn format_or_default(format: Option<Format>) -> Format {
    format.unwrap_or(if std::io::stdout().is_terminal() { Format::Table } else { Format::Json })
}

/// Prints the answer, then what is to be known of it on stderr: warnings and what is missing.
fn finish(read: &Read, answer: &Value, table: &Table) -> Exit {
    table.print(format_or_default(read.format), answer);
    for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("note: {warning}");
    }
    let completeness = &answer["completeness"];
    if completeness["partial"].as_bool() != Some(true) {
        return Exit::Good;
    }
    let reasons: Vec<&str> =
        completeness["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let ratio = completeness["ratio"].as_f64().unwrap_or(0.0);
    eprintln!("partial answer, completeness {ratio:.4}: {}", reasons.join("; "));
    if read.strict { Exit::Partial } else { Exit::Good }
}
