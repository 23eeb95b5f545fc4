//! The doors, as strangers use them: a server on a loopback port, and the HTTP router.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use frontend::counters::Fate;
use frontend::decoding::Memory;
use frontend::otlp::{OtlpService, router};
use frontend::publish::{MESSAGE_BYTES_MAX, PublishService};
use frontend::{AccountRates, BATCHES_PER_REQUEST_MAX, Frontend};
use model::{Aggregate, Limits, Minute, Number, Placement, PublisherId, Rates, Reason, Scalars, Stamp};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use partition_log::{Ack, AppendError, Entry, MemoryLog, Offset, PartitionLog, ReadError, ReleaseError};
use proto::v1::publish_client::PublishClient;
use proto::{BatchBuilder, BatchView, Record, decode_record, v1};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Server};
use tower::ServiceExt as _;

const PARTITIONS: u32 = 3;

/// Holds every ack back until it is told to let go.
#[derive(Default)]
struct Held {
    log: MemoryLog,
    waiting: Mutex<Vec<(Ack, Result<Offset, AppendError>)>>,
}

impl Held {
    fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    fn let_go(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        waiting.into_iter().for_each(|(ack, said)| ack(said));
    }
}

impl PartitionLog for Held {
    fn append(&self, record: Bytes, ack: Ack) {
        let said = partition_log::append_blocking(&self.log, record);
        self.waiting.lock().unwrap().push((ack, said));
    }
    fn start(&self) -> Offset {
        self.log.start()
    }
    fn end(&self) -> Offset {
        self.log.end()
    }
    fn stopped(&self) -> Option<String> {
        None
    }
    fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError> {
        self.log.read(from, bytes_max, wait)
    }
    fn release(&self, before: Offset) -> Result<(), ReleaseError> {
        self.log.release(before)
    }
}

/// Takes nothing.
struct Dead;

impl PartitionLog for Dead {
    fn append(&self, _: Bytes, ack: Ack) {
        ack(Err(AppendError::Stopped("the disk is gone".to_owned())));
    }
    fn start(&self) -> Offset {
        0
    }
    fn end(&self) -> Offset {
        0
    }
    fn stopped(&self) -> Option<String> {
        Some("the disk is gone".to_owned())
    }
    fn read(&self, _: Offset, _: usize, _: Duration) -> Result<Vec<Entry>, ReadError> {
        Ok(Vec::new())
    }
    fn release(&self, _: Offset) -> Result<(), ReleaseError> {
        Ok(())
    }
}

struct House {
    frontend: Arc<Frontend>,
    logs: Vec<Arc<dyn PartitionLog>>,
}

fn house_of(logs: Vec<Arc<dyn PartitionLog>>) -> House {
    let partitions = u32::try_from(logs.len()).unwrap();
    let placement = Placement::new(partitions, partitions).unwrap();
    let frontend = Frontend::new(placement, Limits::DEFAULT, logs.clone()).unwrap();
    House { frontend: Arc::new(frontend), logs }
}

fn house() -> House {
    house_of((0..PARTITIONS).map(|_| Arc::new(MemoryLog::new()) as Arc<dyn PartitionLog>).collect())
}

impl House {
    /// Opens a port and connects to it.
    async fn channel(&self) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .add_service(PublishService::server(Arc::clone(&self.frontend), Memory::default()))
            .add_service(OtlpService::server(Arc::clone(&self.frontend), Memory::default()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    }

    /// All rows in all logs, as `metric=sum`, sorted.
    fn rows(&self) -> Vec<String> {
        let entries = self.logs.iter().flat_map(|log| log.read(0, usize::MAX, Duration::ZERO).unwrap());
        let mut rows = Vec::new();
        for entry in entries {
            let Ok(Record::Rows(batches)) = decode_record(entry.record) else { panic!("no rows") };
            for batch in &batches {
                let view = BatchView::new(batch).unwrap();
                let texts = (0..view.rows()).map(|at| view.row(at));
                rows.extend(texts.map(|row| format!("{}={}", view.metric(row.series), row.scalars.sum())));
            }
        }
        rows.sort();
        rows
    }

    async fn post(&self, body: impl Into<Body>, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let mut request = Request::post("/v1/metrics");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = router(Arc::clone(&self.frontend), Memory::default()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

fn now_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn batch(rows: &[(&str, i64)]) -> v1::Batch {
    let mut builder =
        BatchBuilder::new("shop").publisher(Stamp { publisher: PublisherId(1), ..Stamp::default() });
    let minute = Minute(u32::try_from(now_seconds() / 60).unwrap());
    for (metric, value) in rows {
        let of = value.to_string();
        builder.add(metric, [("of", of.as_str())], minute, &Aggregate::of(Scalars::of(Number::Int(*value))));
    }
    builder.build()
}

fn request(batches: Vec<v1::Batch>) -> v1::PublishRequest {
    v1::PublishRequest { batches }
}

#[tokio::test]
async fn good_rows_are_in_the_log_and_bad_rows_in_the_reply() {
    let house = house();
    let mut client = PublishClient::new(house.channel().await);
    let mut broken = batch(&[("x", 1)]);
    broken.row_sum.clear();
    let batches = vec![batch(&[("a", 1), ("", 2), ("b", 3)]), broken, batch(&[("c", 4)])];
    let reply = client.publish(request(batches)).await.unwrap().into_inner();
    let said: Vec<(u64, u64)> = reply.batches.iter().map(|one| (one.accepted, one.refused)).collect();
    assert_eq!(said, [(2, 1), (0, 1), (1, 0)]);
    assert_eq!((reply.batches[0].refusals[0].row, reply.batches[1].refusals[0].row), (Some(1), None));
    assert_eq!(reply.batches[1].refusals[0].reason, "malformed");
    assert_eq!(house.rows(), ["a=1", "b=3", "c=4"]);
    let counters = house.frontend.counters();
    let count = |fate| counters.rows("shop", fate);
    assert_eq!((count(Fate::Accepted), count(Fate::Refused(Reason::MetricName))), (3, 1));
}

#[tokio::test]
async fn replies_of_a_stream_come_in_order() {
    let house = house();
    let mut client = PublishClient::new(house.channel().await);
    let requests: Vec<_> = (0..100).map(|rows| request(vec![batch(&vec![("a", 1); rows])])).collect();
    let replies = client.publish_stream(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let accepted: Vec<u64> = replies.map(|reply| reply.unwrap().batches[0].accepted).collect().await;
    assert_eq!(accepted, (0..100).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_ack_comes_after_the_logs_ack() {
    let held = Arc::new(Held::default());
    let house = house_of(vec![Arc::clone(&held) as Arc<dyn PartitionLog>]);
    let frontend = Arc::clone(&house.frontend);
    let first = tokio::spawn(async move { frontend.publish(&[batch(&[("a", 1)])], now_seconds()).await });
    while held.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    // These come while the first is on its way, so they are one record together.
    let meanwhile: Vec<_> = (0..5)
        .map(|_| {
            let frontend = Arc::clone(&house.frontend);
            tokio::spawn(async move { frontend.publish(&[batch(&[("b", 1)])], now_seconds()).await })
        })
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished() && meanwhile.iter().all(|one| !one.is_finished()));
    assert_eq!((house.rows().len(), held.end()), (1, 1));
    held.let_go();
    assert_eq!(first.await.unwrap().unwrap().batches[0].accepted, 1);
    while held.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((house.rows().len(), held.end()), (6, 2));
    held.let_go();
    for one in meanwhile {
        assert_eq!(one.await.unwrap().unwrap().batches[0].accepted, 1);
    }
}

#[tokio::test]
async fn who_goes_away_is_accounted_for_all_the_same() {
    let held = Arc::new(Held::default());
    let house = house_of(vec![Arc::clone(&held) as Arc<dyn PartitionLog>]);
    let frontend = Arc::clone(&house.frontend);
    let caller = tokio::spawn(async move { frontend.publish(&[batch(&[("a", 1)])], now_seconds()).await });
    while held.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    held.let_go();
    while house.frontend.counters().rows("shop", Fate::Accepted) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((house.rows().len(), house.frontend.counters().rows("shop", Fate::Accepted)), (1, 1));
}

/// Of as many series as rows, in as few bytes as can be.
fn dense(rows: u32) -> v1::Batch {
    let of = |value: u32| vec![value; rows as usize];
    v1::Batch {
        string_len: vec![1],
        string_bytes: Bytes::from_static(b"m"),
        series_metric: of(0),
        series_dim_count: of(0),
        row_series: (0..rows).collect(),
        row_minute: of(u32::try_from(now_seconds() / 60).unwrap()),
        row_count: vec![1; rows as usize],
        row_sum: vec![0; rows as usize],
        ..v1::Batch::default()
    }
}

#[tokio::test]
async fn whatever_is_a_message_fits_a_partition() {
    let batches = vec![dense(3_700); BATCHES_PER_REQUEST_MAX];
    let bytes = prost::Message::encoded_len(&request(batches.clone()));
    assert!((MESSAGE_BYTES_MAX - (1 << 20)..MESSAGE_BYTES_MAX).contains(&bytes), "{bytes}");
    let house = house_of(vec![Arc::new(MemoryLog::new())]);
    let reply = house.frontend.publish(&batches, now_seconds()).await.unwrap();
    assert!(reply.batches.iter().all(|batch| batch.accepted == 3_700));
}

#[tokio::test]
async fn what_never_fits_is_not_asked_to_come_back() {
    let house = house_of(vec![Arc::new(MemoryLog::new())]);
    let why = house
        .frontend
        .publish(&vec![dense(5_200); BATCHES_PER_REQUEST_MAX], now_seconds())
        .await
        .unwrap_err();
    assert_eq!((why.code(), why.retry_after()), (Code::OutOfRange, None));
    assert!(why.to_string().ends_with("split it"), "{why}");
}

#[tokio::test]
async fn a_dead_partition_is_no_ack() {
    let house = house_of(vec![Arc::new(MemoryLog::new()), Arc::new(Dead)]);
    let mut client = PublishClient::new(house.channel().await);
    let rows: Vec<(&str, i64)> = (0..50).map(|at| ("a", at)).collect();
    let status = client.publish(request(vec![batch(&rows)])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status.message().contains("partition 1") && status.message().contains("the disk is gone"),
        "{status}"
    );
    assert_eq!(house.frontend.counters().rows("shop", Fate::LogFailed), 50);
}

#[tokio::test]
async fn a_full_partition_takes_nothing_and_says_when() {
    let held = Arc::new(Held::default());
    let house = house_of(vec![Arc::clone(&held) as Arc<dyn PartitionLog>]);
    let mut heavy = batch(&[("heavy", 1)]);
    heavy.distribution_row = vec![0];
    let mut distribution = model::Distribution::new();
    (0..100_000_u32).for_each(|at| distribution.record(f64::from(at).exp2() + f64::from(at)));
    (1..=60_000_u32).for_each(|at| distribution.record(f64::from(at) * f64::from(at)));
    let mut bytes = Vec::new();
    distribution.encode(&mut bytes);
    heavy.distribution = vec![bytes.into()];
    let size = prost::Message::encoded_len(&heavy);
    let fits = frontend::batcher::QUEUE_BYTES_MAX / size;
    let mut waiting = Vec::new();
    for _ in 0..fits.div_ceil(BATCHES_PER_REQUEST_MAX) + 1 {
        let (frontend, heavy) = (Arc::clone(&house.frontend), heavy.clone());
        waiting.push(tokio::spawn(async move {
            frontend.publish(&vec![heavy; BATCHES_PER_REQUEST_MAX], now_seconds()).await
        }));
        tokio::task::yield_now().await;
    }
    let mut client = PublishClient::new(house.channel().await);
    let status = client.publish(request(vec![heavy.clone(); BATCHES_PER_REQUEST_MAX])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert_eq!(status.metadata().get("retry-after-ms").unwrap(), "1000");
    assert!(!status.details().is_empty());
    let body = prost::Message::encode_to_vec(&ExportMetricsServiceRequest::default());
    assert_eq!(house.post(body, &[("content-type", "application/x-protobuf")]).await.0, StatusCode::OK);
    waiting.into_iter().for_each(|one| one.abort());
}

/// A row a minute for the account of these tests, nothing for others.
#[derive(Debug)]
struct RowAMinute;

impl AccountRates for RowAMinute {
    fn of(&self, account: &str) -> Rates {
        let rows_per_second = (account == "shop").then_some(1.0 / 60.0);
        Rates { rows_per_second, ..Rates::default() }
    }
}

#[tokio::test]
async fn an_account_above_its_rate_is_told_when_to_come_back_by_all_doors() {
    let house = house();
    let mut client = PublishClient::new(house.channel().await);
    let three = || request(vec![batch(&[("a", 1), ("b", 2), ("c", 3)])]);
    let json = otlp_json(&[r#""asInt":"7""#]);
    client.publish(three()).await.unwrap();
    house.frontend.hold_rates(Arc::new(RowAMinute));
    client.publish(three()).await.unwrap();

    let status = client.publish(three()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("\"shop\" has used up its rows_per_second of 0.016"), "{status}");
    assert_eq!(status.metadata().get("retry-after-ms").unwrap(), "60000");
    assert!(!status.details().is_empty());
    let headers = [JSON, ("x-sluice-account", "shop")];
    let (status, said) = house.post(json.clone(), &headers).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{said}");
    assert_eq!(house.post(json, &[JSON]).await.0, StatusCode::OK, "another account goes on");

    let counters = house.frontend.counters();
    let of = |fate| counters.rows("shop", fate);
    assert_eq!((of(Fate::Accepted), of(Fate::Throttled)), (6, 4));
    assert_eq!(house.rows(), ["a=1", "a=1", "b=2", "b=2", "c=3", "c=3", "g=7"]);
}

#[tokio::test]
async fn too_many_batches_are_refused() {
    let house = house();
    let mut client = PublishClient::new(house.channel().await);
    let many = vec![v1::Batch::default(); BATCHES_PER_REQUEST_MAX + 1];
    assert_eq!(client.publish(request(many)).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn bombs_stay_within_the_cap() {
    let house = house();
    let channel = house.channel().await;
    let bomb = || v1::Batch { string_bytes: vec![0; 4 * MESSAGE_BYTES_MAX].into(), ..v1::Batch::default() };
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = PublishClient::new(channel.clone()).send_compressed(encoding);
        let status = client.publish(request(vec![bomb()])).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert_eq!(
            client.publish(request(vec![batch(&[("a", 1)])])).await.unwrap().into_inner().batches.len(),
            1
        );
    }
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(&vec![0; 4 * MESSAGE_BYTES_MAX]).unwrap();
    let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "gzip")];
    let (status, _) = house.post(zipped.finish().unwrap(), &headers).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = house.post(vec![0; MESSAGE_BYTES_MAX + 1], &headers[..1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(house.rows(), ["a=1", "a=1"]);
}

type Headers<'a> = &'a [(&'a str, &'a str)];

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Points of a gauge, as JSON.
fn otlp_json(points: &[&str]) -> String {
    let time = now_seconds() * 1_000_000_000;
    let points: Vec<String> =
        points.iter().map(|point| format!(r#"{{"timeUnixNano":"{time}",{point}}}"#)).collect();
    format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"g","gauge":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    )
}

#[tokio::test]
async fn otlp_comes_in_by_all_doors() {
    let house = house();
    let json = otlp_json(&[r#""asInt":"7""#]);
    assert_eq!(house.post(json.clone(), &[JSON]).await, (StatusCode::OK, "{}".to_owned()));
    let decoded: ExportMetricsServiceRequest = serde_json::from_str(&json).unwrap();
    let bytes = prost::Message::encode_to_vec(&decoded);
    assert_eq!(house.post(bytes.clone(), &[PROTOBUF]).await, (StatusCode::OK, String::new()));
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(&bytes).unwrap();
    let headers = [PROTOBUF, ("content-encoding", "gzip"), ("x-sluice-account", "other")];
    assert_eq!(house.post(zipped.finish().unwrap(), &headers).await.0, StatusCode::OK);
    let mut client =
        MetricsServiceClient::new(house.channel().await).send_compressed(CompressionEncoding::Gzip);
    assert_eq!(client.export(decoded).await.unwrap().into_inner().partial_success, None);
    assert_eq!(house.rows(), ["g=7"; 4]);
    let counters = house.frontend.counters();
    let taken = |account| counters.rows(account, Fate::Accepted);
    assert_eq!((taken("default"), taken("other")), (3, 1));
}

#[tokio::test]
async fn otlp_says_what_it_rejected() {
    let house = house();
    let long = format!(
        r#""asInt":"1","attributes":[{{"key":"k","value":{{"stringValue":"{}"}}}}]"#,
        "v".repeat(2000)
    );
    let json = otlp_json(&[r#""asInt":"7""#, r#""flags":0"#, r#""flags":1"#, &long]);
    let (status, body) = house.post(json, &[JSON]).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["partialSuccess"]["rejectedDataPoints"]), (StatusCode::OK, &"2".into()));
    let message = body["partialSuccess"]["errorMessage"].as_str().unwrap();
    assert!(message.contains("malformed") && message.contains("dimension_value"), "{message}");
    assert_eq!(house.rows(), ["g=7"]);
    assert_eq!(house.frontend.counters().rows("default", Fate::NoRecordedValue), 1);
}

/// One point that is no JSON of a point: the others are taken, whoever refuses.
#[tokio::test]
async fn otlp_json_is_refused_point_by_point() {
    let house = house();
    let points = [
        r#""asInt":"7""#,
        r#""asDouble":"x""#,
        r#""asDouble":"1.5""#,
        r#""asDouble":"NaN""#,
        r#""flags":0"#,
        r#""asInt":8"#,
    ];
    let (status, body) = house.post(otlp_json(&points), &[JSON]).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["partialSuccess"]["rejectedDataPoints"]), (StatusCode::OK, &"3".into()));
    let message = body["partialSuccess"]["errorMessage"].as_str().unwrap();
    let place = "resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints";
    assert!(
        message.starts_with(&format!("malformed: {place}[1].asDouble is \"x\", must be a number")),
        "{message}"
    );
    assert!(message.contains(&format!("not_finite: {place}[3].asDouble is NaN")), "{message}");
    assert_eq!(house.rows(), ["g=1.5", "g=7", "g=8"]);
    let refused = |reason| house.frontend.counters().rows("default", Fate::Refused(reason));
    assert_eq!((refused(Reason::Malformed), refused(Reason::NotFinite)), (2, 1));
}

#[tokio::test]
async fn otlp_refuses_garbage_politely() {
    let house = house();
    let deep = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"k","value":{}{}}}]}}}}]}}"#,
        r#"{"arrayValue":{"values":["#.repeat(100_000),
        "]}}".repeat(100_000)
    );
    // A field of 2^60 bytes, of which none is there.
    let lying = vec![0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    let gzip = ("content-encoding", "gzip");
    let cases: [(Vec<u8>, Headers<'_>, u16); 8] = [
        (vec![], &[("content-type", "text/plain")], 415),
        (vec![], &[], 415),
        (vec![], &[PROTOBUF, ("content-encoding", "br")], 415),
        (b"not json".to_vec(), &[JSON], 400),
        (vec![0xff; 100], &[PROTOBUF], 400),
        (lying, &[PROTOBUF], 400),
        (b"not gzip".to_vec(), &[PROTOBUF, gzip], 400),
        (deep.into_bytes(), &[JSON], 400),
    ];
    for (body, headers, expected) in cases {
        let (status, body) = house.post(body, headers).await;
        assert_eq!(status.as_u16(), expected, "{headers:?}: {body}");
        assert!(body.len() > 20, "an error has a message");
    }
    assert!(house.rows().is_empty());
}
