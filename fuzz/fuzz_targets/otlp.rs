//! Any bytes as OTLP metrics, protobuf and JSON, at the door and behind it: each point has its fate, and an island takes
//! what is appended.
#![no_main]

use axum::body::Body;
use axum::http::Request;
use frontend::Frontend;
use frontend::otlp::{convert, router};
use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message as _;
use sluice_fuzz::{check_publish, with_frontend};
use tower::ServiceExt as _;

/// The first byte of an input chooses the form.
const JSON: u8 = b'{';

fuzz_target!(|data: &[u8]| {
    let form = if data.first() == Some(&JSON) { "application/json" } else { "application/x-protobuf" };
    with_frontend(async |frontend, memory| {
        let door = router(frontend.clone(), memory);
        let call = Request::post("/v1/metrics").header("content-type", form);
        let call = call.body(Body::from(data.to_vec())).expect("a good request");
        let answer = door.oneshot(call).await.expect("a door answers");
        let decoded = match data.first() {
            Some(&JSON) => serde_json::from_slice(data).ok(),
            _ => ExportMetricsServiceRequest::decode(data).ok(),
        };
        match decoded {
            Some(request) => check_converted(&frontend, &request).await,
            None => assert!(answer.status().is_client_error(), "{}", answer.status()),
        }
    });
});

async fn check_converted(frontend: &Frontend, request: &ExportMetricsServiceRequest) {
    let converted = convert(request, "a");
    let rows: u64 = converted.batches.iter().map(|batch| batch.row_series.len() as u64).sum();
    let rejected: u64 = converted.rejected.by_reason().map(|(_, points)| points).sum();
    assert!(rows + rejected + converted.without_value >= converted.points);
    check_publish(frontend, &converted.batches).await;
}
