//! `GET /v1/alerts`: everything that is not just ok, of all partitions, as of their last seals; and what has been.

mod history;

use alerts::{AlertName, Texts};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use model::Minute;
use proto::v1;
use serde_json::{Value, json};

use super::House;
use super::notify::{QuietNow, Why};

pub(super) fn router() -> Router<House> {
    Router::new().route("/v1/alerts", get(alerts)).route("/v1/alerts/history", get(history::page))
}

async fn alerts(State(house): State<House>) -> Json<Value> {
    let mut reasons = Vec::new();
    let mut said = Vec::new();
    for (partition, alerts) in house.coordinator.alerts().await {
        match alerts {
            Ok(alerts) => said.push(alerts),
            Err(why) => reasons.push(format!("partition {partition} did not answer: {why}")),
        }
    }
    let behind = house.partitions.ready().err().unwrap_or_default();
    reasons.extend(behind.lines().map(str::to_owned));
    let sum = |of: fn(&v1::PartitionAlerts) -> u64| said.iter().map(of).sum::<u64>();
    let mut versions: Vec<_> = said.iter().map(|one| format!("{:016x}", one.rules_version)).collect();
    versions.dedup();
    let (left_out, quiet) = (sum(|one| one.left_out), house.notifier.quiet.now());
    Json(json!({
        "alerts": said.iter().flat_map(|one| &one.alerts).map(|alert| to_json(alert, &quiet)).collect::<Vec<_>>(),
        "left_out": left_out,
        "combinations": sum(|one| one.combinations),
        "unwatched_series": sum(|one| one.unwatched),
        "rules": {"versions": versions, "refused": *house.rules_refused.lock()},
        "sealed_through": said.iter().map(|one| one.sealed_through).collect::<Vec<_>>(),
        "transitions_waiting": sum(|one| one.transitions_waiting),
        "transitions_lost": sum(|one| one.transitions_lost),
        "partial": left_out > 0 || !reasons.is_empty(),
        "reasons": reasons,
    }))
}

fn to_json(alert: &v1::ShownAlert, quiet: &QuietNow) -> Value {
    let since = alert.since.map(|since| rfc3339(Minute(u32::try_from(since / 60).unwrap_or(u32::MAX))));
    let name = since
        .clone()
        .filter(|_| alert.firing)
        .map(|starts_at| AlertName { labels: texts(&alert.labels), starts_at });
    json!({
        "rule": alert.rule,
        "account": alert.account,
        "metric": alert.metric,
        "severity": alert.severity,
        "state": alert.state,
        "firing": alert.firing,
        "since": since,
        "value": alert.value,
        "dims": texts(&alert.dims),
        "labels": texts(&alert.labels),
        "quiet": name.and_then(|name| quiet.why(&name).map(Why::to_json)),
    })
}

fn texts(labels: &[v1::Label]) -> Texts {
    labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
}

/// The minute's beginning, in UTC.
pub(crate) fn rfc3339(minute: Minute) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(minute.unix_seconds());
    humantime::format_rfc3339_seconds(time).to_string()
}
