//! Many hostile connections at once: what they make the process hold is bounded, and honest load goes on.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use frontend::Frontend;
use frontend::decoding::Memory;
use frontend::decoding::memory::MEMORY_BYTES_MIN;
use frontend::otlp::{OtlpService, router};
use frontend::publish::{MESSAGE_BYTES_MAX, PublishService};
use model::{Aggregate, Limits, Minute, Number, Placement, Scalars};
use partition_log::{MemoryLog, PartitionLog};
use proto::v1::PublishRequest;
use proto::v1::publish_client::PublishClient;
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codegen::StdError;
use tonic::transport::{Channel, Server};
use tower::{Service as _, ServiceExt as _};

const EXPORT: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const EXHAUSTED: &str = "8";

struct House {
    address: SocketAddr,
    frontend: Arc<Frontend>,
    memory: Memory,
}

impl House {
    async fn new() -> Self {
        let logs = vec![Arc::new(MemoryLog::new()) as Arc<dyn PartitionLog>];
        let frontend = Arc::new(Frontend::new(Placement::new(1, 1).unwrap(), Limits::DEFAULT, logs).unwrap());
        let memory = Memory::new(MEMORY_BYTES_MIN);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .add_service(PublishService::server(Arc::clone(&frontend), memory.clone()))
            .add_service(OtlpService::server(Arc::clone(&frontend), memory.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, frontend, memory }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// A connection of its own that sends this to OTLP's door. Resolves to `grpc-status`.
    async fn send(&self, chunks: impl tokio_stream::Stream<Item = Vec<u8>> + Send + 'static) -> String {
        let body = axum::body::Body::from_stream(chunks.map(Ok::<_, StdError>));
        let request = http_request(self.address, tonic::body::Body::new(body));
        let mut channel = self.channel().await;
        let response = channel.ready().await.unwrap().call(request).await.unwrap();
        if let Some(status) = response.headers().get("grpc-status") {
            let retry = response.headers().get("retry-after-ms");
            assert_eq!(
                retry.map(|after| after.as_bytes()),
                (status == EXHAUSTED).then_some(b"1000".as_slice())
            );
            return status.to_str().unwrap().to_owned();
        }
        "0".to_owned()
    }

    /// `count` small requests one after the other; every one must be taken.
    async fn honest(&self, count: u64) {
        let mut client = PublishClient::new(self.channel().await);
        let minute = Minute::of_unix_seconds(i64::try_from(now()).unwrap()).unwrap();
        for n in 0..count {
            let mut batch = proto::BatchBuilder::new("default");
            batch.add(
                "m",
                [("n", n.to_string().as_str())],
                minute,
                &Aggregate::of(Scalars::of(Number::Int(1))),
            );
            let reply = client.publish(PublishRequest { batches: vec![batch.build()] }).await.unwrap();
            assert_eq!(reply.into_inner().batches[0].accepted, 1);
        }
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn http_request(address: SocketAddr, body: tonic::body::Body) -> axum::http::Request<tonic::body::Body> {
    axum::http::Request::post(format!("http://{address}{EXPORT}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

/// The five bytes before a message of gRPC.
fn head(len: usize) -> Vec<u8> {
    [&[0], &u32::try_from(len).unwrap().to_be_bytes()[..]].concat()
}

/// One message within others, of as many attributes as a request may have: 1 MB on the wire, 200 MB decoded.
fn dear() -> Vec<u8> {
    let inner = [0x3a, 0].repeat(524_288);
    [1_u8, 2, 2, 5, 1].iter().rev().fold(inner, |inner, number| {
        let mut outer = vec![number << 3 | 2];
        prost::encode_length_delimiter(inner.len(), &mut outer).unwrap();
        outer.extend(inner);
        outer
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_never_end_take_their_share_and_no_more() {
    let house = Arc::new(House::new().await);
    let almost = || {
        let chunks = (0..MESSAGE_BYTES_MAX >> 20).map(|_| vec![0; 1 << 20]);
        tokio_stream::iter(std::iter::once(head(MESSAGE_BYTES_MAX)).chain(chunks.skip(1)))
            .chain(tokio_stream::pending())
    };
    let mut hostile = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (house, chunks) = (Arc::clone(&house), almost());
        hostile.spawn(async move { house.send(chunks).await });
    }
    // 24 × 15 MiB do not fit into 192: those that are cut off hear it, the others are not through.
    for _ in 0..10 {
        assert_eq!(hostile.join_next().await.unwrap().unwrap(), EXHAUSTED);
        house.honest(20).await;
        assert!(
            house.memory.bytes_used() <= MEMORY_BYTES_MIN / 4 + (1 << 20),
            "{}",
            house.memory.bytes_used()
        );
    }
    assert!(house.memory.requests_refused() >= 10);
    hostile.shutdown().await;
    given_back(&house.memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_become_huge_are_let_in_as_many_as_fit() {
    let house = Arc::new(House::new().await);
    let mut hostile = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let house = Arc::clone(&house);
        hostile.spawn(async move {
            let message = dear();
            for _ in 0..3 {
                let chunks = tokio_stream::iter([head(message.len()), message.clone()]);
                let status = house.send(chunks).await;
                assert!(status == "0" || status == EXHAUSTED, "{status}");
            }
        });
    }
    house.honest(200).await;
    while let Some(ended) = hostile.join_next().await {
        ended.unwrap();
    }
    given_back(&house.memory).await;
}

#[tokio::test]
async fn over_http_it_is_429_with_a_time_to_come_back() {
    let house = House::new().await;
    // Of the 192 MiB that may arrive 180, in requests that never end.
    let stuck: Vec<_> = (0..12)
        .map(|_| {
            let begun = tokio_stream::iter(vec![vec![0; 1 << 20]; 15]).map(Ok::<_, StdError>);
            let body = axum::body::Body::from_stream(begun.chain(tokio_stream::pending()));
            tokio::spawn(router(Arc::clone(&house.frontend), house.memory.clone()).oneshot(post(body)))
        })
        .collect();
    while house.memory.bytes_used() < 179 << 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let large = axum::body::Body::from(vec![0; 15 << 20]);
    let ask = || router(Arc::clone(&house.frontend), house.memory.clone());
    let refused = ask().oneshot(post(large)).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(
        ask().oneshot(post(axum::body::Body::empty())).await.unwrap().status(),
        200,
        "a small one gets in"
    );
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
    given_back(&house.memory).await;
}

fn post(body: axum::body::Body) -> axum::http::Request<axum::body::Body> {
    axum::http::Request::post("/v1/metrics")
        .header("content-type", "application/x-protobuf")
        .body(body)
        .unwrap()
}

/// Connections end some time after their clients do.
async fn given_back(memory: &Memory) {
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while memory.bytes_used() > 0 {
        assert!(tokio::time::Instant::now() < until, "{} bytes are never given back", memory.bytes_used());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
