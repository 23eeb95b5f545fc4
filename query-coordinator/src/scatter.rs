//! One pass over partitions: all are asked at once, and those that have not answered in time are left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::budget::JobError;
use crate::partition::PartitionError;

/// What each of these comes to. Those that are not done by the deadline are dropped and count as cancelled.
pub(crate) async fn scatter<T: Send + 'static>(
    jobs: Vec<(u32, impl Future<Output = Result<T, JobError>> + Send + 'static)>,
    deadline: Instant,
) -> BTreeMap<u32, Result<T, JobError>> {
    let mut done: BTreeMap<u32, Result<T, JobError>> =
        jobs.iter().map(|(partition, _)| (*partition, Err(JobError::Cancelled))).collect();
    let mut tasks = JoinSet::new();
    for (partition, job) in jobs {
        tasks.spawn(async move { (partition, job.await) });
    }
    while let Ok(Some(joined)) = tokio::time::timeout_at(deadline, tasks.join_next()).await {
        match joined {
            Ok((partition, outcome)) => drop(done.insert(partition, outcome)),
            Err(why) => tracing::error!(%why, "BUG: a query's task ended by itself"),
        }
    }
    done
}

/// Runs a job on a thread that may block, when there is a place for it.
pub(crate) async fn in_place<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    places: Arc<Semaphore>,
) -> Result<T, JobError> {
    let Ok(place) = places.acquire_owned().await else { return Err(JobError::Cancelled) };
    let work = tokio::task::spawn_blocking(move || {
        let _place = place; // given back when the work is done, not when somebody stops waiting for it
        job()
    });
    work.await.unwrap_or_else(|why| {
        tracing::error!(%why, "BUG: a query's job panicked");
        Err(PartitionError::Failed(format!("BUG: the job panicked: {why}")).into())
    })
}
