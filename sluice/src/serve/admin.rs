//! What an operator asks of a running server: a backup. Lines of JSON, as it goes on.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use query_coordinator::api::{ApiError, read_json};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::House;
use super::partitions::Partitions;
use crate::commands::backup::{Line, Request, Taken, take};

/// Two would compete for the scratch directory, and for the disk.
static AT_WORK: Semaphore = Semaphore::const_new(1);
/// Lines that a slow reader may have waiting; the backup waits for the rest.
const LINES_WAITING: usize = 16;

pub(super) fn router() -> Router<House> {
    Router::new().route("/v1/admin/backup", post(backup))
}

/// Whoever hangs up ends the backup; what was sent stays for the next.
async fn backup(State(house): State<House>, request: axum::extract::Request) -> Result<Response, ApiError> {
    let request: Request = read_json(request).await?;
    let turn = AT_WORK.try_acquire().map_err(|_| ApiError {
        status: StatusCode::CONFLICT,
        code: "busy",
        message: "a backup is being taken".to_owned(),
        hint: "wait until it has ended".to_owned(),
    })?;
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    let partitions = Arc::clone(&house.partitions);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let last = match run(&partitions, &request, &lines) {
            Ok(taken) => Line::Taken(taken),
            Err(why) => Line::Failed(format!("{why:#}")),
        };
        drop(lines.blocking_send(last)); // nobody may be listening any more
    });
    let body =
        Body::from_stream(ReceiverStream::new(waiting).map(|line| Ok::<_, Infallible>(bytes_of(&line))));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
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

fn bytes_of(line: &Line) -> Bytes {
    let mut text = serde_json::to_vec(line).expect("numbers and strings are JSON");
    text.push(b'\n');
    text.into()
}
