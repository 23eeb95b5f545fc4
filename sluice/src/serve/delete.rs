//! Deletion of series: over HTTP and gRPC.
//!
//! In:    whose series, which metric, which conditions; or all of an account.
//! Out:   a Delete record in the log of each partition that may hold some; how many series it was for, and whether every
//!        island has applied it.
//! Never: without saying that it means a whole account; never waits for ever: what is in a log will be applied.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregator::IslandHandle;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use model::{Limits, Matcher};
use partition_log::append_blocking;
use proto::{ACCOUNT_DEFAULT, encode_delete, v1};
use serde::Deserialize;
use serde_json::json;
use tonic::{Request, Status};

use super::House;
use super::partitions::Partitions;

/// How long a request waits for the islands. One that keeps up needs milliseconds.
const APPLIED_WAIT: Duration = Duration::from_secs(20);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Conditions of one request, and values of one condition, as of a query.
const CONDITIONS_MAX: usize = 64;
const VALUES_MAX: usize = 10_000;

/// Why nothing was deleted.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Invalid(String),
    #[error("partition {partition} takes nothing: {why}")]
    Log { partition: u32, why: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    account: String,
    #[serde(default)]
    metric: String,
    #[serde(default, rename = "where")]
    conditions: Vec<Condition>,
    #[serde(default)]
    everything: bool,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    dim: String,
    op: String,
    #[serde(default)]
    values: Vec<String>,
}

/// `sluice.v1.Admin`.
pub(super) struct AdminService(pub(super) Arc<Partitions>);

pub(super) fn router() -> Router<House> {
    Router::new().route("/v1/delete", post(over_http))
}

async fn over_http(State(house): State<House>, Json(body): Json<Body>) -> Response {
    let dry_run = body.dry_run;
    match in_background(house.partitions, body.into()).await {
        Ok(reply) => Json(json!({
            "series": reply.series,
            "dry_run": dry_run,
            "partitions": {"asked": reply.partitions, "applied": reply.applied},
            "under_way": !dry_run && reply.applied < reply.partitions,
        }))
        .into_response(),
        Err(why) => {
            let (status, code) = match why {
                Refused::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
                Refused::Log { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            };
            let hint = "sluice delete --help has examples; ask again when `sluice health` is well";
            (status, Json(json!({"error": {"code": code, "message": why.to_string(), "hint": hint}})))
                .into_response()
        }
    }
}

#[tonic::async_trait]
impl v1::admin_server::Admin for AdminService {
    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<tonic::Response<v1::DeleteReply>, Status> {
        let done = in_background(Arc::clone(&self.0), request.into_inner()).await;
        done.map(tonic::Response::new).map_err(|why| match why {
            Refused::Invalid(why) => Status::invalid_argument(why),
            why @ Refused::Log { .. } => Status::unavailable(why.to_string()),
        })
    }
}

async fn in_background(
    partitions: Arc<Partitions>,
    request: v1::DeleteRequest,
) -> Result<v1::DeleteReply, Refused> {
    let work = tokio::task::spawn_blocking(move || delete(&partitions, request));
    work.await.unwrap_or_else(|why| Err(Refused::Invalid(format!("BUG: the deletion panicked: {why}"))))
}

fn delete(partitions: &Partitions, request: v1::DeleteRequest) -> Result<v1::DeleteReply, Refused> {
    let (dry_run, deletion) = (request.dry_run, checked(request)?);
    let conditions = matchers(&deletion)?;
    let asked = partitions.of_metric(&deletion.account, &deletion.metric);
    let series = asked.iter().map(|(island, _)| count(island, &deletion, &conditions)).sum();
    let mut reply = v1::DeleteReply { series, partitions: asked.len() as u32, applied: 0 };
    if dry_run {
        return Ok(reply);
    }
    let record = encode_delete(v1::Delete { deletions: vec![deletion.clone()] });
    let mut waiting = Vec::new();
    for (island, log) in asked {
        let refused = |why: partition_log::AppendError| Refused::Log {
            partition: island.partition(),
            why: format!("{why}; partitions before it have taken the deletion, so ask again"),
        };
        waiting.push((island, append_blocking(&**log, record.clone()).map_err(refused)?));
    }
    let until = Instant::now() + APPLIED_WAIT;
    while !waiting.is_empty() && Instant::now() < until {
        waiting.retain(|(island, offset)| island.view().position <= *offset);
        std::thread::sleep(LOOK_EVERY);
    }
    reply.applied = reply.partitions - waiting.len() as u32;
    tracing::info!(account = deletion.account, metric = deletion.metric, series, "series deleted");
    Ok(reply)
}

/// Series of an island that a deletion is for, those that came since the last seal too.
fn count(island: &IslandHandle, deletion: &v1::Deletion, conditions: &[Matcher]) -> u64 {
    let view = island.view_of_now(&deletion.account, &deletion.metric);
    let metrics = view.hints.metrics(&deletion.account);
    let named = metrics.filter(|(name, _)| deletion.metric.is_empty() || *name == deletion.metric);
    named.map(|(_, index)| index.select(conditions).len() as u64).sum()
}

fn checked(request: v1::DeleteRequest) -> Result<v1::Deletion, Refused> {
    let v1::DeleteRequest { account, metric, r#where, everything, .. } = request;
    let invalid = |why: String| Err(Refused::Invalid(why));
    if everything && !(metric.is_empty() && r#where.is_empty()) {
        return invalid("everything: stands beside a metric or conditions; leave one of them out".into());
    }
    if !everything && metric.is_empty() {
        return invalid("metric: is missing; name one, or say everything for all of the account".into());
    }
    if everything && account.is_empty() {
        return invalid("account: is missing; everything is never of an account that was not named".into());
    }
    let limits = Limits::DEFAULT;
    if account.len() > limits.account_bytes_max || metric.len() > limits.metric_bytes_max {
        return invalid("account or metric: is longer than any that is stored".into());
    }
    if r#where.len() > CONDITIONS_MAX || r#where.iter().any(|one| one.values.len() > VALUES_MAX) {
        return invalid(format!("where: at most {CONDITIONS_MAX} conditions of {VALUES_MAX} values fit"));
    }
    let account = if account.is_empty() { ACCOUNT_DEFAULT.to_owned() } else { account };
    Ok(v1::Deletion { account, metric, r#where, idle_before: 0 })
}

fn matchers(deletion: &v1::Deletion) -> Result<Vec<Matcher>, Refused> {
    let one = |(at, one): (usize, &v1::Matcher)| {
        Matcher::new(one.dim.clone(), &one.op, one.values.clone())
            .map_err(|why| Refused::Invalid(format!("where[{at}]: {why}")))
    };
    deletion.r#where.iter().enumerate().map(one).collect()
}

impl From<Body> for v1::DeleteRequest {
    fn from(body: Body) -> Self {
        let Body { account, metric, conditions, everything, dry_run } = body;
        let matcher = |Condition { dim, op, values }| v1::Matcher { dim, op, values };
        let conditions = conditions.into_iter().map(matcher).collect();
        Self { account, metric, r#where: conditions, everything, dry_run }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_delete_too_much_is_refused() {
        let named = || v1::DeleteRequest { metric: "m".into(), ..v1::DeleteRequest::default() };
        let all =
            || v1::DeleteRequest { everything: true, account: "a".into(), ..v1::DeleteRequest::default() };
        check(named(), "");
        check(all(), "");
        check(v1::DeleteRequest::default(), "metric: is missing");
        check(v1::DeleteRequest { metric: "m".into(), ..all() }, "everything: stands beside");
        check(v1::DeleteRequest { account: String::new(), ..all() }, "account: is missing");
        check(v1::DeleteRequest { metric: "m".repeat(257), ..named() }, "longer than any");
        let bad = v1::Matcher { dim: "d".into(), op: "~".into(), values: Vec::new() };
        check(v1::DeleteRequest { r#where: vec![bad.clone()], ..named() }, "where[0]: unknown operator");
        check(v1::DeleteRequest { r#where: vec![bad; 65], ..named() }, "at most 64 conditions");
    }

    #[track_caller]
    fn check(request: v1::DeleteRequest, expected: &str) {
        let got = checked(request).and_then(|deletion| matchers(&deletion).map(drop));
        let got = got.err().map(|why| why.to_string()).unwrap_or_default();
        assert!(got.contains(expected) && got.is_empty() == expected.is_empty(), "{got}");
    }
}
