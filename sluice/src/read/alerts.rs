//! `sluice alerts`.

use serde_json::Value;

use super::{AskError, Table, format_or_default, get};
use crate::cli::AlertsArgs;
use crate::exit::Exit;

pub(crate) fn run(args: &AlertsArgs) -> Result<Exit, AskError> {
    let mut answer = get(&args.read.server, "/v1/alerts")?;
    let wanted = |one: &Value| one["account"] == args.account.as_str() && (args.all || one["firing"] == true);
    if let Some(alerts) = answer["alerts"].as_array_mut() {
        alerts.retain(wanted);
    }
    table(&answer).print(format_or_default(args.read.format), &answer);
    if let Some(why) = answer["rules"]["refused"].as_str() {
        eprintln!("note: the rule files cannot be used, and what held before holds on: {why}");
    }
    let all_here = answer["partial"] != true;
    if !all_here {
        eprintln!("partial answer: a partition has not caught up, or has more alerts than are shown");
    }
    Ok(if args.read.strict && !all_here { Exit::Partial } else { Exit::Good })
}

fn table(answer: &Value) -> Table {
    let mut table = Table::new(["state", "severity", "rule", "since", "value", "series"]);
    for one in answer["alerts"].as_array().into_iter().flatten() {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let dims = one["dims"].as_object().into_iter().flatten();
        let dims: Vec<String> =
            dims.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
        let value = one["value"].as_f64().map_or_else(|| "-".to_owned(), |value| value.to_string());
        table.row([text("state"), text("severity"), text("rule"), text("since"), value, dims.join(",")]);
    }
    table
}
