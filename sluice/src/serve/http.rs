//! Port 4318: the console, the JSON API, OTLP/HTTP, `/metrics`, `/healthz` and `/readyz`.

use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use query_coordinator::api::{not_found, wrong_method};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::limit::GlobalConcurrencyLimitLayer;

use super::hosts::{Hosts, guard};
use super::islands::ELSEWHERE;
use super::{House, Role, admin, alerts, canary, console, delete, ended, notify, own_ring, prometheus};

/// OTLP requests that are being read and decoded; further ones wait. See the gRPC port.
const OTLP_REQUESTS_MAX: usize = 32;
/// From the first header to the reply.
const OTLP_REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) async fn serve(
    role: Role,
    listener: TcpListener,
    house: House,
    hosts: Hosts,
    stopped: watch::Receiver<()>,
) -> anyhow::Result<()> {
    axum::serve(listener, router(role, house, hosts))
        .with_graceful_shutdown(ended(stopped))
        .await
        .context("the HTTP port failed")
}

fn router(role: Role, house: House, hosts: Hosts) -> Router {
    let mut ours = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(move |State(house): State<House>| readyz(role, house)))
        .route("/metrics", get(move |State(house): State<House>| metrics(role, house)))
        .merge(own_ring::router());
    if !role.has_all() {
        ours = ours.route("/v1/owners", get(owners));
    }
    if role.answers() {
        ours = ours.merge(console::router()).merge(alerts::router());
    }
    if role.has_all() {
        ours = ours.merge(admin::router()).merge(canary::router()).merge(delete::router());
        ours = ours.merge(notify::api::router());
    }
    let mut all = ours.with_state(house.clone());
    if role.answers() {
        all = all.merge(query_coordinator::router(house.coordinator));
    }
    if let Some(frontend) = house.frontend.filter(|_| role.publishes()) {
        let otlp = frontend::otlp::router(frontend, house.memory)
            .layer(axum::middleware::from_fn(in_time))
            .layer(GlobalConcurrencyLimitLayer::new(OTLP_REQUESTS_MAX));
        all = all.merge(otlp);
    }
    all.fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(hosts, guard))
}

/// A sender that stops in the middle gives its place back; an honest one tries again.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(OTLP_REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the request took too long: send it again\n").into_response(),
    }
}

/// Ready when every island has caught up with its log, for until then answers are partial, and every log takes more. Over Kafka
/// also when the topic can be reached. A coordinator when it knows an owner of each partition, Kafka there or not.
async fn readyz(role: Role, house: House) -> impl IntoResponse {
    let ready = match role {
        Role::Coordinator => house.nodes.ready(house.partitions.placement),
        _ => house.partitions.ready(),
    };
    match ready {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(waiting) => (StatusCode::SERVICE_UNAVAILABLE, waiting + "\n"),
    }
}

/// Which node owns which partition in which zone, as far as this one has heard.
async fn owners(State(house): State<House>) -> impl IntoResponse {
    Json(json!({"owners": house.partitions.owners()}))
}

async fn metrics(role: Role, house: House) -> impl IntoResponse {
    // A process says only of its own partitions how they do.
    let mut health = if role.owns() { house.coordinator.health().await } else { house.coordinator.process() };
    health.partitions.retain(|partition| partition.state != ELSEWHERE);
    let text = prometheus::text(&health, &house.memory, &house.notifier.statuses());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
