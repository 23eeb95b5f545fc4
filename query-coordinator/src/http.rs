//! The JSON API under `/v1/`: a thin skin over the coordinator.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json::{
    DimensionsBody, DimensionsJson, HealthJson, HintsBody, HintsJson, MetricsBody, MetricsJson, SeriesBody,
    SeriesJson, TopBody, TopJson,
};
use crate::limits::BODY_BYTES_MAX;
use crate::{Coordinator, QueryError};

/// `POST /v1/top`, `/v1/series`, `/v1/hints`, `/v1/metrics/list`, `/v1/dimensions/list` and `GET /v1/health`.
/// Errors are `{"error":{"code","message","hint"}}`.
pub fn router(coordinator: Coordinator) -> Router {
    Router::new()
        .route("/v1/top", post(top).fallback(wrong_method))
        .route("/v1/series", post(series).fallback(wrong_method))
        .route("/v1/hints", post(hints).fallback(wrong_method))
        .route("/v1/metrics/list", post(metrics).fallback(wrong_method))
        .route("/v1/dimensions/list", post(dimensions).fallback(wrong_method))
        .route("/v1/health", get(health).fallback(wrong_method))
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

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "method_not_allowed",
        message: format!("{} does not take {method}", uri.path()),
        hint: "use POST with a JSON body for questions, GET for /v1/health".into(),
    }
}

/// A body of bounded size, as JSON whatever its content type says.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    let body = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|why| ApiError {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "body",
        message: format!("the body cannot be read: {why}"),
        hint: format!("send at most {BODY_BYTES_MAX} bytes"),
    })?;
    serde_json::from_slice(&body).map_err(|why| ApiError {
        status: StatusCode::BAD_REQUEST,
        code: "invalid_argument",
        message: format!("the body is not such a request: {why}"),
        hint: "send one JSON object with the fields of this endpoint; `sluice --help` shows examples".into(),
    })
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, content_type, Body::from(bytes)).into_response(),
        Err(why) => {
            tracing::error!(%why, "BUG: an answer is not JSON");
            (StatusCode::INTERNAL_SERVER_ERROR, content_type, INTERNAL).into_response()
        }
    }
}

const INTERNAL: &str =
    r#"{"error":{"code":"internal","message":"BUG: the answer is not JSON","hint":"tell the maintainers"}}"#;

/// An error with its status.
struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: String,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
}

// === impl ApiError ===

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let status = match error {
            QueryError::Invalid { .. } => StatusCode::BAD_REQUEST,
            QueryError::TooManyPoints { .. }
            | QueryError::TooManyGroups { .. }
            | QueryError::TooManySketches { .. }
            | QueryError::TooLargeAnswer { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            QueryError::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            QueryError::Bug(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, code: error.code(), message: error.to_string(), hint: error.hint().to_owned() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = ErrorJson { code: self.code, message: &self.message, hint: &self.hint };
        json(self.status, &ErrorBody { error })
    }
}
