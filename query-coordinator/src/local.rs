//! A partition of this process: asked on threads that may block, nothing is copied.
//!
//! In:    what is wanted; jobs. Out: a lease that holds a reading.
//! Kept:  the places that all queries share.

use std::sync::Arc;

use proto::v1;
use tokio::sync::Semaphore;

use crate::budget::{Budget, JobError};
use crate::jobs::Job;
use crate::limits::{CALLS_MAX, QueryLimits};
use crate::partition::{Partition, PublisherRows, Reading};
use crate::scatter::in_place;
use crate::worker::{Facts, Wanted};

/// Places for work that blocks, of all queries together. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// For partitions being read: as many as there are cores.
    jobs: Arc<Semaphore>,
    /// For partitions being waited for, which costs no core.
    calls: Arc<Semaphore>,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Local {
    partition: Arc<dyn Partition>,
    places: Places,
}

/// A state of it.
pub(crate) struct LocalLease {
    facts: Facts,
    reading: Arc<dyn Reading>,
    places: Places,
}

// === impl Local ===

impl Local {
    pub(crate) fn new(partition: Arc<dyn Partition>, places: Places) -> Self {
        Self { partition, places }
    }

    pub(crate) async fn pin(self, wanted: Arc<Wanted>) -> Result<LocalLease, JobError> {
        let Self { partition, places } = self;
        let pin = move || {
            let reading = partition.pin(wanted.include_open, &wanted.metrics)?;
            let facts = Facts::of(reading.as_ref(), &wanted);
            Ok((reading, facts))
        };
        let (reading, facts) = in_place(pin, Arc::clone(&places.calls)).await?;
        Ok(LocalLease { facts, reading, places })
    }

    pub(crate) async fn publisher(self, publisher: u128, epoch: u64) -> Result<PublisherRows, JobError> {
        let Self { partition, places } = self;
        in_place(move || Ok(partition.publisher(publisher, epoch)?), places.calls).await
    }

    pub(crate) async fn alerts(self) -> Result<v1::PartitionAlerts, JobError> {
        let Self { partition, places } = self;
        in_place(move || Ok(partition.alerts()?), places.calls).await
    }

    pub(crate) async fn health(self) -> Result<v1::PartitionHealth, JobError> {
        let Self { partition, places } = self;
        in_place(move || Ok(partition.health()), places.calls).await
    }
}

// === impl LocalLease ===

impl LocalLease {
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn caveat(&self) -> Option<String> {
        self.reading.caveat()
    }

    pub(crate) async fn run<J: Job>(&self, job: Arc<J>, budget: Arc<Budget>) -> Result<J::Answer, JobError> {
        let reading = Arc::clone(&self.reading);
        in_place(move || job.run(reading.as_ref(), &budget), Arc::clone(&self.places.jobs)).await
    }
}

// === impl Places ===

impl Places {
    pub(crate) fn new(limits: &QueryLimits) -> Self {
        let jobs = Arc::new(Semaphore::new(limits.jobs_max.max(1)));
        Self { jobs, calls: Arc::new(Semaphore::new(CALLS_MAX)) }
    }
}
