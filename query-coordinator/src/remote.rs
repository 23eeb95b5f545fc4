//! Partitions of other nodes, over `sluice.v1.Worker`: both ends of it.
//!
//! In:    who owns what (`Fleet`); what is wanted, jobs.
//! Out:   leases and answers, the same as those of this process.
//! Kept:  a connection a node; leases, by the node that gave them.
//! Never: waits without a bound. Who is slow, gone or not the owner any more is named.
//!
//! ```text
//! coordinator                                                     the owner's process
//!   Remote ──Pin──▶ a stream is a lease ──▶ WorkerService ──pin──▶ Local
//!   RemoteLease ──job, in pieces of 1 MiB──▶              ──run──▶ places of its own queries
//!               ◀──answer, in pieces; spent, caveat──
//!   drop ──────── the stream ends ─────────▶ the state is given back, what is at work is cancelled
//! ```

mod books;
mod fleet;
mod lease;
mod node;
mod pieces;
mod pinned;
mod service;

use std::sync::Arc;
use std::time::Duration;

use proto::v1;
use tokio::task::JoinSet;
use tonic::{Response, Status};

use crate::budget::JobError;
use crate::limits::{ALERTS_MAX, CALL_WAIT, HEDGE_AFTER, SILENT_WAIT};
use crate::partition::{PartitionError, PublisherRows};
use crate::worker::Wanted;

use node::Node;

pub(crate) use books::{Books, books};
pub use fleet::{Fleet, Owner};
pub(crate) use lease::RemoteLease;
pub use service::WorkerService;

/// The newest way of asking. A worker takes no newer one than its own, so that workers are upgraded first.
const VERSION: u32 = 1;

/// A partition and the nodes that have it, in the order in which they are to be asked.
pub(crate) struct Remote {
    partition: u32,
    nodes: Vec<Arc<Node>>,
}

// === impl Remote ===

impl Remote {
    /// Those that were silent come last.
    fn new(partition: u32, mut nodes: Vec<Arc<Node>>) -> Self {
        nodes.sort_by_key(|node| node.is_silent());
        Self { partition, nodes }
    }

    /// Of the first that gives one. When a node takes its time, the next is asked beside it.
    pub(crate) async fn pin(self, wanted: Arc<Wanted>) -> Result<RemoteLease, JobError> {
        if self.nodes.iter().all(|node| node.is_silent()) {
            let names = self.names();
            let silent = || elsewhere(format!("{names}: silent, as before"));
            return tokio::time::timeout(SILENT_WAIT, self.first(wanted))
                .await
                .unwrap_or_else(|_| Err(silent()));
        }
        self.first(wanted).await
    }

    async fn first(self, wanted: Arc<Wanted>) -> Result<RemoteLease, JobError> {
        let (mut tries, mut failures) = (JoinSet::new(), Vec::new());
        let mut nodes = self.nodes.into_iter();
        loop {
            let node = nodes.next();
            let is_last = nodes.len() == 0;
            node.into_iter().for_each(|node| {
                tries.spawn(lease::pin(node, self.partition, Arc::clone(&wanted)));
            });
            let wait = if is_last { Duration::MAX } else { HEDGE_AFTER };
            match tokio::time::timeout(wait, tries.join_next()).await {
                Ok(Some(Ok(Ok(lease)))) => return Ok(lease),
                Ok(Some(Ok(Err(why)))) => failures.push(why.to_string()),
                Ok(Some(Err(why))) => failures.push(format!("BUG: {why}")),
                Ok(None) if is_last => return Err(elsewhere(failures.join("; "))),
                Ok(None) | Err(_) => {}
            }
        }
    }

    pub(crate) async fn publisher(self, publisher: u128, epoch: u64) -> Result<PublisherRows, JobError> {
        let (partition, publisher) = (self.partition, publisher.to_be_bytes().to_vec());
        let request = v1::PartitionPublisherRequest { partition, publisher, epoch };
        let reply = self.call(|mut client| {
            let request = request.clone();
            async move { client.partition_publisher(request).await }
        });
        let reply = reply.await?;
        Ok(PublisherRows {
            applied: reply.rows_applied,
            duplicate: reply.rows_duplicate,
            dropped: reply.rows_dropped,
        })
    }

    pub(crate) async fn health(self) -> Result<v1::PartitionHealth, JobError> {
        let request = v1::HealthOfPartitionRequest { partition: self.partition };
        self.call(move |mut client| async move { client.health_of_partition(request).await }).await
    }

    pub(crate) async fn alerts(self) -> Result<v1::PartitionAlerts, JobError> {
        let request = v1::AlertsOfPartitionRequest { partition: self.partition };
        let all = move |mut client: node::Client| async move {
            let mut pieces = client.alerts_of_partition(request).await?.into_inner();
            let mut all = pieces.message().await?.unwrap_or_default();
            while let Some(piece) = pieces.message().await? {
                if all.alerts.len() > ALERTS_MAX {
                    return Err(Status::out_of_range(format!("it shows more than {ALERTS_MAX} alerts")));
                }
                all.alerts.extend(piece.alerts);
            }
            Ok(Response::new(all))
        };
        self.call(all).await
    }

    /// Of the first that answers, one after the other.
    async fn call<T, F>(self, ask: impl Fn(node::Client) -> F) -> Result<T, JobError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut failures = Vec::new();
        for node in &self.nodes {
            let reply = match node.client() {
                Ok(client) => tokio::time::timeout(CALL_WAIT, ask(client)).await,
                Err(why) => Ok(Err(why)),
            };
            match reply {
                Ok(Ok(reply)) => return Ok(reply.into_inner()),
                Ok(Err(status)) => failures.push(format!("{node}: {}", node::words(&status))),
                Err(_) => failures.push(format!("{node}: no answer in {} ms", CALL_WAIT.as_millis())),
            }
        }
        Err(elsewhere(failures.join("; ")))
    }

    fn into_first(self) -> Option<Arc<Node>> {
        self.nodes.into_iter().next()
    }

    fn names(&self) -> String {
        self.nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

fn elsewhere(why: String) -> JobError {
    PartitionError::Elsewhere(why).into()
}
