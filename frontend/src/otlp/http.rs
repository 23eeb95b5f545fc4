//! OTLP over HTTP: `POST /v1/metrics`, protobuf or JSON, plain or gzip.
//!
//! Replies are in the form of the request. An error's body is a `google.rpc.Status`.

use std::io::Read as _;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use flate2::read::MultiGzDecoder;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message as _;
use proto::rpc::encode_status;
use tonic::Code;

use super::export::export;
use super::{ACCOUNT_HEADER, Rejected, json};
use crate::decoding::arrival::{Arrival, Arriving};
use crate::decoding::memory::{Charged, Of, Taken};
use crate::decoding::{self, Memory};
use crate::publish::MESSAGE_BYTES_MAX;
use crate::status::MEMORY_RETRY_AFTER;
use crate::{Frontend, PublishError};

/// Unpacked at once; the memory is taken before.
const GUNZIP_STEP_BYTES: usize = 256 << 10;

/// How request and reply are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

/// What is wrong with a request, or with us.
struct Failure {
    status: StatusCode,
    code: Code,
    message: String,
    retry_after: Option<std::time::Duration>,
}

/// What the handler needs.
#[derive(Clone)]
struct Door {
    frontend: Arc<Frontend>,
    memory: Memory,
}

/// `POST /v1/metrics`, to be merged into the router of the HTTP port.
pub fn router(frontend: Arc<Frontend>, memory: Memory) -> Router {
    Router::new().route("/v1/metrics", post(metrics)).with_state(Door { frontend, memory })
}

async fn metrics(State(door): State<Door>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let form = match Form::of(&head.headers) {
        Ok(form) => form,
        Err(failure) => return failure.into_response(Form::Json),
    };
    match handle(&door, &head.headers, body, form).await {
        Ok(response) => form.response(StatusCode::OK, form.success(&response)),
        Err(failure) => failure.into_response(form),
    }
}

async fn handle(
    door: &Door,
    headers: &HeaderMap,
    body: Body,
    form: Form,
) -> Result<ExportMetricsServiceResponse, Failure> {
    let zipped = is_gzip(headers)?;
    let account = account(headers)?.to_owned();
    let arrival = Arrival::new(&door.memory);
    let body = Body::new(Arriving::new(body, arrival.clone()));
    let body = to_bytes(body, MESSAGE_BYTES_MAX).await.map_err(|error| Failure::of_body(&error))?;
    // Up to 16 MiB to unpack and to decode: not on a thread that others' requests wait for.
    let memory = door.memory.clone();
    let decoded = tokio::task::spawn_blocking(move || decode(&body, zipped, form, &memory)).await;
    arrival.decoded();
    let Charged { message: (request, rejected), taken } = decoded.map_err(|_| Failure::bug())??;
    let response = export(&door.frontend, request, rejected, &account).await;
    drop(taken);
    Ok(response?)
}

fn decode(
    body: &Bytes,
    zipped: bool,
    form: Form,
    memory: &Memory,
) -> Result<Charged<(ExportMetricsServiceRequest, Rejected)>, Failure> {
    let mut room = memory.nothing(Of::Decoded);
    let unpacked;
    let body: &[u8] = if zipped {
        unpacked = gunzip(body, &mut room)?;
        &unpacked
    } else {
        body
    };
    Ok(match form {
        Form::Protobuf => {
            decoding::from_protobuf(body, memory)?.map(|request| (request, Rejected::default()))
        }
        Form::Json => decoding::from_json(body, memory, json::read)?,
    })
}

/// Never holds more than the cap, nor than there is room for, whatever the bytes promise.
fn gunzip(body: &[u8], room: &mut Taken) -> Result<Vec<u8>, Failure> {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(body);
    loop {
        room.grow(GUNZIP_STEP_BYTES)?;
        let step = reader.by_ref().take(GUNZIP_STEP_BYTES as u64).read_to_end(&mut unpacked);
        let read = step.map_err(|error| {
            Failure::bad(format!("the body is not gzip, though content-encoding says so: {error}"))
        })?;
        if unpacked.len() > MESSAGE_BYTES_MAX {
            return Err(Failure::too_large());
        }
        if read < GUNZIP_STEP_BYTES {
            return Ok(unpacked);
        }
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Failure> {
    match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
        None | Some(b"" | b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(other) => Err(Failure::unsupported(format!(
            "content-encoding is {:?}, must be gzip or identity",
            String::from_utf8_lossy(other)
        ))),
    }
}

fn account(headers: &HeaderMap) -> Result<&str, Failure> {
    let Some(account) = headers.get(ACCOUNT_HEADER) else { return Ok("") };
    account.to_str().map_err(|_| Failure::bad(format!("{ACCOUNT_HEADER} is not ASCII: send plain text")))
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}

// === impl Form ===

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let given = headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
        match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Ok(Self::Protobuf),
            "application/json" => Ok(Self::Json),
            _ => Err(Failure::unsupported(format!(
                "content-type is {given:?}, must be application/x-protobuf or application/json"
            ))),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    fn success(self, response: &ExportMetricsServiceResponse) -> Vec<u8> {
        match (self, &response.partial_success) {
            (Self::Protobuf, _) => response.encode_to_vec(),
            (Self::Json, None) => b"{}".to_vec(),
            // 64-bit integers are strings in protobuf's JSON.
            (Self::Json, Some(partial)) => serde_json::json!({"partialSuccess": {
                "rejectedDataPoints": partial.rejected_data_points.to_string(),
                "errorMessage": partial.error_message,
            }})
            .to_string()
            .into_bytes(),
        }
    }

    fn failure(self, failure: &Failure) -> Vec<u8> {
        match self {
            Self::Protobuf => encode_status(failure.code as i32, &failure.message, failure.retry_after),
            Self::Json => serde_json::json!({"code": failure.code as i32, "message": failure.message})
                .to_string()
                .into_bytes(),
        }
    }

    fn response(self, status: StatusCode, body: Vec<u8>) -> Response {
        (status, [(CONTENT_TYPE, self.content_type())], body).into_response()
    }
}

// === impl Failure ===

impl Failure {
    fn new(status: StatusCode, code: Code, message: String) -> Self {
        Self { status, code, message, retry_after: None }
    }

    fn bad(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, message)
    }

    /// The end of a body that was not read to its end.
    fn of_body(error: &axum::Error) -> Self {
        if is_too_long(error) {
            return Self::too_large();
        }
        let (mut cause, mut ended) = (std::error::Error::source(error), None);
        while let (Some(error), None) = (cause, ended) {
            ended = error.downcast_ref::<tonic::Status>();
            cause = error.source();
        }
        let again = |status, ended: &tonic::Status, retry_after| Self {
            retry_after,
            ..Self::new(status, ended.code(), ended.message().to_owned())
        };
        match ended {
            Some(ended) if ended.code() == Code::ResourceExhausted => {
                again(StatusCode::TOO_MANY_REQUESTS, ended, Some(MEMORY_RETRY_AFTER))
            }
            Some(ended) if ended.code() == Code::DeadlineExceeded => {
                again(StatusCode::REQUEST_TIMEOUT, ended, None)
            }
            _ => Self::bad(format!("the body could not be read: {error}")),
        }
    }

    fn unsupported(message: String) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, message)
    }

    fn too_large() -> Self {
        let message =
            format!("the body has more than {MESSAGE_BYTES_MAX} bytes (unpacked): send less at once");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::InvalidArgument, message)
    }

    fn bug() -> Self {
        let message = "the server failed to handle this request: report it".to_owned();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, message)
    }

    fn into_response(self, form: Form) -> Response {
        let mut response = form.response(self.status, form.failure(&self));
        if let Some(after) = self.retry_after {
            // Whole seconds; less would be "at once".
            response.headers_mut().insert(RETRY_AFTER, after.as_secs().max(1).into());
        }
        response
    }
}

impl From<decoding::Refused> for Failure {
    fn from(refused: decoding::Refused) -> Self {
        let status = match refused.code() {
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { retry_after: refused.retry_after(), ..Self::new(status, refused.code(), refused.to_string()) }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let status = match &error {
            PublishError::TooManyBatches { .. } | PublishError::TooLarge { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            PublishError::Full { .. } | PublishError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            PublishError::Log { .. } => StatusCode::SERVICE_UNAVAILABLE,
            PublishError::Bug => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, code: error.code(), message: error.to_string(), retry_after: error.retry_after() }
    }
}
