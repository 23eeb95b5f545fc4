//! Any bytes as a publish request, at the door and behind it: each row has its fate, and an island takes what is
//! appended.
#![no_main]

use axum::body::{Body, Bytes};
use axum::http::Request;
use frontend::publish::PublishService;
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use proto::v1;
use sluice_fuzz::{check_publish, with_frontend};
use tower::ServiceExt as _;

fuzz_target!(|data: &[u8]| {
    with_frontend(async |frontend, memory| {
        let door = PublishService::server(frontend.clone(), memory);
        let body = [&[0][..], &(data.len() as u32).to_be_bytes(), data].concat();
        let call = Request::post("/sluice.v1.Publish/Publish").header("content-type", "application/grpc");
        let call = call.body(Body::from(body)).expect("a good request");
        drop(door.oneshot(call).await.expect("a door answers"));
        if let Ok(request) = v1::PublishRequest::decode(Bytes::copy_from_slice(data)) {
            check_publish(&frontend, &request.batches).await;
        }
    });
});
