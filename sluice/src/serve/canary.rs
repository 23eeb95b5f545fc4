//! The canary of this server, and `GET /v1/canary`, which shows what it found out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use canary::{Hop, HopTimes, MinuteReport, PartitionReport, Report};
use model::Placement;
use serde_json::{Map, Value, json};

use super::House;
use super::alerts::rfc3339;

/// Runs until it is dropped.
pub(super) async fn keep(grpc: SocketAddr, http: SocketAddr, placement: Placement, report: Arc<Report>) {
    let config = canary::Config { grpc: format!("http://{grpc}"), http: format!("http://{http}"), placement };
    if let Err(error) = canary::run(&config, report).await {
        tracing::error!(%error, "there is no canary");
    }
}

pub(super) fn router() -> Router<House> {
    Router::new().route("/v1/canary", get(page))
}

async fn page(State(house): State<House>) -> Json<Value> {
    let (partitions, minutes) = (house.canary.partitions(), house.canary.minutes());
    Json(json!({
        "running": house.canary_runs,
        "partitions": partitions.iter().map(partition).collect::<Vec<_>>(),
        "minutes": minutes.iter().map(minute).collect::<Vec<_>>(),
    }))
}

fn partition(one: &PartitionReport) -> Value {
    json!({
        "partition": one.partition,
        "time": one.minute.unix_seconds(),
        "verdict": one.verdict.name(),
        "detail": one.verdict.detail(),
        "hops": hops(&one.hops),
    })
}

fn minute(one: &MinuteReport) -> Value {
    json!({
        "time": one.minute.unix_seconds(),
        "at": rfc3339(one.minute),
        "verdicts": one.verdicts,
        "completeness": one.completeness,
        "alert_rule": !one.without_pulse,
        "hops": hops(&one.hops),
        "told": one.told,
    })
}

/// In the order of the way, milliseconds.
fn hops(hops: &BTreeMap<Hop, HopTimes>) -> Map<String, Value> {
    let one = |times: &HopTimes| json!({"count": times.count, "p50": times.p50, "p99": times.p99, "max": times.max});
    hops.iter().map(|(hop, times)| (hop.name().to_owned(), one(times))).collect()
}
