//! `GET /v1/alerts`: everything that is not just ok, of all partitions, as of their last seals; and what has been.

mod history;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use model::Minute;
use serde_json::{Map, Value, json};

use super::House;

pub(super) fn router() -> Router<House> {
    Router::new().route("/v1/alerts", get(alerts)).route("/v1/alerts/history", get(history::page))
}

async fn alerts(State(house): State<House>) -> Json<Value> {
    let (mut shown, mut left_out, mut combinations, mut unwatched) = (Vec::new(), 0, 0, 0);
    let (mut versions, mut sealed) = (Vec::new(), Vec::new());
    let (mut waiting, mut lost) = (0, 0);
    for island in house.partitions.islands() {
        let view = island.view();
        shown.extend(view.alerts.shown.iter().map(to_json));
        left_out += view.alerts.left_out;
        combinations += view.alerts.combinations;
        unwatched += view.alerts.unwatched;
        versions.push(format!("{:016x}", view.alerts.version));
        waiting += view.put_out.iter().map(|one| one.rows()).sum::<u64>();
        lost += view.put_out_lost;
        sealed.push(view.sealed_through.map(Minute::unix_seconds));
    }
    versions.dedup();
    let partial = left_out > 0 || house.partitions.ready().is_err();
    Json(json!({
        "alerts": shown,
        "left_out": left_out,
        "combinations": combinations,
        "unwatched_series": unwatched,
        "rules": {"versions": versions, "refused": *house.rules_refused.lock()},
        "sealed_through": sealed,
        "transitions_waiting": waiting,
        "transitions_lost": lost,
        "partial": partial,
    }))
}

fn to_json(alert: &aggregator::Alert) -> Value {
    let dims: Map<String, Value> =
        alert.dims.pairs().iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "rule": alert.rule.name,
        "account": alert.rule.account,
        "metric": alert.rule.operand.metric,
        "severity": alert.rule.severity(alert.tier),
        "state": alert.state.name(),
        "firing": alert.is_firing(),
        "since": alert.fired.map(rfc3339),
        "value": alert.value,
        "dims": dims,
        "labels": alert.rule.label_texts(alert.tier, &alert.dims),
    })
}

/// The minute's beginning, in UTC.
pub(crate) fn rfc3339(minute: Minute) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(minute.unix_seconds());
    humantime::format_rfc3339_seconds(time).to_string()
}
