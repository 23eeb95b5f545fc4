//! What an operator asks of a running server: a backup. One answer at its end, or, to who accepts that, lines of JSON as it
//! goes on: those begin with the first step, and so a failure before it has its status as well.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use query_coordinator::QueryError;
use query_coordinator::api::{ApiError, read_json};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::House;
use super::partitions::Partitions;
use crate::commands::backup::{Failure, Line, Request, Taken, take};

/// What who wants lines accepts.
const LINES: &str = "application/x-ndjson";
/// Two would compete for the scratch directory, and for the disk.
static AT_WORK: Semaphore = Semaphore::const_new(1);
/// Lines that a slow reader may have waiting; the backup waits for the rest.
const LINES_WAITING: usize = 16;

pub(super) fn router() -> Router<House> {
    Router::new().route("/v1/admin/backup", post(backup))
}

/// Whoever hangs up ends the backup; what was sent stays for the next.
async fn backup(State(house): State<House>, request: axum::extract::Request) -> Result<Response, ApiError> {
    let as_lines = accepts_lines(request.headers());
    let request: Request = read_json(request).await?;
    if request.keep == Some(0) {
        let hint = "the backup that is taken now is one of them: give 1 or more, or leave it out for all";
        return Err(QueryError::invalid("keep", "is 0, must be at least 1", hint).into());
    }
    let turn = AT_WORK.try_acquire().map_err(|_| ApiError {
        status: StatusCode::CONFLICT,
        code: "busy",
        message: "a backup is being taken".to_owned(),
        hint: "wait until it has ended".to_owned(),
    })?;
    let (lines, mut waiting) = mpsc::channel(LINES_WAITING);
    let partitions = Arc::clone(&house.partitions);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let last = match run(&partitions, &request, &lines) {
            Ok(taken) => Line::Taken(taken),
            Err(why) => Line::Error(Failure::of(&why)),
        };
        drop(lines.blocking_send(last)); // nobody may be listening any more
    });
    loop {
        match waiting.recv().await {
            Some(Line::Step(step)) if as_lines => return Ok(in_lines(Line::Step(step), waiting)),
            Some(Line::Step(_)) => {}
            Some(Line::Taken(taken)) if as_lines => return Ok(in_lines(Line::Taken(taken), waiting)),
            Some(Line::Taken(taken)) => return Ok(axum::Json(taken).into_response()),
            Some(Line::Error(failure)) => return Err(failure.into()),
            None => return Err(QueryError::Bug("a backup ended without a word".to_owned()).into()),
        }
    }
}

fn accepts_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|value| value.trim().starts_with(LINES))
}

fn in_lines(first: Line, rest: mpsc::Receiver<Line>) -> Response {
    let lines = tokio_stream::once(first).chain(ReceiverStream::new(rest));
    let body = Body::from_stream(lines.map(|line| Ok::<_, Infallible>(bytes_of(&line))));
    ([(header::CONTENT_TYPE, LINES)], body).into_response()
}

fn run(partitions: &Partitions, request: &Request, lines: &mpsc::Sender<Line>) -> anyhow::Result<Taken> {
    let watch = |step| lines.blocking_send(Line::Step(step)).context("whoever asked for it has gone away");
    let taken = take(request, partitions.sources(), partitions.placement, &partitions.data, &watch);
    match &taken {
        Ok(taken) => tracing::info!(
            to = request.to,
            name = taken.name,
            bytes = taken.bytes,
            sent = taken.sent_bytes,
            "backup taken"
        ),
        Err(why) => tracing::warn!(to = request.to, why = format!("{why:#}"), "no backup was taken"),
    }
    taken
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let Failure { message, hint, .. } = failure;
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: Failure::CODE, message, hint }
    }
}

fn bytes_of(line: &Line) -> Bytes {
    let mut text = serde_json::to_vec(line).expect("numbers and strings are JSON");
    text.push(b'\n');
    text.into()
}
