//! Asks the JSON API for every total of a run, and compares.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use loadgen::{Answers, BUCKET, BUCKETS_MAX, Difference, Group, Outcome, Plan, Quantity, RUN, compare};
use serde_json::{Value, json};

use crate::cli::LoadgenArgs;
use crate::read::post;

/// Acknowledged is durable; it is visible when the island has read it, a moment later.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Differences told one by one.
const DIFFERENCES_SHOWN: usize = 20;

/// What the comparison says.
pub(super) struct Verdict {
    /// Totals compared.
    pub(super) totals: usize,
    pub(super) differences: Vec<Difference>,
    /// Why the server's last answers are not complete, in its own words.
    partial: Vec<String>,
    /// Until they agreed, or time was up.
    pub(super) took: Duration,
}

impl Verdict {
    pub(super) fn complaints(&self) -> Vec<String> {
        let Some(more) = self.differences.len().checked_sub(1) else { return Vec::new() };
        let shown = self.differences.iter().take(DIFFERENCES_SHOWN).map(ToString::to_string);
        let left = (more + 1).saturating_sub(DIFFERENCES_SHOWN);
        let left = (left > 0).then(|| format!("{left} more differences: --format json has them all"));
        let partial =
            self.partial.first().map(|reason| format!("the server's answers are partial: {reason}"));
        shown.chain(left).chain(partial).collect()
    }
}

/// Asks until all totals are right or the time is over.
pub(super) fn verify(args: &LoadgenArgs, plan: &Plan, outcome: &Outcome) -> anyhow::Result<Verdict> {
    let oracle = outcome.oracle.as_ref().context("BUG: verify without an oracle")?;
    let began = Instant::now();
    loop {
        let mut partial = Vec::new();
        let answers = ask_all(args, plan, outcome, &mut partial)?;
        let differences = compare(oracle, &answers);
        let took = began.elapsed();
        if differences.is_empty() || took >= *args.verify_within {
            return Ok(Verdict { totals: oracle.totals().count(), differences, partial, took });
        }
        std::thread::sleep(ASK_AGAIN_AFTER);
    }
}

fn ask_all(
    args: &LoadgenArgs,
    plan: &Plan,
    outcome: &Outcome,
    partial: &mut Vec<String>,
) -> anyhow::Result<Answers> {
    let mut answers = Answers::new();
    if outcome.window.is_empty() {
        return Ok(answers); // nothing was sent
    }
    for metric in plan.metrics() {
        for quantity in Quantity::ALL {
            for by in [&[][..], &[BUCKET]] {
                let answer =
                    post(&args.server, "/v1/top", &request(args, plan, outcome, metric, quantity, by))?;
                read(&answer, metric, quantity, by, &mut answers)?;
                partial.extend(reasons(&answer));
            }
        }
    }
    Ok(answers)
}

fn request(
    args: &LoadgenArgs,
    plan: &Plan,
    outcome: &Outcome,
    metric: &str,
    quantity: Quantity,
    by: &[&str],
) -> Value {
    json!({
        "account": args.endpoint.account, "metric": metric, "by": by, "rank": quantity.name(), "n": BUCKETS_MAX,
        "where": [{"dim": RUN, "op": "=", "values": [plan.load().run]}],
        "from": outcome.window.from.unix_seconds(), "to": outcome.window.to.unix_seconds(), "include_open": true,
    })
}

fn read(
    answer: &Value,
    metric: &str,
    quantity: Quantity,
    by: &[&str],
    answers: &mut Answers,
) -> anyhow::Result<()> {
    let rows = answer["rows"].as_array().context("the answer of /v1/top has no rows")?;
    for row in rows {
        let Some(value) = row["rank"].as_f64() else { bail!("a row of /v1/top has no rank: {row}") };
        let bucket = by.first().map(|dim| row["dims"][dim].as_str().unwrap_or_default().to_owned());
        let group = Group { metric: metric.to_owned(), bucket };
        if answers.insert((group.clone(), quantity), value).is_some() {
            bail!("/v1/top answers {group} {quantity} twice");
        }
    }
    match answer["others"]["groups"].as_u64() {
        None | Some(0) => Ok(()),
        Some(groups) => bail!("/v1/top knows {groups} more buckets of {metric} than were sent"),
    }
}

fn reasons(answer: &Value) -> Vec<String> {
    let completeness = &answer["completeness"];
    if completeness["partial"].as_bool() != Some(true) {
        return Vec::new();
    }
    let reasons = completeness["reasons"].as_array().into_iter().flatten();
    reasons.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(by: &[&str], answer: &Value) -> Result<String, String> {
        let mut answers = Answers::new();
        read(answer, "M", Quantity::Sum, by, &mut answers).map_err(|error| error.to_string())?;
        let show =
            |((group, quantity), value): (&(Group, Quantity), &f64)| format!("{group} {quantity}={value}");
        Ok(answers.iter().map(show).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn answers_are_read_by_bucket_or_whole() {
        let rows = json!({"rows": [{"dims": {"Bucket": "b001"}, "rank": 7.0}, {"dims": {"Bucket": "b000"}, "rank": 3}],
            "others": {"groups": 0, "rank": null}});
        assert_eq!(read_all(&[BUCKET], &rows).unwrap(), "M b000 sum=3; M b001 sum=7");
        assert_eq!(
            read_all(&[], &json!({"rows": [{"dims": {}, "rank": 10}], "others": null})).unwrap(),
            "M (all) sum=10"
        );
    }

    #[test]
    fn answers_that_cannot_be_are_errors() {
        let twice = json!({"rows": [{"dims": {}, "rank": 1}, {"dims": {}, "rank": 1}]});
        assert_eq!(read_all(&[], &twice).unwrap_err(), "/v1/top answers M (all) sum twice");
        let others = json!({"rows": [], "others": {"groups": 2, "rank": 1}});
        assert_eq!(
            read_all(&[BUCKET], &others).unwrap_err(),
            "/v1/top knows 2 more buckets of M than were sent"
        );
        assert!(
            read_all(&[], &json!({})).is_err() && read_all(&[], &json!({"rows": [{"rank": null}]})).is_err()
        );
    }

    #[test]
    fn a_partial_answer_says_why() {
        let partial = json!({"completeness": {"partial": true, "reasons": ["partition 2 did not answer"]}});
        assert_eq!(reasons(&partial), ["partition 2 did not answer"]);
        assert!(reasons(&json!({"completeness": {"partial": false, "reasons": []}})).is_empty());
    }
}
