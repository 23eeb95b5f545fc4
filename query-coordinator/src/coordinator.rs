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

use crate::limits::CALLS_MAX;
use crate::partition::Partition;
use crate::query::run;
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
    pub(crate) partitions: BTreeMap<u32, Arc<dyn Partition>>,
    pub(crate) limits: QueryLimits,
    now: Arc<dyn Fn() -> u64 + Send + Sync>,
    counters: Arc<dyn Fn() -> Vec<v1::Counter> + Send + Sync>,
    version: String,
    started: u64,
    /// Places for partitions being read: as many as there are cores.
    pub(crate) jobs: Arc<Semaphore>,
    /// Places for partitions being waited for, which costs no core.
    pub(crate) calls: Arc<Semaphore>,
    /// Places for queries at work.
    queries: Arc<Semaphore>,
    waiting: AtomicUsize,
}

// === impl Coordinator ===

impl Coordinator {
    /// Over these partitions.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (jobs, queries) = (parts.limits.jobs_max.max(1), parts.limits.queries_max.max(1));
        let inner = Inner {
            placement: parts.placement,
            partitions: parts.partitions,
            limits: parts.limits,
            now: parts.now,
            counters: parts.counters,
            version: parts.version,
            started: parts.started,
            jobs: Arc::new(Semaphore::new(jobs)),
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
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
        let jobs = self.inner.partitions.iter().map(|(number, partition)| {
            let partition = Arc::clone(partition);
            (*number, move || Ok(partition.publisher(publisher, epoch)?))
        });
        let deadline = Instant::now() + self.inner.limits.deadline;
        let done = run(jobs.collect(), &self.inner.calls, deadline).await;
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
        let jobs = self.inner.partitions.iter().map(|(number, partition)| {
            let partition = Arc::clone(partition);
            (*number, move || Ok(partition.health()))
        });
        let deadline = Instant::now() + self.inner.limits.deadline;
        let mut done = run(jobs.collect(), &self.inner.calls, deadline).await;
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
        v1::HealthReply {
            version: self.inner.version.clone(),
            started: self.inner.started,
            partitions: partitions.collect(),
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
