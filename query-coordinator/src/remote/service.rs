//! `sluice.v1.Worker`: the owner's end of leases.
//!
//! In:    what coordinators ask of the partitions of this process.
//! Out:   states, answers; refusals that say why.
//! Kept:  a task a lease, with the state that it holds; at most `LEASES_MAX`, none longer than `LEASE_MAX`.
//! Never: works on for somebody who has gone away: the end of a stream drops the task, and that cancels its job.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::BytesMut;
use proto::v1;
use proto::v1::lease_ask::Ask;
use proto::v1::lease_said::Said;
use proto::v1::worker_server::WorkerServer;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::VERSION;
use super::books::sum;
use super::pieces::{PIECES_WAITING, pieces};
use crate::Coordinator;
use crate::alerts::in_pieces;
use crate::budget::{Budget, CancelOnDrop, JobError};
use crate::coordinator::Inner;
use crate::limits::{CALL_WAIT, JOB_BYTES_MAX, LEASE_MAX, LEASE_MESSAGE_BYTES_MAX, LEASES_MAX};
use crate::local::{Local, LocalLease};
use crate::partition::PartitionError;
use crate::scatter::scatter;
use crate::wire::{decode, failure};
use crate::worker::Wanted;

/// See the module.
pub struct WorkerService {
    inner: Arc<Inner>,
    leases: Arc<Semaphore>,
}

type Sender = mpsc::Sender<Result<v1::LeaseSaid, Status>>;

/// The two directions of a lease.
struct Talk {
    asks: Streaming<v1::LeaseAsk>,
    said: Sender,
}

// === impl WorkerService ===

impl WorkerService {
    /// Answers of the partitions that this coordinator has in its own process, in the places of its own queries.
    #[must_use]
    pub fn server(coordinator: &Coordinator) -> WorkerServer<Self> {
        let service =
            Self { inner: Arc::clone(&coordinator.inner), leases: Arc::new(Semaphore::new(LEASES_MAX)) };
        let max = LEASE_MESSAGE_BYTES_MAX;
        WorkerServer::new(service).max_decoding_message_size(max).max_encoding_message_size(max)
    }

    fn local(&self, partition: u32) -> Result<Local, Status> {
        self.inner
            .local(partition)
            .ok_or_else(|| Status::not_found(format!("there is no partition {partition} here")))
    }
}

impl std::fmt::Debug for WorkerService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let free = self.leases.available_permits();
        f.debug_struct("WorkerService").field("leases_free", &free).finish_non_exhaustive()
    }
}

#[tonic::async_trait]
impl v1::worker_server::Worker for WorkerService {
    type LeaseStream = ReceiverStream<Result<v1::LeaseSaid, Status>>;
    type AlertsOfPartitionStream =
        tokio_stream::Iter<std::vec::IntoIter<Result<v1::PartitionAlerts, Status>>>;

    async fn lease(
        &self,
        request: Request<Streaming<v1::LeaseAsk>>,
    ) -> Result<Response<Self::LeaseStream>, Status> {
        let place = Arc::clone(&self.leases).try_acquire_owned();
        let busy =
            |_| Status::resource_exhausted(format!("{LEASES_MAX} leases are held: ask again in a second"));
        let place = place.map_err(busy)?;
        let (said, out) = mpsc::channel(PIECES_WAITING);
        let talk = Talk { asks: request.into_inner(), said };
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            let _place = place;
            talk.hold(&inner).await;
        });
        Ok(Response::new(ReceiverStream::new(out)))
    }

    async fn books(&self, request: Request<v1::BooksRequest>) -> Result<Response<v1::BooksReply>, Status> {
        let v1::BooksRequest { pin: wanted, partitions } = request.into_inner();
        let wanted = wanted.ok_or_else(|| Status::invalid_argument("pin: is missing"))?;
        let version = wanted.version;
        let wanted = Arc::new(Wanted::from_wire(wanted));
        let asked: BTreeSet<u32> = partitions.into_iter().collect();
        let facts = |partition: u32| {
            let pinned = pin(self.inner.local(partition), version, Arc::clone(&wanted));
            (partition, async move { Ok(pinned.await?.facts().clone()) })
        };
        let said = scatter(asked.into_iter().map(facts).collect(), wanted.until).await;
        Ok(Response::new(sum(said)))
    }

    async fn partition_publisher(
        &self,
        request: Request<v1::PartitionPublisherRequest>,
    ) -> Result<Response<v1::PartitionPublisherReply>, Status> {
        let v1::PartitionPublisherRequest { partition, publisher, epoch } = request.into_inner();
        let publisher: Result<[u8; 16], _> = publisher.as_slice().try_into();
        let publisher = publisher.map_err(|_| Status::invalid_argument("publisher: must be 16 bytes"))?;
        let rows = self.local(partition)?.publisher(u128::from_be_bytes(publisher), epoch).await;
        let rows = rows.map_err(|why| Status::unavailable(why.to_string()))?;
        Ok(Response::new(v1::PartitionPublisherReply {
            rows_applied: rows.applied,
            rows_duplicate: rows.duplicate,
            rows_dropped: rows.dropped,
        }))
    }

    async fn alerts_of_partition(
        &self,
        request: Request<v1::AlertsOfPartitionRequest>,
    ) -> Result<Response<Self::AlertsOfPartitionStream>, Status> {
        let alerts = self.local(request.into_inner().partition)?.alerts().await;
        let alerts = alerts.map_err(|why| Status::unavailable(why.to_string()))?;
        let pieces: Vec<_> = in_pieces(alerts).into_iter().map(Ok).collect();
        Ok(Response::new(tokio_stream::iter(pieces)))
    }

    async fn health_of_partition(
        &self,
        request: Request<v1::HealthOfPartitionRequest>,
    ) -> Result<Response<v1::PartitionHealth>, Status> {
        let health = self.local(request.into_inner().partition)?.health().await;
        Ok(Response::new(health.map_err(|why| Status::unavailable(why.to_string()))?))
    }
}

// === impl Talk ===

impl Talk {
    /// Until either end has enough of it, or it has lasted too long. What is at work then is dropped with it.
    async fn hold(self, inner: &Inner) {
        let said = self.said.clone();
        tokio::select! {
            ended = self.serve(inner) => if let Err(status) = ended {
                // Who does not read will not read this either.
                let _unread = said.try_send(Err(status));
            },
            () = said.closed() => {}
            () = sleep_until(Instant::now() + LEASE_MAX) => {}
        }
    }

    async fn serve(mut self, inner: &Inner) -> Result<(), Status> {
        let first = timeout_at(Instant::now() + CALL_WAIT, self.next()).await;
        let Ok(Some(Ask::Pin(pin))) = first.map_err(|_| Status::deadline_exceeded("nothing was asked"))?
        else {
            return Err(Status::invalid_argument("a lease begins with what it is to hold"));
        };
        let (local, version) = (inner.local(pin.partition), pin.version);
        let wanted = Arc::new(Wanted::from_wire(pin));
        let until = wanted.until;
        let served = timeout_at(until, self.serve_pinned(inner, local, version, wanted)).await;
        served.unwrap_or_else(|_| Err(Status::deadline_exceeded("the time of the lease is over")))
    }

    async fn serve_pinned(
        &mut self,
        inner: &Inner,
        local: Option<Local>,
        version: u32,
        wanted: Arc<Wanted>,
    ) -> Result<(), Status> {
        let lease = match pin(local, version, wanted).await {
            Ok(lease) => lease,
            Err(why) => return self.done(&why).await,
        };
        self.say(Said::Pinned(lease.facts().to_wire(lease.caveat()))).await?;
        while let Some((job, budget)) = self.job().await? {
            self.run(inner, &lease, &job, &budget).await?;
        }
        Ok(())
    }

    async fn run(
        &mut self,
        inner: &Inner,
        lease: &LocalLease,
        job: &[u8],
        allowed: &v1::JobBudget,
    ) -> Result<(), Status> {
        let budget = Arc::new(Budget::from_wire(allowed, &inner.limits));
        let before = budget.all_spent();
        let _cancel = CancelOnDrop(Arc::clone(&budget));
        let answer = match decode(job, &inner.limits) {
            Ok(job) => lease.run(Arc::new(job), Arc::clone(&budget)).await,
            Err(why) => Err(PartitionError::Failed(format!("the job cannot be read: {why}")).into()),
        };
        let (bytes, why) = match answer {
            Ok(bytes) => (bytes, None),
            Err(why) => (Vec::new(), Some(failure(&why))),
        };
        for piece in pieces(bytes) {
            self.say(Said::Piece(piece)).await?;
        }
        let spent = Some(budget.all_spent().since(&before).to_wire());
        self.say(Said::Done(v1::JobDone { failure: why, spent, caveat: lease.caveat() })).await
    }

    async fn done(&self, why: &JobError) -> Result<(), Status> {
        self.say(Said::Done(v1::JobDone { failure: Some(failure(why)), ..Default::default() })).await
    }

    /// The next job, put together; `None` when there will be none.
    async fn job(&mut self) -> Result<Option<(BytesMut, v1::JobBudget)>, Status> {
        let mut job = BytesMut::new();
        loop {
            match self.next().await? {
                Some(Ask::Piece(piece)) if job.len() + piece.len() > JOB_BYTES_MAX => {
                    return Err(Status::invalid_argument(format!("a job has at most {JOB_BYTES_MAX} bytes")));
                }
                Some(Ask::Piece(piece)) => job.extend_from_slice(&piece),
                Some(Ask::Run(budget)) => return Ok(Some((job, budget))),
                Some(Ask::Pin(_)) => return Err(Status::invalid_argument("a lease holds one state")),
                None => return Ok(None),
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Ask>, Status> {
        Ok(self.asks.message().await?.and_then(|message| message.ask))
    }

    async fn say(&self, said: Said) -> Result<(), Status> {
        let sent = self.said.send(Ok(v1::LeaseSaid { said: Some(said) })).await;
        sent.map_err(|_| Status::cancelled("nobody waits for it any more"))
    }
}

async fn pin(local: Option<Local>, version: u32, wanted: Arc<Wanted>) -> Result<LocalLease, JobError> {
    if version > VERSION {
        let why = format!(
            "it speaks version {VERSION} with coordinators, not {version}: upgrade aggregators first"
        );
        return Err(PartitionError::Failed(why).into());
    }
    match local {
        Some(local) => local.pin(wanted).await,
        None => Err(PartitionError::Unreachable("it has no such partition".to_owned()).into()),
    }
}
