//! `sluice health --own`: the server's ring of samples, a row a minute.

use std::time::Duration;

use serde_json::Value;

use crate::cli::Read;
use crate::exit::Exit;
use crate::read::{AskError, Table, format_or_default, get, number};

const OWN_MAX: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) fn run(read: &Read, own: Duration) -> Result<Exit, AskError> {
    if own < Duration::from_secs(60) || own > OWN_MAX {
        let why = "--own must be from 1m to 2h: for longer ask for series of the account sluice".to_owned();
        return Err(AskError::Call(why));
    }
    let answer = get(&read.server, "/v1/self")?;
    table(&answer, own).print(format_or_default(read.format), &answer);
    Ok(Exit::Good)
}

/// The newest sample and those that lie whole minutes before it.
fn table(answer: &Value, own: Duration) -> Table {
    let names = list(&answer["figures"]);
    let head = ["time".to_owned()].into_iter();
    let mut table = Table::new(head.chain(names.iter().map(|name| text(name).replace('_', " "))));
    let samples = list(&answer["samples"]);
    let in_a_minute = 60 / answer["every_seconds"].as_u64().filter(|every| *every > 0).unwrap_or(60);
    let in_a_minute = usize::try_from(in_a_minute.max(1)).unwrap_or(1);
    let minutes = usize::try_from(own.as_secs() / 60).unwrap_or(usize::MAX);
    let mut rows: Vec<&Value> = samples.iter().rev().step_by(in_a_minute).take(minutes).collect();
    rows.reverse();
    for sample in rows {
        let at = super::clock(sample["time"].as_u64().unwrap_or(0));
        table.row([at].into_iter().chain(list(&sample["values"]).iter().map(number)));
    }
    table
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
