//! `--from`, `--to` and `--last` as whole minutes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::AskError;
use crate::cli::Window;

const LAST_DEFAULT_SECONDS: u64 = 15 * 60;

/// `[from, to)` in whole minutes around what was named; `end` where no end was, and `last` seconds where no start was.
pub(crate) fn range(
    (from, to): (Option<&str>, Option<&str>),
    last: u64,
    (now, end): (u64, u64),
) -> Result<(u64, u64), AskError> {
    let to = to.map_or(Ok(end), |text| at("to", text, now))?;
    let from = from.map_or(Ok(to.saturating_sub(last)), |text| at("from", text, now))?;
    // Outwards to whole minutes, so that nothing that was named is left out.
    let (from, to) = (from / 60 * 60, to.div_ceil(60) * 60);
    if from >= to {
        return Err(AskError::Call(format!(
            "the window is empty: from {from} to {to} (unix seconds); widen --last, or check --from and --to"
        )));
    }
    Ok((from, to))
}

/// Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Window {
    /// The request's common fields: account, from, to, include_open.
    pub(crate) fn to_request(&self) -> Result<Map<String, Value>, AskError> {
        let (from, to) = self.range(now())?;
        let request =
            json!({"account": self.account, "from": from, "to": to, "include_open": self.include_open});
        match request {
            Value::Object(fields) => Ok(fields),
            _ => Ok(Map::new()),
        }
    }

    /// `[from, to)` in unix seconds. Without `--from` and `--to` the window ends with the last minute that is over; with
    /// `--include-open` it takes in the current one as well.
    fn range(&self, now: u64) -> Result<(u64, u64), AskError> {
        let end = if self.include_open { now / 60 * 60 + 60 } else { now / 60 * 60 };
        let last = self.last.map_or(LAST_DEFAULT_SECONDS, |last| last.as_secs());
        range((self.from.as_deref(), self.to.as_deref()), last, (now, end))
    }
}

/// RFC 3339, unix seconds, `now`, `now-1h`.
pub(crate) fn at(flag: &str, text: &str, now: u64) -> Result<u64, AskError> {
    let wrong = || {
        AskError::Call(format!(
            "--{flag} {text:?}: use RFC 3339 (2024-05-01T12:00:00Z), unix seconds, now, or now-1h"
        ))
    };
    if text == "now" {
        return Ok(now);
    }
    if let Some(ago) = text.strip_prefix("now-") {
        let ago = humantime::parse_duration(ago).map_err(|_| wrong())?;
        return Ok(now.saturating_sub(ago.as_secs()));
    }
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(seconds);
    }
    let time = humantime::parse_rfc3339_weak(text).map_err(|_| wrong())?;
    Ok(time.duration_since(UNIX_EPOCH).map_err(|_| wrong())?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_030;

    #[test]
    fn windows() {
        check(None, None, None, Ok((1_699_999_080, 1_699_999_980)));
        check(None, None, Some("1h"), Ok((1_699_996_380, 1_699_999_980)));
        check(Some("now-1h"), None, None, Ok((1_699_996_380, 1_699_999_980)));
        check(Some("1700000001"), Some("1700000061"), None, Ok((1_699_999_980, 1_700_000_100)));
        check(
            Some("2023-11-14T22:13:20Z"),
            Some("2023-11-14 22:15:00"),
            None,
            Ok((1_699_999_980, 1_700_000_100)),
        );
        check(Some("soon"), None, None, Err("--from \"soon\""));
        check(Some("now"), Some("now-1h"), None, Err("the window is empty"));
    }

    #[track_caller]
    fn check(from: Option<&str>, to: Option<&str>, last: Option<&str>, expected: Result<(u64, u64), &str>) {
        let window = Window {
            account: "default".into(),
            from: from.map(Into::into),
            to: to.map(Into::into),
            last: last.map(|last| last.parse().unwrap()),
            include_open: false,
        };
        match (window.range(NOW), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }
}
