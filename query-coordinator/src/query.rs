//! One query on its way: its partitions, its budget, its deadline, and who has failed it.
//!
//! In:    jobs. Out: what each partition answered before the deadline.
//! Kept:  a lease on a state of each partition, so that every pass of a query sees the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Minute, MinuteRange};
use proto::v1;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::QueryError;
use crate::budget::{Budget, CancelOnDrop, JobError};
use crate::completeness::{Facts, completeness};
use crate::coordinator::Inner;
use crate::jobs::{DECLARED_METRIC, DeclaredJob};
use crate::limits::PIN_WAIT_MIN;
use crate::partition::PartitionError;
use crate::remote::Books;
use crate::scatter::scatter;
use crate::wire::Wire;
use crate::worker::{Lease, Wanted, Worker};

/// See the module.
pub(crate) struct Query {
    inner: Arc<Inner>,
    account: String,
    range: MinuteRange,
    include_open: bool,
    budget: Arc<Budget>,
    started: Instant,
    deadline: Instant,
    leases: BTreeMap<u32, Arc<Lease>>,
    /// Of other nodes' partitions that hold nothing that is asked for.
    books: Books,
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
            leases: BTreeMap::new(),
            books: Books::default(),
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
    pub(crate) async fn scatter<J: Wire>(
        &mut self,
        partitions: &[u32],
        job: J,
    ) -> Result<Vec<J::Answer>, QueryError> {
        self.asked.extend(partitions);
        self.rounds += 1;
        self.run_in(partitions, job, Arc::clone(&self.budget)).await
    }

    async fn run_in<J: Wire>(
        &mut self,
        partitions: &[u32],
        job: J,
        budget: Arc<Budget>,
    ) -> Result<Vec<J::Answer>, QueryError> {
        let job = Arc::new(job);
        let asked = partitions.iter().filter(|partition| !self.silent.contains(partition));
        let jobs = asked.filter_map(|partition| {
            let lease = Arc::clone(self.leases.get(partition)?);
            let (job, budget) = (Arc::clone(&job), Arc::clone(&budget));
            Some((*partition, async move { lease.run(job, budget).await }))
        });
        let done = scatter(jobs.collect(), self.patience()).await;
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
            self.leases.iter().map(|(partition, lease)| (*partition, lease.facts().sealed_through)).collect();
        let caveat = |(partition, lease): (&u32, &Arc<Lease>)| Some((*partition, lease.caveat()?));
        let mut complete = completeness(&Facts {
            range: self.range,
            now: self.inner.now(),
            include_open: self.include_open,
            asked: &asked,
            failed: &self.failed,
            caveats: &self.leases.iter().filter_map(caveat).collect(),
            sealed_through: &sealed,
            declared: &self.declared,
            applied: &|minute| self.rows_applied(minute),
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

    /// A state is there at once where all is well, so a partition that stands still is not waited for as long as work is.
    fn pin_patience(&self) -> Instant {
        let wait = (self.inner.limits.deadline / 10).max(PIN_WAIT_MIN);
        self.patience().min(Instant::now() + wait)
    }

    async fn pin(&mut self, metrics: Vec<String>) -> Result<(), QueryError> {
        let (metrics, account) = (self.names_of(metrics), self.account.clone());
        let (include_open, range, until) = (self.include_open, self.range, self.deadline);
        let wanted = Arc::new(Wanted { include_open, metrics, account, range, until });
        let needed = self.needed(&wanted);
        let (mut jobs, mut beside, mut nobody) = (Vec::new(), Vec::new(), Vec::new());
        for partition in self.partitions() {
            match self.inner.worker(partition) {
                Some(Worker::Away(_)) if !needed.contains(&partition) => beside.push(partition),
                Some(worker) => jobs.push((partition, worker.pin(Arc::clone(&wanted)))),
                None => nobody.push(partition),
            }
        }
        let until = self.pin_patience();
        let (leases, books) = tokio::join!(scatter(jobs, until), self.inner.books(beside, &wanted, until));
        self.books = books;
        for (partition, why) in std::mem::take(&mut self.books.missing) {
            self.fail(partition, why)?;
        }
        for (partition, outcome) in leases {
            match outcome {
                Ok(lease) => drop(self.leases.insert(partition, Arc::new(lease))),
                Err(why) => self.fail(partition, why)?,
            }
        }
        for partition in nobody {
            self.fail(partition, PartitionError::Unreachable("no worker holds it".into()).into())?;
        }
        Ok(())
    }

    /// The partitions that can hold what is asked for, or rows declared.
    fn needed(&self, wanted: &Wanted) -> BTreeSet<u32> {
        let of_metrics = wanted.metrics.iter().flat_map(|(_, metric)| self.partitions_of(metric));
        if wanted.metrics.is_empty() { self.partitions().into_iter().collect() } else { of_metrics.collect() }
    }

    /// None at all asks for all of the account's.
    fn names_of(&self, metrics: Vec<String>) -> Vec<(String, String)> {
        if metrics.is_empty() {
            return Vec::new();
        }
        let declared = DECLARED_METRIC.to_owned();
        metrics.into_iter().chain([declared]).map(|metric| (self.account.clone(), metric)).collect()
    }

    async fn read_declared(&mut self) -> Result<(), QueryError> {
        let partitions = self.partitions_of(DECLARED_METRIC);
        // What is read for completeness is not the asker's to pay for.
        let own = Arc::new(self.budget.beside(&self.inner.limits));
        let job = DeclaredJob { account: self.account.clone(), range: self.range };
        // No pass: where heartbeats lie has nothing to do with where the answer's data can be.
        let found = self.run_in(&partitions, job, own).await?;
        let known_from = self.applied_known_from();
        for (minute, rows) in found.into_iter().flatten().filter(|(minute, _)| *minute >= known_from) {
            *self.declared.entry(minute).or_default() += rows;
        }
        Ok(())
    }

    /// The first minute of which every island still knows how many rows it applied. What was declared before that has
    /// nothing to be compared with.
    fn applied_known_from(&self) -> Minute {
        let known_from = self.leases.values().map(|lease| lease.facts().rows_known_from);
        known_from.max().unwrap_or_default().max(self.books.rows_known_from)
    }

    /// By all partitions.
    fn rows_applied(&self, minute: Minute) -> u64 {
        let leased: u64 = self.leases.values().map(|lease| lease.facts().rows_applied(minute)).sum();
        leased + self.books.rows_applied(minute)
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
                let ms = self.inner.limits.deadline.as_millis();
                let pinned = self.leases.get(&partition).and_then(|lease| lease.node());
                match pinned.or_else(|| self.inner.nodes(partition)) {
                    Some(node) => format!("not in time: a query may take {ms} ms; asked was {node}"),
                    None => format!("not in time: a query may take {ms} ms"),
                }
            }
        };
        // The answer says it to whoever asked; in a log it would stand as often as somebody asks.
        tracing::debug!(partition, why, "a partition did not answer a query");
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
