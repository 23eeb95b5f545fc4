//! `sluice alerts --history`.

use serde_json::Value;

use super::super::window;
use super::{AskError, Exit, Table, get, words_of};
use crate::cli::AlertsArgs;
use crate::read::finish;

const LAST_DEFAULT_SECONDS: u64 = 60 * 60;

pub(super) fn run(args: &AlertsArgs) -> Result<Exit, AskError> {
    let (now, last) = (window::now(), args.last.map_or(LAST_DEFAULT_SECONDS, |last| last.as_secs()));
    let (from, to) = window::range((args.from.as_deref(), args.to.as_deref()), last, (now, now))?;
    let (account, limit) = (escaped(&args.account), args.limit);
    let rule = args.rule.as_deref().map_or_else(String::new, |rule| format!("&rule={}", escaped(rule)));
    let path = format!("/v1/alerts/history?account={account}&from={from}&to={to}&limit={limit}{rule}");
    let answer = get(&args.read.server, &path)?;
    let mut table = table(&answer);
    if let Some(next_to) = answer["next_to"].as_u64() {
        table.foot(format!("there is more before: --from {from} --to {next_to}"));
    }
    Ok(finish(&args.read, &answer, &table))
}

fn table(answer: &Value) -> Table {
    let mut table = Table::new(["time", "severity", "rule", "from", "to", "count", "series"]);
    for one in answer["transitions"].as_array().into_iter().flatten() {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let series = match one["named"].as_bool() {
            Some(false) => "(not named)".to_owned(),
            _ => words_of(&one["dims"]),
        };
        let count = one["count"].to_string();
        table.row([text("at"), text("severity"), text("rule"), text("from"), text("to"), count, series]);
    }
    table
}

/// For the query of a URL.
fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(escaped("a b&c=é"), "a%20b%26c%3D%C3%A9");
    }
}
