//! The door of Sluice's own clients: `sluice.v1.Publish`.
//!
//! In:    publish requests, one by one or many in flight over a stream.
//! Out:   replies, over a stream in the order of the requests.
//! Kept:  at most [`STREAM_IN_FLIGHT_MAX`] requests of a stream.
//! Never: a message above [`MESSAGE_BYTES_MAX`], compressed or not, nor one that would become more memory than
//!        [`crate::decoding`] allows.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use proto::v1;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::{Body, BoxFuture, BoxStream, StdError, http};
use tonic::server::{StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use v1::publish_server::SERVICE_NAME;

use crate::Frontend;
use crate::decoding::Memory;
use crate::decoding::codec::grpc;
use crate::decoding::memory::Charged;
use crate::door::{Door, Methods};

/// Bytes of one message, after decompression.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Requests of one stream that wait for the log; twice what a client has in flight. Then the stream is not read on.
pub const STREAM_IN_FLIGHT_MAX: usize = 16;

/// `sluice.v1.Publish`.
pub type PublishService = Door<PublishMethods>;

/// `Publish` and `PublishStream`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishMethods;

type Reply = Result<v1::PublishReply, Status>;

struct Publish(Arc<Frontend>);
struct PublishStream(Arc<Frontend>);

// === impl PublishMethods ===

impl Methods for PublishMethods {
    const NAME: &'static str = SERVICE_NAME;

    async fn call<B>(
        self,
        frontend: Arc<Frontend>,
        memory: Memory,
        request: http::Request<B>,
    ) -> Option<http::Response<tonic::body::Body>>
    where
        B: Body + Send + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        Some(match request.uri().path() {
            "/sluice.v1.Publish/Publish" => {
                let (mut grpc, request) = grpc(&memory, request);
                grpc.unary(Publish(frontend), request).await
            }
            "/sluice.v1.Publish/PublishStream" => {
                let (mut grpc, request) = grpc(&memory, request);
                grpc.streaming(PublishStream(frontend), request).await
            }
            _ => return None,
        })
    }
}

// === impl Publish ===

impl UnaryService<Charged<v1::PublishRequest>> for Publish {
    type Response = v1::PublishReply;
    type Future = BoxFuture<Response<v1::PublishReply>, Status>;

    fn call(&mut self, request: Request<Charged<v1::PublishRequest>>) -> Self::Future {
        let work = publish(Arc::clone(&self.0), request.into_inner());
        Box::pin(async { work.await.map(Response::new) })
    }
}

// === impl PublishStream ===

impl StreamingService<Charged<v1::PublishRequest>> for PublishStream {
    type Response = v1::PublishReply;
    type ResponseStream = BoxStream<v1::PublishReply>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Charged<v1::PublishRequest>>>) -> Self::Future {
        // The queue holds requests in order; what is taken from it is waited for, so it bounds what is in flight.
        let (queue, in_flight) = mpsc::channel(STREAM_IN_FLIGHT_MAX - 1);
        tokio::spawn(read(Arc::clone(&self.0), request.into_inner(), queue));
        let replies: Self::ResponseStream = Box::pin(ReceiverStream::new(in_flight).then(reply));
        Box::pin(async { Ok(Response::new(replies)) })
    }
}

/// Reads requests and starts them in order, until the stream ends or nobody wants replies any more.
async fn read(
    frontend: Arc<Frontend>,
    mut requests: Streaming<Charged<v1::PublishRequest>>,
    queue: mpsc::Sender<JoinHandle<Reply>>,
) {
    while let Ok(place) = queue.reserve().await {
        let work = match requests.next().await {
            None => return,
            Some(Ok(request)) => tokio::spawn(publish(Arc::clone(&frontend), request)),
            // The stream cannot be read on after that; its replies so far still go out.
            Some(Err(status)) => {
                place.send(tokio::spawn(async { Err(status) }));
                return;
            }
        };
        place.send(work);
    }
}

async fn publish(frontend: Arc<Frontend>, request: Charged<v1::PublishRequest>) -> Reply {
    let Charged { message, taken } = request;
    let reply = frontend.publish(&message.batches, unix_now()).await;
    drop((message, taken));
    Ok(reply?)
}

async fn reply(work: JoinHandle<Reply>) -> Reply {
    work.await
        .unwrap_or_else(|_| Err(Status::internal("the server failed to handle this request: report it")))
}

/// The wall clock; only doors look at it.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
