//! The coordinator: knows the partitions, answers the questions of `sluice.v1.Query`.
//!
//! In:    requests as they travel. Out: answers with their completeness.
//! Kept:  how many queries are at work.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Minute, Placement};
use proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::local::{Local, Places};
use crate::partition::Partition;
use crate::remote::{Books, Fleet, books};
use crate::scatter::scatter;
use crate::worker::{Wanted, Worker};
use crate::{QueryError, QueryLimits};

/// What a coordinator is made of.
pub struct Parts {
    /// Where metrics are.
    pub placement: Placement,
    /// The partitions by number. One that is missing makes answers partial.
    pub partitions: BTreeMap<u32, Arc<dyn Partition>>,
    /// What a query may cost.
    pub limits: QueryLimits,
    /// Unix seconds, now.
    pub now: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Rows by hop, account and reason, for `/v1/health`: other rooms count them.
    pub counters: Arc<dyn Fn() -> Vec<v1::Counter> + Send + Sync>,
    /// The program's version.
    pub version: String,
    /// Unix seconds at which it started.
    pub started: u64,
}

/// Cheap to clone; all clones are the same coordinator.
#[derive(Clone)]
pub struct Coordinator {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) placement: Placement,
    partitions: BTreeMap<u32, Arc<dyn Partition>>,
    fleet: Arc<Fleet>,
    pub(crate) limits: QueryLimits,
    now: Arc<dyn Fn() -> u64 + Send + Sync>,
    counters: Arc<dyn Fn() -> Vec<v1::Counter> + Send + Sync>,
    version: String,
    started: u64,
    places: Places,
    /// Places for queries at work.
    queries: Arc<Semaphore>,
    waiting: AtomicUsize,
}

// === impl Coordinator ===

impl Coordinator {
    /// Over these partitions.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self::with_fleet(parts, Arc::default())
    }

    /// The same; what is not among them is asked of other nodes.
    #[must_use]
    pub fn with_fleet(parts: Parts, fleet: Arc<Fleet>) -> Self {
        let (places, queries) = (Places::new(&parts.limits), parts.limits.queries_max.max(1));
        let inner = Inner {
            places,
            placement: parts.placement,
            partitions: parts.partitions,
            fleet,
            limits: parts.limits,
            now: parts.now,
            counters: parts.counters,
            version: parts.version,
            started: parts.started,
            queries: Arc::new(Semaphore::new(queries)),
            waiting: AtomicUsize::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What became of one publisher's rows, over all partitions.
    ///
    /// # Errors
    /// When the publisher is not 16 bytes.
    pub async fn publisher_account(
        &self,
        request: v1::PublisherAccountRequest,
    ) -> Result<v1::PublisherAccountReply, QueryError> {
        let publisher: [u8; 16] = request.publisher.as_slice().try_into().map_err(|_| {
            let message = format!("has {} bytes, must be 16", request.publisher.len());
            QueryError::invalid("publisher", message, "send the publisher as it stands in its batches")
        })?;
        let (publisher, epoch) = (u128::from_be_bytes(publisher), request.epoch);
        let asked = self.inner.workers().map(|(number, worker)| (number, worker.publisher(publisher, epoch)));
        let done = scatter(asked.collect(), Instant::now() + self.inner.limits.deadline).await;
        let mut reply = v1::PublisherAccountReply {
            partitions_asked: self.inner.placement.partitions(),
            ..Default::default()
        };
        for rows in done.into_values().flatten() {
            reply.rows_applied += rows.applied;
            reply.rows_duplicate += rows.duplicate;
            reply.rows_dropped += rows.dropped;
            reply.partitions_answered += 1;
        }
        Ok(reply)
    }

    /// How every partition does. One that does not say within the deadline is shown as failed.
    pub async fn health(&self) -> v1::HealthReply {
        let asked = self.inner.workers().map(|(number, worker)| (number, worker.health()));
        let mut done = scatter(asked.collect(), Instant::now() + self.inner.limits.deadline).await;
        let silent = |partition, detail: String| v1::PartitionHealth {
            partition,
            state: "failed".into(),
            detail,
            ..Default::default()
        };
        let partitions =
            (0..self.inner.placement.partitions()).map(|partition| match done.remove(&partition) {
                Some(Ok(health)) => health,
                Some(Err(why)) => silent(partition, format!("it does not say how it does: {why}")),
                None => silent(partition, "no worker holds it".into()),
            });
        v1::HealthReply { partitions: partitions.collect(), ..self.process() }
    }

    /// What there is to say without a question to any partition.
    #[must_use]
    pub fn process(&self) -> v1::HealthReply {
        v1::HealthReply {
            version: self.inner.version.clone(),
            started: self.inner.started,
            partitions: Vec::new(),
            counters: (self.inner.counters)(),
        }
    }
}

impl fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coordinator").field("placement", &self.inner.placement).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// The minute that is not over yet.
    pub(crate) fn now(&self) -> Minute {
        Minute(u32::try_from((self.now)() / 60).unwrap_or(u32::MAX))
    }

    /// Who answers for a partition, if anybody does.
    pub(crate) fn worker(&self, partition: u32) -> Option<Worker> {
        self.local(partition).map(Worker::Here).or_else(|| self.fleet.of(partition).map(Worker::Away))
    }

    /// A partition of this process.
    pub(crate) fn local(&self, partition: u32) -> Option<Local> {
        let partition = Arc::clone(self.partitions.get(&partition)?);
        Some(Local::new(partition, self.places.clone()))
    }

    /// Rows applied in partitions of other nodes.
    pub(crate) async fn books(&self, partitions: Vec<u32>, wanted: &Wanted, until: Instant) -> Books {
        books(&self.fleet, partitions, wanted, until).await
    }

    /// The other nodes that have a partition.
    pub(crate) fn nodes(&self, partition: u32) -> Option<String> {
        self.fleet.names(partition)
    }

    pub(crate) fn workers(&self) -> impl Iterator<Item = (u32, Worker)> {
        (0..self.placement.partitions()).filter_map(|number| Some((number, self.worker(number)?)))
    }

    /// A place for a query; waits for one as long as the query may take, if not too many wait already.
    pub(crate) async fn place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, QueryError> {
        if let Ok(permit) = Arc::clone(&self.queries).try_acquire_owned() {
            return Ok(permit);
        }
        let busy = || QueryError::Busy { queries: self.limits.queries_max, waiting: self.limits.waiting_max };
        let waiting = Waiting::new(&self.waiting);
        if waiting.others >= self.limits.waiting_max {
            return Err(busy());
        }
        let permit = tokio::time::timeout_at(deadline, Arc::clone(&self.queries).acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or_else(busy)
    }
}

/// One that waits, counted for as long as it does.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    others: usize,
}

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        Self { count, others: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
