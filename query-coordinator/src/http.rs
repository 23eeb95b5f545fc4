//! The JSON API under `/v1/`: a thin skin over the coordinator.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use crate::Coordinator;
use crate::api::{ApiError, json, read, wrong_method};
use crate::json::{
    DimensionsBody, DimensionsJson, HealthJson, HintsBody, HintsJson, MetricsBody, MetricsJson, SeriesBody,
    SeriesJson, TopBody, TopJson,
};

/// `POST /v1/top`, `/v1/series`, `/v1/hints`, `/v1/metrics/list`, `/v1/dimensions/list` and `GET /v1/health`.
/// Errors are [`ApiError`]s.
pub fn router(coordinator: Coordinator) -> Router {
    Router::new()
        .route("/v1/top", post(top))
        .route("/v1/series", post(series))
        .route("/v1/hints", post(hints))
        .route("/v1/metrics/list", post(metrics))
        .route("/v1/dimensions/list", post(dimensions))
        .route("/v1/health", get(health))
        .method_not_allowed_fallback(wrong_method)
        .with_state(coordinator)
}

type Reply = Result<Response, ApiError>;

async fn top(State(coordinator): State<Coordinator>, request: Request) -> Reply {
    let body: TopBody = read(request).await?;
    Ok(json(StatusCode::OK, &TopJson::from(coordinator.top(body.into()).await?)))
}

async fn series(State(coordinator): State<Coordinator>, request: Request) -> Reply {
    let body: SeriesBody = read(request).await?;
    Ok(json(StatusCode::OK, &SeriesJson::from(coordinator.series(body.into()).await?)))
}

async fn hints(State(coordinator): State<Coordinator>, request: Request) -> Reply {
    let body: HintsBody = read(request).await?;
    Ok(json(StatusCode::OK, &HintsJson::from(coordinator.hints(body.into()).await?)))
}

async fn metrics(State(coordinator): State<Coordinator>, request: Request) -> Reply {
    let body: MetricsBody = read(request).await?;
    Ok(json(StatusCode::OK, &MetricsJson::from(coordinator.metrics(body.into()).await?)))
}

async fn dimensions(State(coordinator): State<Coordinator>, request: Request) -> Reply {
    let body: DimensionsBody = read(request).await?;
    Ok(json(StatusCode::OK, &DimensionsJson::from(coordinator.dimensions(body.into()).await?)))
}

async fn health(State(coordinator): State<Coordinator>) -> Response {
    json(StatusCode::OK, &HealthJson::from(coordinator.health().await))
}
