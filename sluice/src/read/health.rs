//! `sluice health`.

#[path = "health_own.rs"]
mod own;

use serde_json::Value;

use super::{AskError, Table, format_or_default, get, number};
use crate::cli::{Format, HealthArgs};
use crate::exit::Exit;

pub(crate) fn run(args: &HealthArgs) -> Result<Exit, AskError> {
    if let Some(own) = args.own {
        return own::run(&args.read, *own);
    }
    let answer = get(&args.read.server, "/v1/health")?;
    let format = format_or_default(args.read.format);
    partitions(&answer).print(format, &answer);
    if format == Format::Table {
        counters(&answer).print(format, &answer);
    }
    let all_serve = answer["partitions"].as_array().into_iter().flatten().all(|p| p["state"] == "serving");
    Ok(if args.read.strict && !all_serve { Exit::Partial } else { Exit::Good })
}

fn partitions(answer: &Value) -> Table {
    const NUMBERS: [&str; 8] = [
        "lag_records",
        "series",
        "rows_applied",
        "rows_duplicate",
        "rows_dropped",
        "rows_late",
        "log_end",
        "disk_bytes",
    ];
    let head = ["partition", "state", "sealed through"].into_iter().map(str::to_owned);
    let mut table =
        Table::new(head.chain(NUMBERS.map(|name| name.replace('_', " "))).chain(["detail".to_owned()]));
    for row in answer["partitions"].as_array().into_iter().flatten() {
        let sealed = row["sealed_through"].as_u64().filter(|sealed| *sealed > 0);
        let mut cells = vec![
            number(&row["partition"]),
            row["state"].as_str().unwrap_or_default().to_owned(),
            sealed.map_or_else(|| "-".to_owned(), clock),
        ];
        cells.extend(NUMBERS.map(|name| number(&row[name])));
        cells.push(row["detail"].as_str().unwrap_or_default().to_owned());
        table.row(cells);
    }
    table.foot("");
    table
}

fn counters(answer: &Value) -> Table {
    let mut table = Table::new(["hop", "account", "reason", "rows"]);
    for row in answer["counters"].as_array().into_iter().flatten() {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        table.row([text("hop"), text("account"), text("reason"), number(&row["rows"])]);
    }
    table
}

/// The time of day, in UTC.
fn clock(unix_seconds: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix_seconds);
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', "")
}
