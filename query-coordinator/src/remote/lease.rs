//! The asker's end of a lease: a stream to the node that holds the state.
//!
//! In:    jobs. Out: their answers.
//! Kept:  the stream. Whoever stops waiting for an answer drops it, and so ends the work at the other end.

use std::sync::Arc;

use parking_lot::Mutex;
use proto::v1;
use proto::v1::lease_ask::Ask;
use proto::v1::lease_said::Said;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::elsewhere;
use super::node::{Node, words};
use super::pieces::{PIECES_WAITING, pieces};
use crate::budget::{Budget, JobError, Spent};
use crate::wire::{Wire, encode, failed};
use crate::worker::{Facts, Wanted};

/// See the module.
pub(crate) struct RemoteLease {
    node: Arc<Node>,
    facts: Facts,
    caveat: Mutex<Option<String>>,
    /// Not there while a job is at work, nor after one that nobody waited for.
    talk: Mutex<Option<Box<Talk>>>,
}

/// The two directions of the stream.
struct Talk {
    asks: mpsc::Sender<v1::LeaseAsk>,
    said: Streaming<v1::LeaseSaid>,
}

/// Asks one node for a state of a partition.
pub(super) async fn pin(
    node: Arc<Node>,
    partition: u32,
    wanted: Arc<Wanted>,
) -> Result<RemoteLease, JobError> {
    let waiting = node.wait_for();
    let first = Talk::begin(&node, wanted.to_wire(partition)).await;
    waiting.heard(first.is_ok());
    let (talk, first) = first.map_err(|status| lost(&node, &status))?;
    match first {
        Some(Said::Pinned(mut pinned)) => {
            let caveat = Mutex::new(pinned.caveat.take());
            let facts =
                Facts::from_wire(pinned).ok_or_else(|| nonsense(&node, "its minutes do not ascend"))?;
            Ok(RemoteLease { node, facts, caveat, talk: Mutex::new(Some(Box::new(talk))) })
        }
        Some(Said::Done(v1::JobDone { failure: Some(why), .. })) => Err(failed(why, &node.to_string())),
        _ => Err(nonsense(&node, "it said something else than what it has")),
    }
}

fn lost(node: &Node, status: &Status) -> JobError {
    elsewhere(format!("{node}: {}", words(status)))
}

fn nonsense(node: &Node, why: &str) -> JobError {
    elsewhere(format!("{node}: its answer cannot be used: {why}"))
}

// === impl RemoteLease ===

impl RemoteLease {
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn caveat(&self) -> Option<String> {
        let caveat = self.caveat.lock();
        caveat.as_ref().map(|caveat| format!("{}: {caveat}", self.node))
    }

    pub(crate) fn node(&self) -> String {
        self.node.to_string()
    }

    pub(crate) async fn run<J: Wire>(&self, job: Arc<J>, budget: Arc<Budget>) -> Result<J::Answer, JobError> {
        let talk = self.talk.lock().take();
        let Some(mut talk) = talk else { return Err(nonsense(&self.node, "the lease was lost before")) };
        talk.ask(encode(job.as_ref()), budget.to_wire()).await.map_err(|status| lost(&self.node, &status))?;
        let (bytes, done) = talk.answer(&self.node, &budget).await?;
        *self.talk.lock() = Some(talk);
        *self.caveat.lock() = done.caveat;
        budget.add(&Spent::from_wire(&done.spent.unwrap_or_default()))?;
        if let Some(why) = done.failure {
            return Err(failed(why, &self.node.to_string()));
        }
        // Millions of groups are no work for a thread that serves connections.
        let read =
            tokio::task::spawn_blocking(move || job.answer_from_wire(&bytes).map_err(|why| why.to_string()));
        let read = read.await.unwrap_or_else(|why| Err(format!("BUG: reading it panicked: {why}")));
        read.map_err(|why| nonsense(&self.node, &why))
    }
}

// === impl Talk ===

impl Talk {
    /// And the first word of the other end.
    async fn begin(node: &Node, pin: v1::Pin) -> Result<(Self, Option<Said>), Status> {
        let (asks, queued) = mpsc::channel(PIECES_WAITING);
        let mut client = node.client()?;
        let pin = v1::LeaseAsk { ask: Some(Ask::Pin(pin)) };
        asks.send(pin).await.map_err(|_| Status::internal("BUG: the stream ended before it began"))?;
        let said = client.lease(ReceiverStream::new(queued)).await?.into_inner();
        let mut talk = Self { asks, said };
        let first = talk.next().await?;
        Ok((talk, first))
    }

    async fn next(&mut self) -> Result<Option<Said>, Status> {
        Ok(self.said.message().await?.and_then(|message| message.said))
    }

    async fn ask(&mut self, job: Vec<u8>, budget: v1::JobBudget) -> Result<(), Status> {
        let asks = pieces(job).map(Ask::Piece).chain([Ask::Run(budget)]);
        for ask in asks {
            let sent = self.asks.send(v1::LeaseAsk { ask: Some(ask) }).await;
            if sent.is_err() {
                // The stream has ended, and its last word says why.
                return Err(self
                    .next()
                    .await
                    .err()
                    .unwrap_or_else(|| Status::cancelled("the lease has ended")));
            }
        }
        Ok(())
    }

    async fn answer(&mut self, node: &Node, budget: &Budget) -> Result<(Vec<u8>, v1::JobDone), JobError> {
        let mut bytes = Vec::new();
        loop {
            match self.next().await.map_err(|status| lost(node, &status))? {
                Some(Said::Piece(piece)) => {
                    budget.take_wire_bytes(piece.len())?;
                    bytes.extend_from_slice(&piece);
                }
                Some(Said::Done(done)) => return Ok((bytes, done)),
                Some(Said::Pinned(_)) => return Err(nonsense(node, "it pinned twice")),
                None => return Err(nonsense(node, "it ended in the middle")),
            }
        }
    }
}
