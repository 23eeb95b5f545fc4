//! The publisher over a real connection, against a double of the Publish service.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{Client, Compression, QueryClient, QueryError, v1};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Response, Status, Streaming};
use v1::publish_server::{Publish, PublishServer};

/// Fails the first tries of each batch in these ways, then accepts.
#[derive(Clone, Default)]
struct Double {
    faults: Arc<Vec<Status>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    tries: HashMap<u64, usize>,
    batches: HashMap<u64, v1::Batch>,
}

#[tonic::async_trait]
impl Publish for Double {
    type PublishStreamStream = tokio_stream::Empty<Result<v1::PublishReply, Status>>;

    async fn publish(
        &self,
        request: Request<v1::PublishRequest>,
    ) -> Result<Response<v1::PublishReply>, Status> {
        let [batch] = request.into_inner().batches.try_into().map_err(|_| Status::internal("one batch"))?;
        let mut state = self.state.lock().unwrap();
        let tries = state.tries.entry(batch.sequence).or_default();
        *tries += 1;
        let fault = self.faults.get(*tries - 1).cloned();
        let had = state.batches.entry(batch.sequence).or_insert_with(|| batch.clone());
        assert_eq!(*had, batch, "a stamp with other rows");
        if let Some(fault) = fault {
            return Err(fault);
        }
        let reply = v1::BatchReply { accepted: batch.row_series.len() as u64, ..v1::BatchReply::default() };
        Ok(Response::new(v1::PublishReply { batches: vec![reply], ..v1::PublishReply::default() }))
    }

    async fn publish_stream(
        &self,
        _: Request<Streaming<v1::PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        Err(Status::unimplemented("the client does not stream"))
    }
}

/// Serves on a thread of its own, so that the client is used from code without a runtime.
fn serve(double: &Double) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    let service = PublishServer::new(double.clone()).accept_compressed(CompressionEncoding::Zstd);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let incoming = TcpListenerStream::new(listener);
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        });
    });
    told.recv().unwrap()
}

fn with_retry_after(code: Code) -> Status {
    let mut status = Status::new(code, "slow down");
    status.metadata_mut().insert("retry-after-ms", "50".parse().unwrap());
    status
}

#[track_caller]
fn check(faults: Vec<Status>, compression: Compression, tries: usize, accepted: u64) {
    let double = Double { faults: Arc::new(faults), ..Double::default() };
    let url = format!("http://{}", serve(&double));
    let client = Client::builder().endpoint(url).compression(compression).build().unwrap();
    for n in 0..100_u64 {
        client.counter("M").add(n, &[("n", &n.to_string())]);
    }
    let accounting = client.finish(Duration::from_secs(30));
    assert_eq!(accounting.unconfirmed, 0);
    let built = accounting.rows;
    assert_eq!((built >= 106, accounting.accepted), (true, built.min(accepted)));
    let state = double.state.lock().unwrap();
    assert!(state.tries.values().all(|have| *have == tries), "{:?}", state.tries);
    let rows: usize = state.batches.values().map(|batch| batch.row_series.len()).sum();
    assert_eq!(rows as u64, built);
}

#[test]
fn rows_arrive_as_they_are_and_packed() {
    check(vec![], Compression::Auto, 1, u64::MAX);
    check(vec![], Compression::Zstd, 1, u64::MAX);
}

#[test]
fn what_may_pass_is_tried_again() {
    let faults = [Code::Unavailable, Code::DeadlineExceeded, Code::Aborted, Code::Cancelled, Code::Unknown];
    check(faults.map(|code| Status::new(code, "weather")).into(), Compression::None, 6, u64::MAX);
    check(vec![with_retry_after(Code::ResourceExhausted)], Compression::None, 2, u64::MAX);
}

#[test]
fn what_will_not_pass_is_not() {
    check(vec![Status::invalid_argument("no")], Compression::None, 1, 0);
}

#[test]
fn a_server_that_comes_later_gets_everything() {
    // The port is free again when the listener is dropped.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::builder().endpoint(format!("http://{address}")).build().unwrap();
    client.counter("M").add(1, &[]);
    let accounting = client.finish(Duration::from_millis(100));
    assert!(accounting.unconfirmed >= 7);

    let double = Double::default();
    let service = PublishServer::new(double);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tonic::transport::Server::builder().add_service(service).serve(address)).unwrap();
    });
    assert!(client.finish(Duration::from_secs(30)).is_complete());
}

#[tokio::test]
async fn a_question_to_nobody_says_where_it_went() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = QueryClient::connect(&format!("http://{address}"), "default").await.unwrap_err();
    assert!(matches!(error, QueryError::Unreachable { .. }));
    assert!(error.to_string().starts_with(&format!("cannot reach http://{address}")));
}
