//! `GET /v1/alerts/history`: what became of alerts, newest first, from the metric that the islands publish it as.
//!
//! In:    an account, a window, a rule. Out: transitions, and how complete that is.
//! Never: another source than queries have; so what is shown is what is stored, and for as long.

use std::collections::BTreeMap;

use aggregator::TRANSITIONS_METRIC;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use model::Minute;
use proto::v1;
use query_coordinator::api::ApiError;
use query_coordinator::{Coordinator, QueryError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{House, rfc3339};
use crate::serve::unix_now;

const LIMIT_DEFAULT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;
const LAST_DEFAULT_SECONDS: u64 = 60 * 60;
/// As many groups as one top-N gives.
const GROUPS_MAX: u32 = 10_000;
/// Points of one query, of two million that there may be.
const POINTS: u64 = 500_000;
/// Minutes of the first query, which is the newest.
const MINUTES_FIRST: u64 = 50;
const MINUTES_MAX: u64 = 1_440;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    account: String,
    from: Option<u64>,
    to: Option<u64>,
    rule: Option<String>,
    limit: Option<usize>,
}

/// One change of state, or as many alike as are not named one by one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    time: u64,
    dims: BTreeMap<String, String>,
    count: u64,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    /// Newest first.
    changes: Vec<Change>,
    /// Groups of a query beyond those that it gives.
    left_out: u64,
    reasons: Vec<String>,
}

pub(super) async fn page(
    State(house): State<House>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(asked) = asked.map_err(|why| {
        QueryError::invalid(
            "the query",
            why.body_text(),
            "use account, from, to (unix seconds), rule and limit, as in ?account=shop&rule=slow-api",
        )
    })?;
    let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 || limit > LIMIT_MAX {
        let message = format!("is {limit}, must be from 1 to {LIMIT_MAX}");
        return Err(QueryError::invalid("limit", message, "ask for the rest with `to`").into());
    }
    let to = asked.to.unwrap_or_else(unix_now).div_ceil(60);
    let from = asked.from.map_or(to.saturating_sub(LAST_DEFAULT_SECONDS / 60), |from| from / 60);
    let (found, reached) = find(&house.coordinator, &asked, from..to, limit).await?;
    Ok(Json(answer(found, from, reached, limit)))
}

/// From the newest minutes back, until there is enough; and from which minute on all has been looked at.
async fn find(
    coordinator: &Coordinator,
    asked: &Asked,
    minutes: std::ops::Range<u64>,
    limit: usize,
) -> Result<(Found, u64), QueryError> {
    let (mut found, mut to, mut step) = (Found::default(), minutes.end, MINUTES_FIRST);
    while to > minutes.start && found.changes.len() < limit {
        let from = to.saturating_sub(step).max(minutes.start);
        let reply = match coordinator.top(request(asked, from, to)).await {
            Err(QueryError::TooLargeAnswer { .. } | QueryError::TooManyPoints { .. }) if step > 1 => {
                step /= 2;
                continue;
            }
            reply => reply?,
        };
        step = (POINTS / (reply.rows.len() as u64).max(1)).clamp(1, MINUTES_MAX);
        found.add(reply);
        to = from;
    }
    Ok((found, to))
}

fn request(asked: &Asked, from: u64, to: u64) -> v1::TopRequest {
    let of_rule =
        |rule: &String| v1::Matcher { dim: "rule".into(), op: "=".into(), values: vec![rule.clone()] };
    v1::TopRequest {
        account: asked.account.clone(),
        metric: TRANSITIONS_METRIC.to_owned(),
        by: vec!["*".to_owned()],
        rank: "count".to_owned(),
        n: GROUPS_MAX,
        r#where: asked.rule.iter().map(of_rule).collect(),
        from: from * 60,
        to: to * 60,
        points: true,
        step_seconds: 60,
        ..v1::TopRequest::default()
    }
}

/// Whole minutes, so that whoever goes on from there sees nothing twice: `limit` changes, and what else their last
/// minute has.
fn answer(mut found: Found, from: u64, reached: u64, limit: usize) -> Value {
    let mut next_to = (reached > from).then_some(reached * 60);
    if let Some(last) = found.changes.get(limit - 1).map(|last| last.time) {
        let before = found.changes.len();
        found.changes.retain(|change| change.time >= last);
        next_to = next_to.or((found.changes.len() < before).then_some(last)).map(|_| last);
    }
    found.reasons.dedup();
    json!({
        "transitions": found.changes.iter().map(to_json).collect::<Vec<_>>(),
        "next_to": next_to,
        "groups_left_out": found.left_out,
        "completeness": {"partial": !found.reasons.is_empty(), "reasons": found.reasons},
    })
}

fn to_json(change: &Change) -> Value {
    let mut dims = change.dims.clone();
    let mut ours = |name: &str| dims.remove(name).unwrap_or_default();
    let [rule, severity, from, to, others] = ["rule", "severity", "from", "to", "group"].map(&mut ours);
    let minute = Minute(u32::try_from(change.time / 60).unwrap_or(u32::MAX));
    json!({
        "time": change.time,
        "at": rfc3339(minute),
        "rule": rule,
        "severity": severity,
        "from": from,
        "to": to,
        "dims": dims,
        "count": change.count,
        "named": others.is_empty(),
    })
}

// === impl Found ===

impl Found {
    /// What an older range holds.
    fn add(&mut self, reply: v1::TopReply) {
        let mut changes = Vec::new();
        for row in reply.rows {
            let dims: BTreeMap<String, String> = row.dims.into_iter().collect();
            for point in row.points {
                let Some(count) = point.value_int.and_then(|count| u64::try_from(count).ok()) else {
                    continue;
                };
                changes.push(Change { time: point.time, dims: dims.clone(), count });
            }
        }
        changes.sort_by(|one, other| other.time.cmp(&one.time).then_with(|| one.dims.cmp(&other.dims)));
        self.changes.extend(changes);
        self.left_out += reply.others.map_or(0, |others| others.groups);
        self.reasons.extend(reply.completeness.into_iter().flat_map(|one| one.reasons));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_newest_first_and_say_where_to_go_on() {
        let point = |time, value_int| v1::Point { time, value_int, ..v1::Point::default() };
        let row = |rule: &str, points: Vec<v1::Point>| v1::TopRow {
            dims: [("rule", rule), ("from", "ok"), ("to", "firing"), ("Api", "Get")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            points,
            ..v1::TopRow::default()
        };
        let mut found = Found::default();
        found.add(v1::TopReply {
            rows: vec![
                row("b", vec![point(600, Some(1)), point(660, None)]),
                row("a", vec![point(540, Some(2)), point(600, Some(1))]),
            ],
            ..v1::TopReply::default()
        });
        let shown = |answer: &Value| -> Vec<String> {
            let all = answer["transitions"].as_array().unwrap().iter();
            all.map(|one| format!("{} {} {}", one["time"], one["rule"].as_str().unwrap(), one["count"]))
                .collect()
        };
        let all = answer(found, 9, 9, 10);
        assert_eq!(shown(&all), ["600 a 1", "600 b 1", "540 a 2"]);
        assert_eq!((&all["next_to"], &all["transitions"][0]["dims"]), (&Value::Null, &json!({"Api": "Get"})));
        assert_eq!(all["completeness"]["partial"], false);
    }

    #[test]
    fn whole_minutes_are_shown_and_the_next_goes_on_before_them() {
        let check = |times: &[u64], reached, limit, shown, next_to: Option<u64>| {
            let changes = times.iter().map(|time| Change { time: *time, dims: BTreeMap::new(), count: 1 });
            let found = Found { changes: changes.collect(), ..Found::default() };
            let answer = answer(found, 9, reached, limit);
            assert_eq!(answer["transitions"].as_array().unwrap().len(), shown, "{answer}");
            assert_eq!(answer["next_to"], json!(next_to));
        };
        check(&[660, 600, 600], 9, 2, 3, None);
        check(&[660, 600, 600, 540], 9, 2, 3, Some(600));
        check(&[660, 600, 600], 10, 2, 3, Some(600));
        check(&[660, 600, 600], 9, 1, 1, Some(660));
        check(&[660], 10, 5, 1, Some(600));
        check(&[], 9, 5, 0, None);
    }
}
