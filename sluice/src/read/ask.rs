//! One request of the JSON API and its answer.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

/// The server itself gives up on a query after 30 s.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A machine that is there answers sooner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// No answer is larger; a server that sends more is not ours.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    /// The call is wrong: exit status 2.
    #[error("{0}")]
    Call(String),
    /// The server refused it: exit status 1.
    #[error("{message}{}", hint_of(.hint))]
    Refused { message: String, hint: String },
    /// There is no server, or not ours.
    #[error("cannot reach {server}: {why}; is `sluice serve` running there? (--server, SLUICE_SERVER)")]
    Unreachable { server: String, why: String },
    /// Somebody answered, but not as a server of this version does.
    #[error(
        "{server} answered {why}; is it the HTTP port of `sluice serve`, of this version? (--server, SLUICE_SERVER; the default is http://127.0.0.1:4318)"
    )]
    Strange { server: String, why: String },
}

fn hint_of(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(" ({hint})") }
}

/// `POST {server}{path}` with a JSON body.
pub(crate) fn post(server: &str, path: &str, request: &Value) -> Result<Value, AskError> {
    answer(server, agent().post(url(server, path)).send_json(request))
}

/// `GET {server}{path}`.
pub(crate) fn get(server: &str, path: &str) -> Result<Value, AskError> {
    answer(server, agent().get(url(server, path)).call())
}

/// `DELETE {server}{path}`.
pub(crate) fn delete(server: &str, path: &str) -> Result<Value, AskError> {
    answer(server, agent().delete(url(server, path)).call())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .http_status_as_error(false)
        .build()
        .into()
}

fn url(server: &str, path: &str) -> String {
    format!("{}{path}", server.trim_end_matches('/'))
}

type Response = ureq::http::Response<ureq::Body>;

fn answer(server: &str, response: Result<Response, ureq::Error>) -> Result<Value, AskError> {
    let strange = |why: String| AskError::Strange { server: server.to_owned(), why };
    let mut response = response.map_err(|error| match error {
        // gRPC's port, or one that speaks no HTTP at all.
        ureq::Error::Protocol(why) => strange(format!("no HTTP/1.1: {why}")),
        ureq::Error::Io(why) if why.kind() == std::io::ErrorKind::ConnectionReset => {
            strange("by hanging up".to_owned())
        }
        error => AskError::Unreachable { server: server.to_owned(), why: error.to_string() },
    })?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let answer: Value = body.read_json().map_err(|error| match error {
        ureq::Error::Json(_) => strange(format!("{status}, and that is no JSON")),
        error => strange(format!("{status}, and the answer cannot be read: {error}")),
    })?;
    if status.is_success() && answer.is_object() {
        return Ok(answer);
    }
    Err(AskError::refused(&answer)
        .unwrap_or_else(|| strange(format!("{status}, and that is no answer of sluice"))))
}

// === impl AskError ===

impl AskError {
    /// The JSON API's way to say no; `None` when it is something else.
    pub(crate) fn refused(answer: &Value) -> Option<Self> {
        let text = |field: &str| answer["error"][field].as_str().unwrap_or_default().to_owned();
        let (message, hint) = (text("message"), text("hint"));
        (!message.is_empty()).then_some(Self::Refused { message, hint })
    }
}
