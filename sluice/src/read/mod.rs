//! The read commands: flags to a request of the JSON API, the answer to a table, JSON or CSV.
//!
//! In:   parsed flags. Out: text on stdout and an exit status. Never: another protocol than the public one.

mod alerts;
mod ask;
mod canary;
mod conditions;
mod dimensions;
mod health;
mod hints;
mod metrics;
mod series;
mod table;
mod top;
mod window;

pub(crate) use alerts::words_of as words;
pub(crate) use ask::{AskError, delete, get, post};
pub(crate) use conditions::parse as conditions_of;
pub(crate) use table::{Table, exact, number};
pub(crate) use window::{at, now, range};

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
        ReadCommand::Canary(args) => canary::run(args),
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
    let ratio = ratio_of_partial(completeness["ratio"].as_f64().unwrap_or(0.0));
    eprintln!("partial answer, completeness {ratio}: {}", reasons.join("; "));
    if read.strict { Exit::Partial } else { Exit::Good }
}

/// Never 1: what is missing may be less than the digits shown, or nothing that the ratio counts.
fn ratio_of_partial(ratio: f64) -> String {
    if ratio >= 1.0 {
        return "below 1".to_owned();
    }
    let shown = format!("{ratio:.4}");
    if shown.starts_with('1') { "above 0.9999".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_answer_is_never_shown_as_complete() {
        let shown = [0.0, 0.5, 0.99994, 0.99996, 0.999_999_999, 1.0].map(ratio_of_partial);
        assert_eq!(shown, ["0.0000", "0.5000", "0.9999", "above 0.9999", "above 0.9999", "below 1"]);
    }
}
