//! What one query may still spend, shared by its jobs, and the flag that ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use model::MinuteRange;
use parking_lot::Mutex;
use store::ScanStats;
use thiserror::Error;

use crate::limits::WIRE_BYTES_MAX;
use crate::partition::PartitionError;
use crate::{QueryError, QueryLimits};

/// Spent by every job of a query.
#[derive(Debug)]
pub(crate) struct Budget {
    maxima: Maxima,
    points: AtomicU64,
    sketch_bytes: AtomicU64,
    groups: AtomicU64,
    wire_bytes: AtomicU64,
    cancelled: Arc<AtomicBool>,
    series: AtomicU64,
    bytes_read: AtomicU64,
    coarse: Mutex<Option<MinuteRange>>,
}

/// What may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maxima {
    pub(crate) points: u64,
    pub(crate) sketch_bytes: u64,
    pub(crate) groups: u64,
}

/// What was spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) points: u64,
    pub(crate) sketch_bytes: u64,
    pub(crate) groups: u64,
    pub(crate) series: u64,
    pub(crate) bytes_read: u64,
    /// Minutes in which rows were left out that are only kept merged over an hour or a day.
    pub(crate) coarse: Option<MinuteRange>,
}

/// Whoever stops waiting stops the work, too.
pub(crate) struct CancelOnDrop(pub(crate) Arc<Budget>);

/// Why a job ended without a result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum JobError {
    /// The partition's: the answer is partial.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The query's: there is no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Nobody waits for it any more.
    #[error("it was cancelled")]
    Cancelled,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

// === impl Maxima ===

impl Maxima {
    pub(crate) fn of(limits: &QueryLimits) -> Self {
        Self { points: limits.points_max, sketch_bytes: limits.sketch_bytes_max, groups: limits.groups_max }
    }
}

// === impl Spent ===

impl Spent {
    /// Since then.
    pub(crate) fn since(self, before: &Self) -> Self {
        Self {
            points: self.points.saturating_sub(before.points),
            sketch_bytes: self.sketch_bytes.saturating_sub(before.sketch_bytes),
            groups: self.groups.saturating_sub(before.groups),
            ..self
        }
    }
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(limits: &QueryLimits) -> Self {
        Self::with(Maxima::of(limits), Spent::default())
    }

    /// Of which so much is spent already.
    pub(crate) fn with(maxima: Maxima, spent: Spent) -> Self {
        Self {
            maxima,
            points: AtomicU64::new(spent.points),
            sketch_bytes: AtomicU64::new(spent.sketch_bytes),
            groups: AtomicU64::new(spent.groups),
            wire_bytes: AtomicU64::new(0),
            cancelled: Arc::default(),
            series: AtomicU64::new(spent.series),
            bytes_read: AtomicU64::new(spent.bytes_read),
            coarse: Mutex::new(spent.coarse),
        }
    }

    pub(crate) fn maxima(&self) -> Maxima {
        self.maxima
    }

    pub(crate) fn all_spent(&self) -> Spent {
        let read = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Spent {
            points: read(&self.points),
            sketch_bytes: read(&self.sketch_bytes),
            groups: read(&self.groups),
            series: read(&self.series),
            bytes_read: read(&self.bytes_read),
            coarse: self.coarse(),
        }
    }

    /// What a job elsewhere has spent, after the fact.
    pub(crate) fn add(&self, spent: &Spent) -> Result<(), JobError> {
        self.series.fetch_add(spent.series, Ordering::Relaxed);
        self.bytes_read.fetch_add(spent.bytes_read, Ordering::Relaxed);
        self.note_coarse(spent.coarse);
        self.take_sketch_bytes(spent.sketch_bytes)?;
        self.take_groups(usize::try_from(spent.groups).unwrap_or(usize::MAX))?;
        self.take_points(usize::try_from(spent.points).unwrap_or(usize::MAX))
    }

    /// So many bytes of an answer have come.
    pub(crate) fn take_wire_bytes(&self, bytes: usize) -> Result<(), QueryError> {
        let before = self.wire_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if before + bytes as u64 > WIRE_BYTES_MAX {
            return Err(QueryError::TooManyBytes { max: WIRE_BYTES_MAX });
        }
        Ok(())
    }

    /// Spent apart, cancelled together.
    pub(crate) fn beside(&self, limits: &QueryLimits) -> Self {
        Self { cancelled: Arc::clone(&self.cancelled), ..Self::new(limits) }
    }

    /// A block of so many rows is about to be used. Asked once a block, so that a cancelled job ends soon.
    pub(crate) fn take_points(&self, points: usize) -> Result<(), JobError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(JobError::Cancelled);
        }
        let before = self.points.fetch_add(points as u64, Ordering::Relaxed);
        if before.saturating_add(points as u64) > self.maxima.points {
            return Err(QueryError::TooManyPoints { max: self.maxima.points }.into());
        }
        Ok(())
    }

    /// Merged sketches have grown.
    pub(crate) fn take_sketch_bytes(&self, bytes: u64) -> Result<(), QueryError> {
        let before = self.sketch_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.maxima.sketch_bytes {
            return Err(QueryError::TooManySketches { max: self.maxima.sketch_bytes });
        }
        Ok(())
    }

    /// So many groups are about to be made by one more job.
    pub(crate) fn take_groups(&self, groups: usize) -> Result<(), QueryError> {
        let before = self.groups.fetch_add(groups as u64, Ordering::Relaxed);
        let (groups, max) = (before.saturating_add(groups as u64), self.maxima.groups);
        if groups > max {
            return Err(QueryError::TooManyGroups { groups, max });
        }
        Ok(())
    }

    /// So many groups or values would be held at once.
    pub(crate) fn check_groups(&self, groups: usize) -> Result<(), QueryError> {
        let (groups, max) = (groups as u64, self.maxima.groups);
        if groups > max {
            return Err(QueryError::TooManyGroups { groups, max });
        }
        Ok(())
    }

    /// Ends all jobs at their next block.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn count_series(&self, series: usize) {
        self.series.fetch_add(series as u64, Ordering::Relaxed);
    }

    /// What a scan has read, and what it had to leave out.
    pub(crate) fn count(&self, stats: &ScanStats) {
        self.bytes_read.fetch_add(stats.bytes_read, Ordering::Relaxed);
        self.note_coarse(stats.coarse);
    }

    fn note_coarse(&self, minutes: Option<MinuteRange>) {
        if let Some(minutes) = minutes {
            let mut coarse = self.coarse.lock();
            let all = coarse.get_or_insert(minutes);
            (all.from, all.to) = (all.from.min(minutes.from), all.to.max(minutes.to));
        }
    }

    /// In these minutes rows were left out that are only kept merged over an hour or a day.
    pub(crate) fn coarse(&self) -> Option<MinuteRange> {
        *self.coarse.lock()
    }

    /// Series selected, and bytes read.
    pub(crate) fn spent(&self) -> (u64, u64) {
        (self.series.load(Ordering::Relaxed), self.bytes_read.load(Ordering::Relaxed))
    }
}
