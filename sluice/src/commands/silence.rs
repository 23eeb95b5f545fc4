//! `sluice silence`: what is kept quiet for a time.

use serde_json::{Value, json};

use crate::cli::{SilenceAddArgs, SilenceArgs, SilenceCommand};
use crate::exit::Exit;
use crate::read::{AskError, Table, at, conditions_of, delete, format_or_default, get, now, post};

pub(crate) fn run(args: &SilenceArgs) -> Result<Exit, AskError> {
    let (answer, format) = match &args.command {
        SilenceCommand::Add(args) => {
            (post(&args.server.server, "/v1/silences", &request(args, now())?)?, args.server.format)
        }
        SilenceCommand::End { id, server } => {
            (delete(&server.server, &format!("/v1/silences/{id}"))?, server.format)
        }
        SilenceCommand::List(server) => (get(&server.server, "/v1/silences")?, server.format),
    };
    table(&answer).print(format_or_default(format), &answer);
    Ok(Exit::Good)
}

fn request(args: &SilenceAddArgs, now: u64) -> Result<Value, AskError> {
    let starts = args.from.as_deref().map_or(Ok(now), |text| at("from", text, now))?;
    let ends = match (&args.to, args.last) {
        (Some(to), _) => at("to", to, now)?,
        (None, Some(last)) => starts.saturating_add(last.as_secs()),
        (None, None) => return Err(AskError::Call("say how long: --for 2h, or --to TIME".to_owned())),
    };
    Ok(json!({
        "where": conditions_of(&args.filter)?,
        "starts": starts,
        "ends": ends,
        "by": args.said.by,
        "comment": args.said.comment,
    }))
}

/// Of one silence, or all; maintenance below.
fn table(answer: &Value) -> Table {
    let mut table = Table::new(["id", "state", "where", "starts", "ends", "by", "comment"]);
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let silences = answer["silences"].as_array().map_or_else(|| vec![answer.clone()], Clone::clone);
    for one in &silences {
        let [starts, ends] = ["starts", "ends"].map(|key| time(&one[key]));
        let (id, conditions) = (one["id"].to_string(), words(&one["where"]));
        table.row([id, text(one, "state"), conditions, starts, ends, text(one, "by"), text(one, "comment")]);
    }
    for one in answer["maintenance"].as_array().into_iter().flatten() {
        let state = if one["active"] == true { "active" } else { "not now" };
        let name = format!("maintenance {}", text(one, "name"));
        table.row(["-".into(), state.into(), name, "-".into(), "-".into(), String::new(), String::new()]);
    }
    table
}

fn time(seconds: &Value) -> String {
    let since = std::time::Duration::from_secs(seconds.as_u64().unwrap_or_default());
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}

/// `alertname = slow, Region in a|b`
fn words(conditions: &Value) -> String {
    let word = |one: &Value| {
        let values: Vec<&str> =
            one["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (dim, op) = (one["dim"].as_str().unwrap_or_default(), one["op"].as_str().unwrap_or_default());
        format!("{dim} {op} {}", values.join("|")).trim_end().to_owned()
    };
    conditions.as_array().into_iter().flatten().map(word).collect::<Vec<_>>().join(", ")
}
