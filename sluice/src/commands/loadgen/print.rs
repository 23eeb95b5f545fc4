//! The result of a run for people and programs.

use std::time::Duration;

use loadgen::{Ended, Latency, Outcome, Plan};
use serde_json::{Value, json};

use super::Verdict;
use crate::cli::LoadgenArgs;
use crate::read::{Table, format_or_default, number};

/// To stdout.
pub(super) fn print(args: &LoadgenArgs, plan: &Plan, outcome: &Outcome, verdict: Option<&Verdict>) {
    let result = result(args, plan, outcome, verdict);
    let mut table = Table::new(["", "value"]);
    for (name, value) in result.as_object().into_iter().flatten() {
        rows(name, value, &mut table);
    }
    table.print(format_or_default(args.format), &result);
}

/// A line for each number, with its path as its name.
fn rows(name: &str, value: &Value, table: &mut Table) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(field, value)| rows(&format!("{name} {field}"), value, table));
        }
        Value::Array(items) => table.row([name.to_owned(), items.len().to_string()]),
        Value::String(text) => table.row([name.to_owned(), text.clone()]),
        Value::Null => {}
        other => table.row([name.to_owned(), number(other)]),
    }
}

fn result(args: &LoadgenArgs, plan: &Plan, outcome: &Outcome, verdict: Option<&Verdict>) -> Value {
    json!({
        "rows": outcome.rows,
        "acked": outcome.acked,
        "refused": outcome.refused,
        "unconfirmed": outcome.unconfirmed,
        "unsent": outcome.unsent,
        "retried": outcome.retried,
        "ended": ended(outcome.ended),
        "seconds": seconds(outcome.elapsed),
        "target_rows_per_second": args.rate,
        "rows_per_second": outcome.rate().round(),
        "latency_ms": latency(&outcome.latency),
        "cpu_seconds": seconds(outcome.cpu),
        "run": plan.load().run,
        "seed": args.seed,
        "series": args.series,
        "from": outcome.window.from.unix_seconds(),
        "to": outcome.window.to.unix_seconds(),
        "verified": verdict.map(verified),
    })
}

fn latency(latency: &Latency) -> Value {
    json!({
        "p50": latency.percentile_ms(50.0),
        "p90": latency.percentile_ms(90.0),
        "p99": latency.percentile_ms(99.0),
        "p99.9": latency.percentile_ms(99.9),
        "max": latency.max_ms(),
        "batches": latency.batches(),
    })
}

fn verified(verdict: &Verdict) -> Value {
    let difference = |difference: &loadgen::Difference| {
        json!({
            "metric": difference.group.metric,
            "bucket": difference.group.bucket,
            "quantity": difference.quantity.name(),
            "expected": difference.expected.map(|bounds| bounds.to_string()),
            "got": difference.got,
        })
    };
    json!({
        "totals": verdict.totals,
        "differences": verdict.differences.iter().map(difference).collect::<Vec<_>>(),
        "seconds": seconds(verdict.took),
    })
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::Complete => "complete",
        Ended::Stopped => "stopped",
        Ended::ServerBehind { .. } => "server_behind",
        Ended::GeneratorBehind { .. } => "generator_behind",
    }
}

/// What is wrong with the run itself.
pub(super) fn complaints(args: &LoadgenArgs, outcome: &Outcome) -> Vec<String> {
    let refused: u64 = outcome.refused.values().sum();
    let refusal = outcome.refusal.as_deref().unwrap_or_default();
    let unconfirmed = outcome.unconfirmed;
    [
        gave_up(args, outcome),
        (refused > 0).then(|| format!("the server refused {refused} rows: {refusal}")),
        (unconfirmed > 0).then(|| {
            format!("{unconfirmed} rows have no answer after {}: they may be there or not", args.patience)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn gave_up(args: &LoadgenArgs, outcome: &Outcome) -> Option<String> {
    let unsent = outcome.unsent;
    match outcome.ended {
        Ended::Complete | Ended::Stopped => None,
        Ended::ServerBehind { behind } => Some(format!(
            "the server falls behind by {:.1} s at {} rows/s, {unsent} rows were not sent: lower --rate, or raise --patience or --in-flight",
            behind.as_secs_f64(),
            args.rate,
        )),
        Ended::GeneratorBehind { behind } => Some(format!(
            "this process falls behind by {:.1} s at {} rows/s, {unsent} rows were not sent: lower --rate, or raise --batch",
            behind.as_secs_f64(),
            args.rate,
        )),
    }
}
