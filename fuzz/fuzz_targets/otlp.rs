//! Any bytes as OTLP metrics, protobuf and JSON, at the door and behind it: each point has its fate, an island takes what
//! is appended, and a message has the same fate in both forms.
#![no_main]

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use frontend::Frontend;
use frontend::decoding::Memory;
use frontend::otlp::{convert, router};
use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message as _;
use serde::de::IgnoredAny;
use sluice_fuzz::{check_publish, with_frontend};
use std::sync::Arc;
use tower::ServiceExt as _;

/// The first byte of an input chooses the form.
const JSON: u8 = b'{';

fuzz_target!(|data: &[u8]| {
    with_frontend(async |frontend, memory| {
        let decoded: Option<ExportMetricsServiceRequest> = if data.first() == Some(&JSON) {
            let answer = post(&frontend, &memory, "application/json", data.to_vec()).await;
            let is_json = std::str::from_utf8(data).is_ok() && serde_json::from_slice::<IgnoredAny>(data).is_ok();
            assert!(is_json && answer.0.is_success() || answer.0.is_client_error(), "{}", answer.0);
            serde_json::from_slice(data).ok()
        } else {
            let answer = post(&frontend, &memory, "application/x-protobuf", data.to_vec()).await;
            let decoded = ExportMetricsServiceRequest::decode(data).ok();
            assert!(decoded.is_some() || answer.0.is_client_error(), "{}", answer.0);
            decoded
        };
        if let Some(request) = decoded {
            check_forms(&frontend, &memory, &request).await;
            check_converted(&frontend, &request).await;
        }
    });
});

async fn post(
    frontend: &Arc<Frontend>,
    memory: &Memory,
    form: &str,
    body: Vec<u8>,
) -> (StatusCode, Vec<u8>) {
    let call = Request::post("/v1/metrics").header("content-type", form);
    let call = call.body(Body::from(body)).expect("a good request");
    let answer = router(frontend.clone(), memory.clone()).oneshot(call).await.expect("a door answers");
    let status = answer.status();
    (status, to_bytes(answer.into_body(), usize::MAX).await.expect("a whole answer").to_vec())
}

/// Where OpenTelemetry's own types say the same in both forms (JSON has no NaN, and nests deeper), the door does.
async fn check_forms(frontend: &Arc<Frontend>, memory: &Memory, request: &ExportMetricsServiceRequest) {
    let json = serde_json::to_vec(request).expect("any message has a JSON form");
    if serde_json::from_slice(&json).ok().as_ref() != Some(request) {
        return;
    }
    let (status, said) = post(frontend, memory, "application/json", json).await;
    if status != StatusCode::OK {
        assert!(String::from_utf8_lossy(&said).contains("nests deeper"), "{status}");
        return;
    }
    let said: serde_json::Value = serde_json::from_slice(&said).expect("a JSON answer");
    let (_, expected) = post(frontend, memory, "application/x-protobuf", request.encode_to_vec()).await;
    let expected = ExportMetricsServiceResponse::decode(&expected[..]).expect("a protobuf answer");
    let expected = expected.partial_success.map(|partial| partial.rejected_data_points.to_string());
    assert_eq!(said["partialSuccess"]["rejectedDataPoints"].as_str(), expected.as_deref());
}

async fn check_converted(frontend: &Frontend, request: &ExportMetricsServiceRequest) {
    let converted = convert(request, "a");
    let rows: u64 = converted.batches.iter().map(|batch| batch.row_series.len() as u64).sum();
    let rejected: u64 = converted.rejected.by_reason().map(|(_, points)| points).sum();
    assert!(rows + rejected + converted.without_value >= converted.points);
    check_publish(frontend, &converted.batches).await;
}
