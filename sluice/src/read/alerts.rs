//! `sluice alerts`.

mod history;

use serde_json::Value;

use super::{AskError, Table, format_or_default, get};
use crate::cli::AlertsArgs;
use crate::exit::Exit;

pub(crate) fn run(args: &AlertsArgs) -> Result<Exit, AskError> {
    if args.history {
        return history::run(args);
    }
    let mut answer = get(&args.read.server, "/v1/alerts")?;
    let wanted = |one: &Value| one["account"] == args.account.as_str() && (args.all || one["firing"] == true);
    if let Some(alerts) = answer["alerts"].as_array_mut() {
        alerts.retain(wanted);
    }
    table(&answer).print(format_or_default(args.read.format), &answer);
    if let Some(why) = answer["rules"]["refused"].as_str() {
        eprintln!("note: the rule files cannot be used, and what held before holds on: {why}");
    }
    if has_no_rules(&answer) {
        eprintln!(
            "note: there are no rules: write one as docs/alerts.md shows, check it with `sluice rules check FILE`, and put it into ./rules of the server (`sluice serve --rules DIR`)"
        );
    }
    let all_here = answer["partial"] != true;
    if !all_here {
        let reasons: Vec<&str> =
            answer["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match reasons.as_slice() {
            [] => eprintln!("partial answer: there are more alerts than are shown"),
            reasons => eprintln!("partial answer: {}", reasons.join("; ")),
        }
    }
    Ok(if args.read.strict && !all_here { Exit::Partial } else { Exit::Good })
}

/// Partitions say that they hold none, and none are refused. Version 0 is that of no files.
fn has_no_rules(answer: &Value) -> bool {
    let versions = answer["rules"]["versions"].as_array();
    answer["rules"]["refused"].is_null()
        && versions.is_some_and(|versions| {
            !versions.is_empty() && versions.iter().all(|version| version == "0000000000000000")
        })
}

fn table(answer: &Value) -> Table {
    let mut table = Table::new(["state", "severity", "rule", "since", "value", "series", "quiet"]);
    for one in answer["alerts"].as_array().into_iter().flatten() {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let dims = words_of(&one["dims"]);
        let value = one["value"].as_f64().map_or_else(|| "-".to_owned(), |value| value.to_string());
        table.row([
            text("state"),
            text("severity"),
            text("rule"),
            text("since"),
            value,
            dims,
            quiet(&one["quiet"]),
        ]);
    }
    table
}

/// Why it is not told; empty when it is.
fn quiet(why: &Value) -> String {
    let text = |key: &str| why[key].as_str().unwrap_or_default();
    match text("why") {
        "silence" => format!("silence {} {}", why["id"], text("by")),
        "maintenance" => format!("maintenance {}", text("name")),
        word => format!("{word} {}", text("by")),
    }
    .trim()
    .to_owned()
}

/// `name=value,…` of dimensions.
pub(crate) fn words_of(dims: &Value) -> String {
    let word = |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap_or_default());
    dims.as_object().into_iter().flatten().map(word).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_rules_are_told_from_rules_that_are_refused() {
        let none = |versions: &[&str], refused: Value| {
            has_no_rules(&json!({"alerts": [], "rules": {"versions": versions, "refused": refused}}))
        };
        assert!(none(&["0000000000000000"], Value::Null));
        assert!(!none(&[], Value::Null), "nobody said so");
        assert!(!none(&["0000000000000000"], json!("a.yaml:1:1: the file is empty")));
        assert!(!none(&["0000000000000000", "8f00000000000001"], Value::Null));
    }
}
