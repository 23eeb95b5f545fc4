//! A request's body on its way in: what has arrived and is not decoded yet counts against [`Memory`].
//!
//! In:    frames of a body. Out: the same frames, or the end of the request when there is no memory or no progress.
//! Kept:  how much of the message at hand is here.
//! Never: a frame held back. A refused request is read no further.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::codegen::StdError;

use super::memory::{Memory, Of, Taken};

/// The head of a message that is not counted, so that a small one gets in while others' halves fill the share. A
/// connection has at most 256 streams (`sluice serve`): 16 MiB that no budget knows of.
const HEAD_BYTES: usize = 64 << 10;

/// A message of which more than the head is here must be complete after so long: 16 MiB at 4.5 Mbit/s.
const ARRIVING_MAX: Duration = Duration::from_secs(30);

/// What is here of the message at hand. A clone is the same one: the body adds, the decoder takes it away.
#[derive(Clone, Debug)]
pub(crate) struct Arrival(Arc<Mutex<Arrived>>);

#[derive(Debug)]
struct Arrived {
    bytes: usize,
    taken: Taken,
}

/// See the module.
pub(crate) struct Arriving<B> {
    body: Pin<Box<B>>,
    arrival: Arrival,
    patience: Duration,
    ends: Option<Pin<Box<Sleep>>>,
}

// === impl Arrival ===

impl Arrival {
    pub(crate) fn new(memory: &Memory) -> Self {
        Self(Arc::new(Mutex::new(Arrived { bytes: 0, taken: memory.nothing(Of::Arriving) })))
    }

    /// The message is decoded. What has arrived of the next one is less than a frame, and part of its head.
    pub(crate) fn decoded(&self) {
        let mut arrived = self.0.lock();
        arrived.bytes = 0;
        arrived.taken.release();
    }

    fn add(&self, bytes: usize) -> Result<(), super::Refused> {
        let mut arrived = self.0.lock();
        arrived.bytes += bytes;
        let more = arrived.bytes.saturating_sub(HEAD_BYTES) - arrived.taken.bytes();
        arrived.taken.grow(more)
    }

    fn is_counted(&self) -> bool {
        self.0.lock().taken.bytes() > 0
    }
}

// === impl Arriving ===

impl<B: Body> Arriving<B> {
    pub(crate) fn new(body: B, arrival: Arrival) -> Self {
        Self { body: Box::pin(body), arrival, patience: ARRIVING_MAX, ends: None }
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.arrival.is_counted() {
            self.ends = None;
            return Poll::Pending;
        }
        self.ends.get_or_insert_with(|| Box::pin(sleep(self.patience))).as_mut().poll(context)
    }
}

impl<B> Body for Arriving<B>
where
    B: Body,
    B::Error: Into<StdError>,
{
    type Data = B::Data;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Status>>> {
        let Poll::Ready(frame) = self.body.as_mut().poll_frame(context) else {
            ready!(self.poll_patience(context));
            let message = format!(
                "the message was not complete after {:?}: send it again, or less at once",
                self.patience
            );
            return Poll::Ready(Some(Err(Status::deadline_exceeded(message))));
        };
        let counted = |frame: Frame<B::Data>| {
            self.arrival.add(frame.data_ref().map_or(0, bytes::Buf::remaining))?;
            Ok(frame)
        };
        Poll::Ready(
            frame.map(|frame| frame.map_err(|error| Status::from_error(error.into())).and_then(counted)),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as Bytes;
    use tokio_stream::StreamExt as _;
    use tonic::Code;

    use super::*;

    const CHUNK: usize = 32 << 10;

    #[tokio::test]
    async fn what_arrives_counts_from_its_head_on_until_it_is_decoded() {
        let (memory, chunks) =
            (Memory::default(), tokio_stream::iter(vec![vec![0; CHUNK]; 5]).map(Ok::<_, StdError>));
        let arrival = Arrival::new(&memory);
        let mut body = Arriving::new(Bytes::from_stream(chunks), arrival.clone());
        let mut used = Vec::new();
        for at in 0..5 {
            if at == 4 {
                arrival.decoded();
            }
            next(&mut body).await.unwrap().unwrap();
            used.push(memory.bytes_used() / CHUNK);
        }
        assert_eq!(used, [0, 0, 1, 2, 0]);
        assert!(next(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn without_memory_it_ends_by_name() {
        let memory = Memory::default();
        let mut others = memory.nothing(Of::Arriving);
        others.grow(256 << 20).unwrap();
        let chunks = tokio_stream::iter(vec![vec![0; CHUNK]; 3]).map(Ok::<_, StdError>);
        let mut body = Arriving::new(Bytes::from_stream(chunks), Arrival::new(&memory));
        for _ in 0..2 {
            next(&mut body).await.unwrap().unwrap(); // the head gets in
        }
        assert_eq!(next(&mut body).await.unwrap().unwrap_err().code(), Code::ResourceExhausted);
    }

    #[tokio::test]
    async fn what_does_not_go_on_ends_and_a_head_may_wait() {
        for (chunks, expected) in [(3, Some(Code::DeadlineExceeded)), (2, None)] {
            let memory = Memory::default();
            let begun = tokio_stream::iter(vec![vec![0; CHUNK]; chunks]).map(Ok::<_, StdError>);
            let stands = begun.chain(tokio_stream::pending());
            let mut body = Arriving::new(Bytes::from_stream(stands), Arrival::new(&memory));
            for _ in 0..chunks {
                next(&mut body).await.unwrap().unwrap();
            }
            body.patience = Duration::from_millis(1);
            let ended = match expected {
                Some(_) => next(&mut body).await,
                // It waits for ever; a second is what a wrong one would not.
                None => tokio::time::timeout(Duration::from_secs(1), next(&mut body)).await.unwrap_or(None),
            };
            assert_eq!(ended.map(|ended| ended.unwrap_err().code()), expected);
            drop(body);
            assert_eq!(memory.bytes_used(), 0);
        }
    }

    async fn next<B: Body<Error: Into<StdError>>>(
        body: &mut Arriving<B>,
    ) -> Option<Result<Frame<B::Data>, Status>> {
        std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
    }
}
