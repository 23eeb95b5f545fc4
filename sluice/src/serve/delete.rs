//! Deletion of series: over HTTP and gRPC.
//!
//! In:    whose series, which metric, which conditions; or all of an account.
//! Out:   a Delete record in the log of each partition that may hold some; how many series it was for, and whether every
//!        island has applied it.
//! Never: without saying that it means a whole account; never waits for ever: what is in a log will be applied.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregator::IslandHandle;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use model::Matcher;
use partition_log::append_blocking;
use proto::{encode_delete, v1};
use query_coordinator::api::{ApiError, Condition, objects, read_json};
use query_coordinator::{QueryError, fields};
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::Status;

use super::House;
use super::partitions::Partitions;

/// How long a request waits for the islands. One that keeps up needs milliseconds.
const APPLIED_WAIT: Duration = Duration::from_secs(20);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Why nothing was deleted, or not everywhere.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Request(#[from] QueryError),
    #[error("partition {partition} takes nothing: {why}")]
    Log { partition: u32, why: partition_log::AppendError },
}

/// What to do about a log.
const LOG_HINT: &str = "partitions before it have taken the deletion: ask again when `sluice health` is well";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    account: String,
    #[serde(default)]
    metric: String,
    #[serde(default, rename = "where", deserialize_with = "objects")]
    conditions: Vec<Condition>,
    #[serde(default)]
    everything: bool,
    #[serde(default)]
    dry_run: bool,
}

/// `sluice.v1.Admin`.
pub(super) struct AdminService(pub(super) Arc<Partitions>);

pub(super) fn router() -> Router<House> {
    Router::new().route("/v1/delete", post(over_http))
}

async fn over_http(State(house): State<House>, request: Request) -> Result<Json<Value>, ApiError> {
    let body: Body = read_json(request).await?;
    let dry_run = body.dry_run;
    let reply = in_background(house.partitions, body.into()).await?;
    Ok(Json(json!({
        "series": reply.series,
        "dry_run": dry_run,
        "partitions": {"asked": reply.partitions, "applied": reply.applied},
        "under_way": !dry_run && reply.applied < reply.partitions,
    })))
}

#[tonic::async_trait]
impl v1::admin_server::Admin for AdminService {
    async fn delete(
        &self,
        request: tonic::Request<v1::DeleteRequest>,
    ) -> Result<tonic::Response<v1::DeleteReply>, Status> {
        let done = in_background(Arc::clone(&self.0), request.into_inner()).await;
        Ok(tonic::Response::new(done?))
    }
}

async fn in_background(
    partitions: Arc<Partitions>,
    request: v1::DeleteRequest,
) -> Result<v1::DeleteReply, Refused> {
    let work = tokio::task::spawn_blocking(move || delete(&partitions, request));
    work.await.unwrap_or_else(|why| Err(QueryError::Bug(format!("the deletion panicked: {why}")).into()))
}

fn delete(partitions: &Partitions, request: v1::DeleteRequest) -> Result<v1::DeleteReply, Refused> {
    let (dry_run, deletion) = (request.dry_run, checked(request)?);
    let conditions = fields::matchers("where", deletion.r#where.clone())?;
    let asked = partitions.of_metric(&deletion.account, &deletion.metric);
    let series = asked.iter().map(|(island, _)| count(island, &deletion, &conditions)).sum();
    let mut reply = v1::DeleteReply { series, partitions: asked.len() as u32, applied: 0 };
    if dry_run {
        return Ok(reply);
    }
    let record = encode_delete(v1::Delete { deletions: vec![deletion.clone()] });
    let mut waiting = Vec::new();
    for (island, log) in asked {
        let partition = island.partition();
        let refused = |why| Refused::Log { partition, why };
        waiting.push((island, append_blocking(&*log, record.clone()).map_err(refused)?));
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

fn checked(request: v1::DeleteRequest) -> Result<v1::Deletion, QueryError> {
    let v1::DeleteRequest { account, metric, r#where, everything, .. } = request;
    let invalid = |field, message, hint| Err(QueryError::invalid(field, message, hint));
    if everything && !(metric.is_empty() && r#where.is_empty()) {
        return invalid("everything", "stands beside a metric or conditions", "leave one of them out");
    }
    if everything && account.is_empty() {
        return invalid(
            "account",
            "is missing",
            "name it: everything is never of an account that was not named",
        );
    }
    if !everything && metric.is_empty() {
        return invalid("metric", "is missing", "name one, or say everything for all of the account");
    }
    let account = fields::account(account)?;
    let metric = if everything { metric } else { fields::metric("metric", metric)? };
    Ok(v1::Deletion { account, metric, r#where, idle_before: 0 })
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Request(error) => error.into(),
            Refused::Log { .. } => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                code: "unavailable",
                message: refused.to_string(),
                hint: LOG_HINT.to_owned(),
            },
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Request(error) => error.into(),
            Refused::Log { .. } => Self::unavailable(format!("{refused}: {LOG_HINT}")),
        }
    }
}

impl From<Body> for v1::DeleteRequest {
    fn from(body: Body) -> Self {
        let Body { account, metric, conditions, everything, dry_run } = body;
        let conditions = conditions.into_iter().map(Into::into).collect();
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
        check(
            v1::DeleteRequest { metric: "m".repeat(257), ..named() },
            "metric: has 257 bytes, at most 256 fit",
        );
        let bad = v1::Matcher { dim: "d".into(), op: "~".into(), values: Vec::new() };
        check(v1::DeleteRequest { r#where: vec![bad.clone()], ..named() }, "where[0]: unknown operator");
        check(
            v1::DeleteRequest { r#where: vec![bad; 65], ..named() },
            "where: has 65 conditions, at most 64 fit",
        );
    }

    #[track_caller]
    fn check(request: v1::DeleteRequest, expected: &str) {
        let got = checked(request).and_then(|deletion| fields::matchers("where", deletion.r#where).map(drop));
        let got = got.err().map(|why| why.to_string()).unwrap_or_default();
        assert!(got.contains(expected) && got.is_empty() == expected.is_empty(), "{got}");
    }
}
