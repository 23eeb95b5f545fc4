//! `/v1/silences`, `/v1/alerts/acknowledge` and `/v1/notify`: what is kept quiet, and how the receivers do.

use std::sync::Arc;

use alerts::{Acknowledged, Filter, QuietError, Silence};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use query_coordinator::QueryError;
use query_coordinator::api::{ApiError, read_json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Notifier;
use crate::serve::{House, unix_now};

pub(crate) fn router() -> Router<House> {
    Router::new()
        .route("/v1/silences", get(list).post(add))
        .route("/v1/silences/{id}", delete(end))
        .route("/v1/alerts/acknowledge", post(acknowledge))
        .route("/v1/notify", get(receivers))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSilence {
    r#where: Filter,
    /// Now, when left out.
    starts: Option<u64>,
    ends: u64,
    #[serde(default)]
    by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    r#where: Filter,
    #[serde(default)]
    by: String,
    #[serde(default)]
    comment: String,
}

async fn list(State(house): State<House>) -> Json<Value> {
    let (quiet, refused) = (house.notifier.quiet.now(), house.notifier.refused.lock().clone());
    let silences: Vec<Value> = quiet.quiet.silences().map(|(id, one)| to_json(id, one, quiet.now)).collect();
    let maintenance = quiet.file.maintenance.iter();
    let maintenance: Vec<Value> =
        maintenance.map(|one| json!({"name": one.name, "active": one.when.is_at(quiet.now)})).collect();
    Json(json!({"silences": silences, "maintenance": maintenance, "refused": refused}))
}

async fn add(State(house): State<House>, request: Request) -> Result<Json<Value>, ApiError> {
    let NewSilence { r#where, starts, ends, by, comment } = read_json(request).await?;
    let now = unix_now();
    let silence = Silence { r#where, starts: starts.unwrap_or(now), ends, by, comment };
    let shown = silence.clone();
    let id = change(&house.notifier, move |notifier| {
        notifier.quiet.change(|quiet| Ok::<_, Refusal>(quiet.add(silence, now)?))
    })
    .await?;
    tracing::info!(id, by = shown.by, comment = shown.comment, until = shown.ends, "a silence");
    Ok(Json(to_json(id, &shown, now)))
}

async fn end(State(house): State<House>, Path(id): Path<u64>) -> Result<Json<Value>, ApiError> {
    let now = unix_now();
    let ended = change(&house.notifier, move |notifier| {
        notifier.quiet.change(|quiet| Ok::<_, Refusal>(quiet.end(id, now).cloned()))
    })
    .await?;
    let silence = ended.ok_or_else(|| ApiError {
        status: StatusCode::NOT_FOUND,
        code: "not_found",
        message: format!("there is no silence {id} that has not ended"),
        hint: "GET /v1/silences, or `sluice silence list`, has their numbers".to_owned(),
    })?;
    tracing::info!(id, "a silence was ended");
    Ok(Json(to_json(id, &silence, now)))
}

async fn acknowledge(State(house): State<House>, request: Request) -> Result<Json<Value>, ApiError> {
    let Acknowledge { r#where, by, comment } = read_json(request).await?;
    let by = Acknowledged { at: unix_now(), by, comment };
    let count = change(&house.notifier, move |notifier| {
        let firing = Arc::clone(&notifier.firing.borrow());
        notifier.quiet.change(|quiet| Ok::<_, Refusal>(quiet.acknowledge(&firing, &r#where, &by)?))
    })
    .await?;
    Ok(Json(json!({"acknowledged": count})))
}

async fn receivers(State(house): State<House>) -> Json<Value> {
    let one = |(name, status): &(String, super::Status)| {
        json!({
            "name": name,
            "told_firing": status.told,
            "taken": status.count.taken,
            "failed": status.count.failed,
            "given_up": status.count.given_up,
            "failing_since": status.failing.as_ref().map(|(since, _)| since),
            "why": status.failing.as_ref().map(|(_, why)| why),
        })
    };
    let receivers: Vec<Value> = house.notifier.statuses().iter().map(one).collect();
    Json(json!({"receivers": receivers, "refused": *house.notifier.refused.lock()}))
}

fn to_json(id: u64, silence: &Silence, now: u64) -> Value {
    json!({
        "id": id,
        "state": silence.state(now),
        "where": silence.r#where,
        "starts": silence.starts,
        "ends": silence.ends,
        "by": silence.by,
        "comment": silence.comment,
    })
}

/// Why something was not changed: it cannot be, or the disk.
enum Refusal {
    Wrong(QuietError),
    Disk(anyhow::Error),
}

/// It is durable when this returns.
async fn change<T: Send + 'static>(
    notifier: &Arc<Notifier>,
    change: impl FnOnce(&Notifier) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, ApiError> {
    let notifier = Arc::clone(notifier);
    let changed = tokio::task::spawn_blocking(move || change(&notifier)).await;
    let changed = changed.map_err(|why| QueryError::Bug(format!("a change of silences panicked: {why}")))?;
    changed.map_err(|why| match why {
        Refusal::Wrong(QuietError { field, what, hint }) => QueryError::invalid(field, what, hint).into(),
        Refusal::Disk(why) => ApiError {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            message: format!("it is not saved, and does not hold: {why:#}"),
            hint: "make room on the disk of the data directory, and try again".to_owned(),
        },
    })
}

impl From<QuietError> for Refusal {
    fn from(why: QuietError) -> Self {
        Self::Wrong(why)
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(why: anyhow::Error) -> Self {
        Self::Disk(why)
    }
}
