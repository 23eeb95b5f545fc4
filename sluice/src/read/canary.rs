//! `sluice canary`.

use canary::{Hop, MINUTES_KEPT};
use serde_json::Value;

use super::{AskError, Table, format_or_default, get};
use crate::cli::{CanaryArgs, Format};
use crate::exit::Exit;

pub(crate) fn run(args: &CanaryArgs) -> Result<Exit, AskError> {
    let minutes = args.last.map(|last| minutes_of(*last)).transpose()?;
    let answer = get(&args.read.server, "/v1/canary")?;
    let format = format_or_default(args.read.format);
    match minutes {
        Some(minutes) => over_time(&answer, minutes).print(format, &answer),
        None => now(&answer).print(format, &answer),
    }
    if format == Format::Table {
        notes(&answer);
    }
    Ok(if args.read.strict && !is_right(&answer) { Exit::Partial } else { Exit::Good })
}

/// How many minutes back.
fn minutes_of(last: std::time::Duration) -> Result<usize, AskError> {
    let minutes = usize::try_from(last.as_secs() / 60).unwrap_or(usize::MAX);
    if (1..=MINUTES_KEPT).contains(&minutes) {
        return Ok(minutes);
    }
    Err(AskError::Call(format!(
        "--last is {}m, must be from 1m to {MINUTES_KEPT}m: for longer ask for the series, as `sluice series sluice.canary.hop_ms --account sluice --by hop --sampling p99`",
        minutes
    )))
}

/// By partition, its newest minute; medians in milliseconds.
fn now(answer: &Value) -> Table {
    let head = ["partition", "verdict"].into_iter().chain(Hop::ALL[..7].iter().map(|hop| hop.name()));
    let mut table = Table::new(head.chain(["detail"]).map(str::to_owned));
    for row in list(&answer["partitions"]) {
        let mut cells = vec![row["partition"].to_string(), text(&row["verdict"])];
        cells.extend(Hop::ALL[..7].iter().map(|hop| ms(&row["hops"][hop.name()]["p50"])));
        cells.push(text(&row["detail"]));
        table.row(cells);
    }
    table
}

/// By minute, all partitions; 99 of 100 took no longer, in milliseconds.
fn over_time(answer: &Value, minutes: usize) -> Table {
    let head =
        ["minute", "verdicts", "completeness"].into_iter().chain(Hop::ALL.iter().map(|hop| hop.name()));
    let mut table = Table::new(head.map(str::to_owned));
    let rows = list(&answer["minutes"]);
    for row in &rows[rows.len().saturating_sub(minutes)..] {
        let verdicts = row["verdicts"].as_object().into_iter().flatten();
        let verdicts: Vec<String> = verdicts.map(|(verdict, count)| format!("{count} {verdict}")).collect();
        let completeness =
            row["completeness"].as_f64().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.4}"));
        let mut cells = vec![text(&row["at"]), verdicts.join(", "), completeness];
        cells.extend(Hop::ALL.iter().map(|hop| ms(&row["hops"][hop.name()]["p99"])));
        table.row(cells);
    }
    table
}

fn notes(answer: &Value) {
    if answer["running"] == false {
        eprintln!("note: this server runs without a canary (`canary = false`)");
    } else if list(&answer["minutes"]).is_empty() {
        eprintln!(
            "note: no minute is judged yet: the first whole one after the start is, some seconds after its end"
        );
    } else if answer["minutes"]
        .as_array()
        .and_then(|all| all.last())
        .is_some_and(|last| last["alert_rule"] == false)
    {
        eprintln!(
            "note: the hop to the alert is not measured: put deploy/rules/canary.yaml into the server's rules folder"
        );
    }
}

/// Every partition, in the newest minute that is judged.
fn is_right(answer: &Value) -> bool {
    let partitions = list(&answer["partitions"]);
    !partitions.is_empty() && partitions.iter().all(|one| one["verdict"] == "right")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn ms(value: &Value) -> String {
    let shown = |ms: f64| if ms < 100.0 { format!("{ms:.2}") } else { format!("{ms:.0}") };
    value.as_f64().map_or_else(|| "-".to_owned(), shown)
}
