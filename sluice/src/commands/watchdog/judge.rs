//! What the watchdog thinks of a server, from its page of the canary alone. Takes time as an argument.
//!
//! In:    the time; the page, or why there is none.
//! Out:   what has to be said: that it is bad, that it still is, that it is well again.
//! Kept:  since when it is bad, and when that was said last.

use std::time::Duration;

use serde_json::Value;

/// While it is bad, it is said again as often.
pub(super) const REPEAT: Duration = Duration::from_secs(60);

/// See the module. Times are since the watchdog's start.
#[derive(Debug)]
pub(super) struct Judge {
    patience: Duration,
    /// When the server was well last; the start counts as well, so that it is given its patience.
    well: Duration,
    bad: Option<Bad>,
}

#[derive(Clone, Debug)]
struct Bad {
    since: Duration,
    said: Duration,
}

/// What has to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// It is bad, or still is, for so long.
    Bad { why: String, lasts: Duration },
    /// It is well again, after so long.
    Well { after: Duration },
}

/// What one look shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Well,
    /// It may be passing: bad only when it lasts.
    Doubtful(String),
    /// Bad at once.
    Bad(String),
}

// === impl Judge ===

impl Judge {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, well: Duration::ZERO, bad: None }
    }

    pub(super) fn see(&mut self, now: Duration, look: Look) -> Option<Say> {
        let why = match look {
            Look::Well => {
                self.well = now;
                return self.bad.take().map(|bad| Say::Well { after: now.saturating_sub(bad.since) });
            }
            Look::Doubtful(_) if self.bad.is_none() && now.saturating_sub(self.well) < self.patience => {
                return None;
            }
            Look::Doubtful(why) | Look::Bad(why) => why,
        };
        let well = self.well;
        let is_news = self.bad.is_none();
        let bad = self.bad.get_or_insert(Bad { since: well, said: now });
        if !is_news && now.saturating_sub(bad.said) < REPEAT {
            return None;
        }
        bad.said = now;
        Some(Say::Bad { why, lasts: now.saturating_sub(bad.since) })
    }
}

/// Reads `GET /v1/canary`. `now` in unix seconds, to hold the newest judged minute against.
pub(super) fn look(page: Result<&Value, String>, now: u64, patience: Duration) -> Look {
    let page = match page {
        Ok(page) => page,
        Err(why) => return Look::Doubtful(why),
    };
    if page["running"] == false {
        return Look::Bad("the server runs without a canary: start it with --canary true".to_owned());
    }
    let Some(minute) = page["minutes"].as_array().and_then(|minutes| minutes.last()) else {
        return Look::Doubtful("the canary has judged no minute yet".to_owned());
    };
    if let Some(wrong) = of_verdicts(page, &["wrong", "missing"]) {
        return Look::Bad(wrong);
    }
    let age = now.saturating_sub(minute["time"].as_u64().unwrap_or(0) + 60);
    if age > patience.as_secs() {
        return Look::Bad(format!("the canary has stopped: its newest minute ended {age} s ago"));
    }
    of_verdicts(page, &["unknown"]).map_or(Look::Well, Look::Doubtful)
}

/// The first partition with one of these verdicts, and how many there are.
fn of_verdicts(page: &Value, verdicts: &[&str]) -> Option<String> {
    let of = |one: &&Value| verdicts.iter().any(|verdict| one["verdict"] == *verdict);
    let found: Vec<&Value> = page["partitions"].as_array().into_iter().flatten().filter(of).collect();
    let first = found.first()?;
    let (partition, verdict, detail) = (&first["partition"], &first["verdict"], &first["detail"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(format!(
        "{} partitions are not right, partition {partition} is {}: {}",
        found.len(),
        text(verdict),
        text(detail)
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(180);

    /// Words: a second; `w`ell, `d`oubtful, `b`ad. Says at which second what was said.
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let (mut judge, mut now, mut said) = (Judge::new(PATIENCE), 0, Vec::new());
        for word in script.split_whitespace() {
            let look = match word {
                "w" => Look::Well,
                "d" => Look::Doubtful(String::new()),
                "b" => Look::Bad(String::new()),
                second => {
                    now = second.parse().unwrap();
                    continue;
                }
            };
            match judge.see(Duration::from_secs(now), look) {
                None => {}
                Some(Say::Bad { lasts, .. }) => said.push(format!("{now}:bad-for-{}", lasts.as_secs())),
                Some(Say::Well { after }) => said.push(format!("{now}:well-after-{}", after.as_secs())),
            }
        }
        assert_eq!(said.join(" "), expected, "{script}");
    }

    #[test]
    fn what_is_bad_is_said_at_once_and_again_each_minute() {
        check("0 w 10 b 20 b 69 b 70 b 80 w", "10:bad-for-10 70:bad-for-70 80:well-after-80");
    }

    #[test]
    fn what_may_pass_is_said_when_it_lasts() {
        check("0 w 10 d 179 d 180 d 190 w", "180:bad-for-180 190:well-after-190");
        check("0 d 100 d 120 w 200 d 299 d", "");
        check("0 d 180 d", "180:bad-for-180");
    }

    #[test]
    fn doubt_does_not_end_what_is_bad() {
        check("0 w 10 b 20 d 70 d 80 w", "10:bad-for-10 70:bad-for-70 80:well-after-80");
    }

    fn page(verdict: &str, minute: u64) -> Value {
        json!({"running": true, "minutes": [{"time": minute}],
            "partitions": [{"partition": 0, "verdict": "right"}, {"partition": 1, "verdict": verdict, "detail": "sum is 1"}]})
    }

    #[track_caller]
    fn looks(page: Result<&Value, String>, expected: &str) {
        let look = look(page, 6_000, PATIENCE);
        let said = match &look {
            Look::Well => "well".to_owned(),
            Look::Doubtful(why) => format!("doubtful: {why}"),
            Look::Bad(why) => format!("bad: {why}"),
        };
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn each_state_of_the_page_has_its_word() {
        looks(Ok(&page("right", 5_880)), "well");
        looks(Ok(&page("wrong", 5_880)), "bad: 1 partitions are not right, partition 1 is wrong: sum is 1");
        looks(Ok(&page("missing", 5_880)), "bad: ");
        looks(Ok(&page("unknown", 5_880)), "doubtful: ");
        looks(Ok(&page("right", 5_700)), "bad: the canary has stopped: its newest minute ended 240 s ago");
        looks(Ok(&json!({"running": false, "minutes": []})), "bad: the server runs without a canary");
        looks(Ok(&json!({"running": true, "minutes": []})), "doubtful: the canary has judged no minute");
        looks(Err("cannot reach it".to_owned()), "doubtful: cannot reach it");
    }
}
