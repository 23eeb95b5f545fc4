//! What holds for some metrics: how long their rows are kept.

use model::{Limits, Retention};

use super::Glob;
use crate::fields::At;
use crate::limits::METRICS_MAX;
use crate::problem::{Problem, Problems};

/// An entry of `metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricSetting {
    /// Whose; every account when it is left out.
    pub account: Glob,
    /// Which.
    pub metric: Glob,
    /// How long.
    pub retention: KeepFor,
}

/// How long each tier is kept, in minutes; absent is as elsewhere, as far as that fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepFor {
    /// Rows by the minute.
    pub minutes: Option<u32>,
    /// By the hour.
    pub hours: Option<u32>,
    /// By the day.
    pub days: Option<u32>,
}

// === impl MetricSetting ===

impl MetricSetting {
    /// Is it for this metric?
    #[must_use]
    pub fn is_for(&self, account: &str, metric: &str) -> bool {
        self.account.matches(account) && self.metric.matches(metric)
    }
}

// === impl KeepFor ===

impl KeepFor {
    /// With what holds where nothing is said. No tier reaches back further than a coarser one: what was said bends what
    /// was not.
    #[must_use]
    pub fn or(self, elsewhere: Retention) -> Retention {
        let most = |tiers: &[Option<u32>]| tiers.iter().flatten().copied().min().unwrap_or(u32::MAX);
        let minutes = self.minutes.unwrap_or(elsewhere.minutes.min(most(&[self.hours, self.days])));
        let hours = self.hours.unwrap_or(elsewhere.hours.min(most(&[self.days])).max(minutes));
        Retention { minutes, hours, days: self.days.unwrap_or(elsewhere.days.max(hours)) }
    }
}

/// The list under `metrics`.
pub(super) fn metrics(list: &At<'_>) -> Result<Vec<MetricSetting>, Problems> {
    let (mut settings, mut problems) = (Vec::new(), Vec::new());
    for at in list.list(METRICS_MAX)? {
        match setting(&at) {
            Ok(setting) => settings.push(setting),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(settings) } else { Err(Problems(problems)) }
}

fn setting(at: &At<'_>) -> Result<MetricSetting, Problem> {
    let (fields, limits) = (at.fields(&["account", "metric", "retention"])?, Limits::DEFAULT);
    let account = fields.get("account").map(|at| at.name(limits.account_bytes_max)).transpose()?;
    let metric = fields.need("metric")?.name(limits.metric_bytes_max)?;
    Ok(MetricSetting {
        account: Glob::new(account.unwrap_or("*")),
        metric: Glob::new(metric),
        retention: retention(&fields.need("retention")?)?,
    })
}

fn retention(at: &At<'_>) -> Result<KeepFor, Problem> {
    let fields = at.fields(&["minutes", "hours", "days"])?;
    let reach = |key| {
        let minutes = |at: At<'_>| at.minutes(Retention::LEAST_MINUTES, Retention::MOST_MINUTES);
        fields.get(key).map(minutes).transpose()
    };
    let keep = KeepFor { minutes: reach("minutes")?, hours: reach("hours")?, days: reach("days")? };
    let given: Vec<u32> = [keep.minutes, keep.hours, keep.days].into_iter().flatten().collect();
    if given.is_empty() {
        return Err(at.problem("says nothing: give minutes, hours or days, as {minutes: 30d, hours: 400d}"));
    }
    if !given.is_sorted() {
        return Err(at.problem(
            "a finer tier reaches back further than a coarser one: minutes, hours and days must not descend",
        ));
    }
    Ok(keep)
}

#[cfg(test)]
mod tests {
    use crate::RuleSet;

    use super::*;

    #[test]
    fn what_is_not_said_bends_to_what_is() {
        let elsewhere = Retention { minutes: 100, hours: 200, days: 300 };
        for (keep, expected) in [
            ((None, None, None), (100, 200, 300)),
            ((Some(50), None, None), (50, 200, 300)),
            ((Some(250), None, None), (250, 250, 300)),
            ((Some(999), None, None), (999, 999, 999)),
            ((None, None, Some(80)), (80, 80, 80)),
            ((None, Some(40), None), (40, 40, 300)),
            ((Some(10), Some(20), Some(30)), (10, 20, 30)),
        ] {
            let (minutes, hours, days) = keep;
            let got = KeepFor { minutes, hours, days }.or(elsewhere);
            assert_eq!((got.minutes, got.hours, got.days), expected, "{keep:?}");
            assert!(got.ascends());
        }
    }

    #[test]
    fn settings_are_read_in_their_order() {
        let text = "metrics:\n  - {metric: 'http.*', retention: {minutes: 3h, days: 10y}}\n  - {account: a, metric: '*', \
                    retention: {hours: 400d}}\n";
        let set = RuleSet::parse(text).unwrap();
        assert!(set.rules.is_empty());
        let [http, rest] = set.metrics.as_slice() else { panic!("{:?}", set.metrics) };
        let keep = KeepFor { minutes: Some(180), hours: None, days: Some(10 * 365 * 1440) };
        assert_eq!(http.retention, keep);
        assert!(http.is_for("any", "http.x") && !http.is_for("any", "https"));
        assert!(rest.is_for("a", "http.x") && !rest.is_for("b", "http.x"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        check("- {metric: m}", "2:5: metrics[0]: retention is missing");
        check("- {metric: m, retention: {}}", "metrics[0].retention: says nothing");
        check("- {metric: m, retention: {minutes: 90m}}", "is 90 minutes, must be from 120 to");
        check("- {metric: m, retention: {minutes: 2d, days: 1d}}", "must not descend");
        check("- {metric: m, retention: {weeks: 2d}}", "there is no such key");
        check("- {metric: m, retention: {days: 10}}", "must be whole minutes");
        check("- {metric: '', retention: {days: 10d}}", "metrics[0].metric: has 0 bytes");
        check("- {}\n- {metric: m}", "metrics[1]: retention is missing");
    }

    #[track_caller]
    fn check(list: &str, expected: &str) {
        let got = RuleSet::parse(&format!("metrics:\n{}\n", indent(list))).unwrap_err().to_string();
        assert!(got.contains(expected), "{got}");
    }

    fn indent(list: &str) -> String {
        list.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    }
}
