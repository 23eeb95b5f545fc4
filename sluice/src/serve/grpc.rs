//! Port 4317: `sluice.v1`, OTLP, reflection and health, side by side.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use frontend::otlp::OtlpService;
use frontend::publish::PublishService;
use proto::v1::admin_server::AdminServer;
use proto::v1::query_server::QueryServer;
use query_coordinator::WorkerService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::delete::AdminService;
use super::{House, Role, ended};

/// Streams of one connection; an honest client has 8 batches in flight. What requests
/// at work may hold is `frontend::decoding::memory`'s to say, which refuses at once: those that wait for a place would
/// hold the connection's flow-control window, and those that have one could not be read on.
const STREAMS_MAX: u32 = 256;
/// Of a node that coordinators ask, where a lease on a partition is a stream; how many there are is the worker's to say.
const LEASE_STREAMS_MAX: u32 = 4_096;
/// A peer that does not answer a ping is gone.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// A request that is not through by then was cut off or is held up; its sender tries again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest question holds 64 conditions of a few thousand values.
const QUESTION_BYTES_MAX: usize = 4 << 20;

pub(super) async fn serve(
    role: Role,
    listener: TcpListener,
    house: House,
    stopped: watch::Receiver<()>,
) -> anyhow::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let described = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let reflection = described().build_v1().context("BUG: the descriptors cannot be read")?;
    // What Python's and older Go clients still ask for.
    let reflection_alpha = described().build_v1alpha().context("BUG: the descriptors cannot be read")?;
    let mut services = Server::builder()
        .max_concurrent_streams(if role == Role::Aggregator { LEASE_STREAMS_MAX } else { STREAMS_MAX })
        .timeout(REQUEST_TIMEOUT)
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .add_service(reflection)
        .add_service(reflection_alpha)
        .add_service(health_service);
    if let Some(frontend) = house.frontend.filter(|_| role.publishes()) {
        services = services
            .add_service(PublishService::server(Arc::clone(&frontend), house.memory.clone()))
            .add_service(OtlpService::server(frontend, house.memory.clone()));
    }
    if role == Role::Aggregator {
        services = services.add_service(WorkerService::server(&house.coordinator));
    }
    if role.answers() {
        health.set_serving::<QueryServer<query_coordinator::Coordinator>>().await;
        services = services.add_service(
            QueryServer::new(house.coordinator.clone())
                .accept_compressed(CompressionEncoding::Gzip)
                .send_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(QUESTION_BYTES_MAX),
        );
    }
    if role.has_all() {
        let admin = AdminServer::new(AdminService(house.partitions.clone()));
        services = services.add_service(admin.max_decoding_message_size(QUESTION_BYTES_MAX));
    }
    services
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), ended(stopped))
        .await
        .context("the gRPC port failed")
}
