//! How every JSON endpoint of this port takes a body and says no: also those that are no questions.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::QueryError;
use crate::limits::BODY_BYTES_MAX;

pub use crate::json::{Condition, Object, objects};

/// An error with its status: `{"error":{"code","message","hint"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Of HTTP.
    pub status: StatusCode,
    /// One word for programs.
    pub code: &'static str,
    /// What is wrong, with the field and the limit.
    pub message: String,
    /// The way out.
    pub hint: String,
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

/// A body of bounded size, as JSON whatever its content type says. It comes as it is: 1 MiB of questions need no packing.
///
/// # Errors
/// When it is packed or too long, or not such a request.
pub async fn read<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    check_encoding(&request)?;
    let body = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|why| ApiError {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "body",
        message: format!("the body cannot be read: {why}"),
        hint: format!("send at most {BODY_BYTES_MAX} bytes"),
    })?;
    let object: Result<Object<T>, _> = serde_json::from_slice(&body);
    object.map(|Object(body)| body).map_err(|why| ApiError {
        status: StatusCode::BAD_REQUEST,
        code: "invalid_argument",
        message: format!("the body is not such a request: {why}"),
        hint: "send one JSON object with the fields of this endpoint; `sluice --help` shows examples".into(),
    })
}

fn check_encoding(request: &Request) -> Result<(), ApiError> {
    let mut given = request.headers().get_all(header::CONTENT_ENCODING).iter();
    let Some(packed) = given.find(|given| !matches!(given.as_bytes(), b"" | b"identity")) else {
        return Ok(());
    };
    Err(ApiError {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code: "unsupported_media_type",
        message: format!("content-encoding is {packed:?}, must be identity"),
        hint: "send the body as it is, without content-encoding; only OTLP at /v1/metrics is read packed"
            .into(),
    })
}

/// The same of what changes something: only with the content type of JSON, which a page of another site cannot send
/// without being asked for.
///
/// # Errors
/// As [`read`], and when the content type is another one.
pub async fn read_json<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok());
    let given = given.unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(ApiError {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: "unsupported_media_type",
            message: format!("content-type is {given:?}, must be application/json"),
            hint: "send the header `content-type: application/json`".into(),
        });
    }
    read(request).await
}

/// For paths that are not there.
pub async fn not_found(uri: Uri) -> ApiError {
    ApiError {
        status: StatusCode::NOT_FOUND,
        code: "not_found",
        message: format!("there is nothing at {}", uri.path()),
        hint: "questions are POST /v1/top, /v1/series, /v1/hints, /v1/metrics/list and /v1/dimensions/list; docs/http-api.md has all paths"
            .into(),
    }
}

/// For paths that are there, under another method.
pub async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "method_not_allowed",
        message: format!("{} does not take {method}", uri.path()),
        hint:
            "use POST with a JSON body for what asks or changes something, GET for /v1/health and /v1/alerts"
                .into(),
    }
}

pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
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

// === impl ApiError ===

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let status = match error {
            QueryError::Invalid { .. } => StatusCode::BAD_REQUEST,
            QueryError::TooManyPoints { .. }
            | QueryError::TooManyGroups { .. }
            | QueryError::TooManySketches { .. }
            | QueryError::TooManyBytes { .. }
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
