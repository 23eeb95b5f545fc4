//! Requests that are small on the wire and huge in memory, at every door.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, uri::PathAndQuery};
use bytes::{Buf as _, BufMut as _, Bytes};
use frontend::Frontend;
use frontend::decoding::Memory;
use frontend::otlp::{OtlpService, router};
use frontend::publish::{MESSAGE_BYTES_MAX, PublishService};
use model::{Limits, Placement};
use partition_log::{MemoryLog, PartitionLog};
use prost::Message as _;
use proto::v1::{BatchReply, PublishReply};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tower::ServiceExt as _;

/// Bytes as they are: a client that does not hold what it makes others hold.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

const PUBLISH: &str = "/sluice.v1.Publish/Publish";
const PUBLISH_STREAM: &str = "/sluice.v1.Publish/PublishStream";
const EXPORT: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

fn frontend() -> Arc<Frontend> {
    let logs = vec![Arc::new(MemoryLog::new()) as Arc<dyn PartitionLog>];
    Arc::new(Frontend::new(Placement::new(1, 1).unwrap(), Limits::DEFAULT, logs).unwrap())
}

async fn client() -> Grpc<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let frontend = frontend();
    let server = Server::builder()
        .add_service(PublishService::server(Arc::clone(&frontend), Memory::default()))
        .add_service(OtlpService::server(frontend, Memory::default()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    // Packed, a flood is a few KB.
    Grpc::new(channel).send_compressed(CompressionEncoding::Gzip)
}

async fn call(path: &'static str, body: Vec<u8>) -> Result<Bytes, Status> {
    let mut client = client().await;
    client.ready().await.unwrap();
    let request = tonic::Request::new(Bytes::from(body));
    Ok(client.unary(request, PathAndQuery::from_static(path), Raw).await?.into_inner())
}

async fn post(content_type: &str, body: Vec<u8>) -> (StatusCode, String) {
    let request = Request::post("/v1/metrics").header("content-type", content_type);
    let response =
        router(frontend(), Memory::default()).oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// `pattern` over and over, as large as a message may be, within these fields.
fn flood(around: &[u8], pattern: &[u8]) -> Vec<u8> {
    let inner = pattern.repeat((MESSAGE_BYTES_MAX - 6 * around.len()) / pattern.len());
    around.iter().rev().fold(inner, |inner, number| {
        let mut outer = vec![number << 3 | 2];
        prost::encode_length_delimiter(inner.len(), &mut outer).unwrap();
        outer.extend(inner);
        outer
    })
}

fn batches() -> Vec<u8> {
    flood(&[], &[0x0a, 0])
}

fn points() -> Vec<u8> {
    flood(&[1, 2, 2, 5], &[0x0a, 0])
}

fn attributes() -> Vec<u8> {
    flood(&[1, 2, 2, 5, 1], &[0x3a, 0])
}

const TOO_MANY_BATCHES: &str = "the request has more than 256 batches: split it";
const TOO_MANY_POINTS: &str = "the request has more than 65536 data points: split it";
const TOO_MANY_ATTRIBUTES: &str =
    "the request has more than 524288 attributes (with values in lists and maps): split it";

/// What a reply says beside how long it took.
fn batches_of(reply: Bytes) -> Vec<BatchReply> {
    PublishReply::decode(reply).unwrap().batches
}

#[tokio::test]
async fn over_grpc() {
    let cases = [
        (PUBLISH, batches(), TOO_MANY_BATCHES),
        (EXPORT, points(), TOO_MANY_POINTS),
        (EXPORT, attributes(), TOO_MANY_ATTRIBUTES),
    ];
    for (path, body, expected) in cases {
        let status = call(path, body).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, expected));
    }
    assert_eq!(batches_of(call(PUBLISH, Vec::new()).await.unwrap()), []);
    assert_eq!(call(EXPORT, Vec::new()).await.unwrap(), Bytes::new());
    for path in [PUBLISH, EXPORT] {
        let status = call(path, vec![0xff; 100]).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    let status = call("/sluice.v1.Publish/Unknown", Vec::new()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn over_a_stream() {
    let mut client = client().await;
    client.ready().await.unwrap();
    let requests = tokio_stream::iter([Bytes::new(), Bytes::from(batches())]);
    let path = PathAndQuery::from_static(PUBLISH_STREAM);
    let replies = client.streaming(tonic::Request::new(requests), path, Raw).await.unwrap();
    let mut replies = replies.into_inner();
    assert_eq!(batches_of(replies.message().await.unwrap().unwrap()), []);
    let status = replies.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, TOO_MANY_BATCHES));
}

/// As many as a request may have: each counts, a few are told.
#[tokio::test]
async fn bad_points_of_json_are_not_told_one_by_one() {
    let points = vec!["0"; 65_536].join(",");
    let metric = format!(r#"{{"name":"g","gauge":{{"dataPoints":[{points}]}}}}"#);
    let body = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
    let (status, said) = post("application/json", body.into_bytes()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(said.starts_with(r#"{"partialSuccess":{"rejectedDataPoints":"65536","#), "{said}");
    assert!(said.contains("dataPoints[15] is 0") && !said.contains("dataPoints[16] is 0"), "{said}");
}

#[tokio::test]
async fn over_http() {
    let json = |open: &str, element: &str| {
        format!("{open}{}", element.repeat((MESSAGE_BYTES_MAX - open.len()) / element.len())).into_bytes()
    };
    let cases = [
        ("application/x-protobuf", points(), TOO_MANY_POINTS),
        ("application/x-protobuf", attributes(), TOO_MANY_ATTRIBUTES),
        ("application/json", json(r#"{"dataPoints":["#, "{},"), TOO_MANY_POINTS),
        ("application/json", json(r#"{"attributes":["#, "{},"), TOO_MANY_ATTRIBUTES),
    ];
    for (content_type, body, expected) in cases {
        let (status, said) = post(content_type, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(said.contains(expected), "{said}");
    }
}
