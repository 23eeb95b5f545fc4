//! The door of Sluice's own clients: `sluice.v1.Publish`.
//!
//! In:    publish requests, one by one or many in flight over a stream.
//! Out:   replies, over a stream in the order of the requests.
//! Kept:  at most [`STREAM_IN_FLIGHT_MAX`] requests of a stream.
//! Never: a message above [`MESSAGE_BYTES_MAX`], compressed or not.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use proto::v1;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};
use v1::publish_server::{Publish, PublishServer};

use crate::Frontend;

/// Bytes of one message, after decompression.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Requests of one stream that wait for the log; twice what a client has in flight. Then the stream is not read on.
pub const STREAM_IN_FLIGHT_MAX: usize = 16;

/// The service.
#[derive(Clone, Debug)]
pub struct PublishService {
    frontend: Arc<Frontend>,
}

type Reply = Result<v1::PublishReply, Status>;

// === impl PublishService ===

impl PublishService {
    /// Ready for a tonic server: gzip and zstd are understood, message sizes bounded.
    #[must_use]
    pub fn server(frontend: Arc<Frontend>) -> PublishServer<Self> {
        PublishServer::new(Self { frontend })
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl Publish for PublishService {
    type PublishStreamStream = Pin<Box<dyn Stream<Item = Reply> + Send>>;

    async fn publish(
        &self,
        request: Request<v1::PublishRequest>,
    ) -> Result<Response<v1::PublishReply>, Status> {
        let batches = request.into_inner().batches;
        Ok(Response::new(self.frontend.publish(&batches, unix_now()).await?))
    }

    async fn publish_stream(
        &self,
        request: Request<Streaming<v1::PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        // The queue holds requests in order; what is taken from it is waited for, so it bounds what is in flight.
        let (queue, in_flight) = mpsc::channel(STREAM_IN_FLIGHT_MAX - 1);
        tokio::spawn(read(Arc::clone(&self.frontend), request.into_inner(), queue));
        let replies = ReceiverStream::new(in_flight).then(reply);
        Ok(Response::new(Box::pin(replies)))
    }
}

/// Reads requests and starts them in order, until the stream ends or nobody wants replies any more.
async fn read(
    frontend: Arc<Frontend>,
    mut requests: Streaming<v1::PublishRequest>,
    queue: mpsc::Sender<JoinHandle<Reply>>,
) {
    while let Ok(place) = queue.reserve().await {
        let work = match requests.next().await {
            None => return,
            Some(Ok(request)) => tokio::spawn(publish(Arc::clone(&frontend), request.batches)),
            // The stream cannot be read on after that; its replies so far still go out.
            Some(Err(status)) => {
                place.send(tokio::spawn(async { Err(status) }));
                return;
            }
        };
        place.send(work);
    }
}

async fn publish(frontend: Arc<Frontend>, batches: Vec<v1::Batch>) -> Reply {
    Ok(frontend.publish(&batches, unix_now()).await?)
}

async fn reply(work: JoinHandle<Reply>) -> Reply {
    work.await
        .unwrap_or_else(|_| Err(Status::internal("the server failed to handle this request: report it")))
}

/// The wall clock; only doors look at it.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
