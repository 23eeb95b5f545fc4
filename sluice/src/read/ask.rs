//! One request of the JSON API and its answer.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

/// The server itself gives up on a query after 30 s.
const TIMEOUT: Duration = Duration::from_secs(60);
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

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build().into()
}

fn url(server: &str, path: &str) -> String {
    format!("{}{path}", server.trim_end_matches('/'))
}

type Response = ureq::http::Response<ureq::Body>;

fn answer(server: &str, response: Result<Response, ureq::Error>) -> Result<Value, AskError> {
    let unreachable = |why: String| AskError::Unreachable { server: server.to_owned(), why };
    let mut response = response.map_err(|error| unreachable(error.to_string()))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let answer: Value =
        body.read_json().map_err(|error| unreachable(format!("{status}, no JSON answer: {error}")))?;
    if status.is_success() {
        return Ok(answer);
    }
    let text = |field: &str| answer["error"][field].as_str().unwrap_or_default().to_owned();
    let message =
        if text("message").is_empty() { format!("the server answered {status}") } else { text("message") };
    Err(AskError::Refused { message, hint: text("hint") })
}
