//! One query on its way: its partitions, its budget, its deadline, and who has failed it.
//!
//! In:    jobs. Out: what each partition answered before the deadline.
//! Kept:  the pinned readings, so that every pass of a query sees the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Minute, MinuteRange};
use proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::QueryError;
use crate::budget::{Budget, JobError};
use crate::completeness::{Facts, completeness};
use crate::coordinator::Inner;
use crate::partition::{Partition, PartitionError, Reading};
use crate::worker;

/// See the module.
pub(crate) struct Query {
    inner: Arc<Inner>,
    account: String,
    range: MinuteRange,
    include_open: bool,
    budget: Arc<Budget>,
    started: Instant,
    deadline: Instant,
    readings: BTreeMap<u32, Arc<dyn Reading>>,
    failed: BTreeMap<u32, String>,
    /// Of those: the ones that were too slow. They are not waited for again.
    silent: BTreeSet<u32>,
    /// By any of the passes.
    asked: BTreeSet<u32>,
    rounds: u32,
    /// Rows declared by minute, as far back as islands know how many they applied.
    declared: BTreeMap<Minute, u64>,
    _permit: OwnedSemaphorePermit,
    _cancel: CancelOnDrop,
}

/// Whoever stops waiting stops the work, too.
struct CancelOnDrop(Arc<Budget>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

// === impl Query ===

impl Query {
    /// Takes a place among the queries at work, and pins every partition. `metrics` are those that will be read.
    pub(crate) async fn begin(
        inner: &Arc<Inner>,
        account: &str,
        metrics: Vec<String>,
        range: MinuteRange,
        include_open: bool,
    ) -> Result<Self, QueryError> {
        let started = Instant::now();
        let deadline = started + inner.limits.deadline;
        let permit = inner.place(deadline).await?;
        let budget = Arc::new(Budget::new(&inner.limits));
        let mut query = Self {
            inner: Arc::clone(inner),
            account: account.to_owned(),
            range,
            include_open,
            started,
            deadline,
            readings: BTreeMap::new(),
            failed: BTreeMap::new(),
            silent: BTreeSet::new(),
            asked: BTreeSet::new(),
            rounds: 0,
            declared: BTreeMap::new(),
            _permit: permit,
            _cancel: CancelOnDrop(Arc::clone(&budget)),
            budget,
        };
        query.pin(metrics).await?;
        query.read_declared().await?;
        Ok(query)
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The partitions that can hold a metric.
    pub(crate) fn partitions_of(&self, metric: &str) -> Vec<u32> {
        let hash = model::metric_hash(&self.account, metric);
        let mut partitions: Vec<u32> = self.inner.placement.partitions_of(hash).collect();
        partitions.sort_unstable();
        partitions
    }

    /// Every partition.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        (0..self.inner.placement.partitions()).collect()
    }

    /// One pass: runs a job in each of these partitions. Those that fail, or do not answer in time, are remembered and
    /// left out.
    pub(crate) async fn scatter<T: Send + 'static>(
        &mut self,
        partitions: &[u32],
        job: impl Fn(&dyn Reading, &Budget) -> Result<T, JobError> + Send + Sync + 'static,
    ) -> Result<Vec<T>, QueryError> {
        self.asked.extend(partitions);
        self.rounds += 1;
        self.run_in(partitions, job).await
    }

    async fn run_in<T: Send + 'static>(
        &mut self,
        partitions: &[u32],
        job: impl Fn(&dyn Reading, &Budget) -> Result<T, JobError> + Send + Sync + 'static,
    ) -> Result<Vec<T>, QueryError> {
        let job = Arc::new(job);
        let asked = partitions.iter().filter(|partition| !self.silent.contains(partition));
        let jobs = asked.filter_map(|partition| {
            let reading = Arc::clone(self.readings.get(partition)?);
            let (job, budget) = (Arc::clone(&job), Arc::clone(&self.budget));
            Some((*partition, move || job(reading.as_ref(), &budget)))
        });
        let done = run(jobs.collect(), &self.inner.jobs, self.patience()).await;
        self.keep(done, partitions)
    }

    /// What was spent, for the answer.
    pub(crate) fn stats(&self) -> v1::Stats {
        let (series_scanned, bytes_read) = self.budget.spent();
        let ms = self.started.elapsed().as_secs_f64() * 1e3;
        let partitions_asked = u32::try_from(self.asked.len()).unwrap_or(u32::MAX);
        v1::Stats { series_scanned, bytes_read, ms, partitions_asked, rounds: self.rounds }
    }

    /// How complete an answer from the partitions that were asked is.
    pub(crate) fn completeness(&self) -> v1::Completeness {
        let asked: Vec<u32> = self.asked.iter().copied().collect();
        let sealed: BTreeMap<u32, Option<Minute>> =
            self.readings.iter().map(|(partition, reading)| (*partition, reading.sealed_through())).collect();
        let caveat = |(partition, reading): (&u32, &Arc<dyn Reading>)| Some((*partition, reading.caveat()?));
        let mut complete = completeness(&Facts {
            range: self.range,
            now: self.inner.now(),
            include_open: self.include_open,
            asked: &asked,
            failed: &self.failed,
            caveats: &self.readings.iter().filter_map(caveat).collect(),
            sealed_through: &sealed,
            declared: &self.declared,
            applied: &|minute| {
                self.readings.values().map(|reading| reading.rows_applied(&self.account, minute)).sum()
            },
        });
        if let Some(minutes) = self.budget.coarse() {
            complete.partial = true;
            complete.reasons.push(coarse_reason(minutes));
        }
        complete
    }

    /// When the pass that begins now ends: after half of the time that is left, so that a partition that does not
    /// answer leaves time for what the others have to say.
    fn patience(&self) -> Instant {
        let now = Instant::now();
        now + self.deadline.saturating_duration_since(now) / 2
    }

    async fn pin(&mut self, metrics: Vec<String>) -> Result<(), QueryError> {
        let metrics = Arc::new(self.names_of(metrics));
        let include_open = self.include_open;
        let jobs = self.inner.partitions.iter().map(|(number, partition)| {
            let (partition, metrics): (Arc<dyn Partition>, _) = (Arc::clone(partition), Arc::clone(&metrics));
            (*number, move || partition.pin(include_open, &metrics).map_err(JobError::from))
        });
        let done = run(jobs.collect(), &self.inner.calls, self.patience()).await;
        for (partition, outcome) in done {
            match outcome {
                Ok(reading) => drop(self.readings.insert(partition, reading)),
                Err(why) => self.fail(partition, why)?,
            }
        }
        for partition in self.partitions() {
            if !self.inner.partitions.contains_key(&partition) {
                let why = PartitionError::Unreachable("no worker holds it".into());
                self.fail(partition, why.into())?;
            }
        }
        Ok(())
    }

    /// None at all asks for all of the account's.
    fn names_of(&self, metrics: Vec<String>) -> Vec<(String, String)> {
        if metrics.is_empty() {
            return Vec::new();
        }
        let declared = worker::DECLARED_METRIC.to_owned();
        metrics.into_iter().chain([declared]).map(|metric| (self.account.clone(), metric)).collect()
    }

    async fn read_declared(&mut self) -> Result<(), QueryError> {
        let (account, range) = (self.account.clone(), self.range);
        let partitions = self.partitions_of(worker::DECLARED_METRIC);
        // What is read for completeness is not the asker's to pay for, and no reason to refuse an answer.
        let own = self.budget.beside(&self.inner.limits);
        let unknown = |why: JobError| match why {
            JobError::Query(why) => {
                PartitionError::Failed(format!("rows declared are unknown: {why}")).into()
            }
            other => other,
        };
        let job = move |reading: &dyn Reading, _: &Budget| {
            worker::declared(reading, &account, range, &own).map_err(unknown)
        };
        // No pass: where heartbeats lie has nothing to do with where the answer's data can be.
        let found = self.run_in(&partitions, job).await?;
        let known_from = self.applied_known_from();
        for (minute, rows) in found.into_iter().flatten().filter(|(minute, _)| *minute >= known_from) {
            *self.declared.entry(minute).or_default() += rows;
        }
        Ok(())
    }

    /// The first minute of which every island still knows how many rows it applied. What was declared before that has
    /// nothing to be compared with.
    fn applied_known_from(&self) -> Minute {
        self.readings.values().map(|reading| reading.rows_known_from()).max().unwrap_or_default()
    }

    fn keep<T>(
        &mut self,
        done: BTreeMap<u32, Result<T, JobError>>,
        asked: &[u32],
    ) -> Result<Vec<T>, QueryError> {
        let mut kept = Vec::with_capacity(asked.len());
        for (partition, outcome) in done {
            match outcome {
                Ok(result) => kept.push(result),
                Err(why) => self.fail(partition, why)?,
            }
        }
        Ok(kept)
    }

    /// A partition's fault is remembered, a query's ends it.
    fn fail(&mut self, partition: u32, why: JobError) -> Result<(), QueryError> {
        let why = match why {
            JobError::Query(error) => return Err(error),
            JobError::Partition(error) => error.to_string(),
            JobError::Cancelled => {
                self.silent.insert(partition);
                format!("not in time: a query may take {} ms", self.inner.limits.deadline.as_millis())
            }
        };
        tracing::warn!(partition, why, "a partition did not answer a query");
        self.failed.entry(partition).or_insert(why);
        Ok(())
    }
}

/// Retention keeps old data by the hour or day only: what does not fit the question is left out, and said.
fn coarse_reason(minutes: MinuteRange) -> String {
    let (from, to) = (minutes.from.unix_seconds(), minutes.to.unix_seconds());
    format!(
        "from {from} to {to} there is data that is only kept by the hour or by the day: ask for whole hours or days of \
         UTC, in steps of 3600 or 86400 seconds"
    )
}

/// Runs each job on a thread that may block. Those that are not done by the deadline count as cancelled.
pub(crate) async fn run<T: Send + 'static>(
    jobs: Vec<(u32, impl FnOnce() -> Result<T, JobError> + Send + 'static)>,
    places: &Arc<Semaphore>,
    deadline: Instant,
) -> BTreeMap<u32, Result<T, JobError>> {
    let mut done: BTreeMap<u32, Result<T, JobError>> =
        jobs.iter().map(|(partition, _)| (*partition, Err(JobError::Cancelled))).collect();
    let mut tasks = JoinSet::new();
    for (partition, job) in jobs {
        let places = Arc::clone(places);
        tasks.spawn(async move { (partition, in_place(job, places).await) });
    }
    while let Ok(Some(joined)) = tokio::time::timeout_at(deadline, tasks.join_next()).await {
        match joined {
            Ok((partition, outcome)) => drop(done.insert(partition, outcome)),
            Err(why) => tracing::error!(%why, "BUG: a query's task ended by itself"),
        }
    }
    done
}

async fn in_place<T: Send + 'static>(
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
