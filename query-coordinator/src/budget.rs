//! What one query may still spend, shared by its jobs, and the flag that ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use model::MinuteRange;
use parking_lot::Mutex;
use store::ScanStats;
use thiserror::Error;

use crate::partition::PartitionError;
use crate::{QueryError, QueryLimits};

/// Spent by every job of a query.
#[derive(Debug)]
pub(crate) struct Budget {
    points_max: u64,
    points: AtomicU64,
    sketch_bytes_max: u64,
    sketch_bytes: AtomicU64,
    groups_max: u64,
    groups: AtomicU64,
    cancelled: Arc<AtomicBool>,
    series: AtomicU64,
    bytes_read: AtomicU64,
    coarse: Mutex<Option<MinuteRange>>,
}

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

// === impl Budget ===

impl Budget {
    pub(crate) fn new(limits: &QueryLimits) -> Self {
        Self {
            points_max: limits.points_max,
            points: AtomicU64::new(0),
            sketch_bytes_max: limits.sketch_bytes_max,
            sketch_bytes: AtomicU64::new(0),
            groups_max: limits.groups_max,
            groups: AtomicU64::new(0),
            cancelled: Arc::default(),
            series: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            coarse: Mutex::new(None),
        }
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
        if before + points as u64 > self.points_max {
            return Err(QueryError::TooManyPoints { max: self.points_max }.into());
        }
        Ok(())
    }

    /// Merged sketches have grown.
    pub(crate) fn take_sketch_bytes(&self, bytes: u64) -> Result<(), QueryError> {
        let before = self.sketch_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.sketch_bytes_max {
            return Err(QueryError::TooManySketches { max: self.sketch_bytes_max });
        }
        Ok(())
    }

    /// So many groups are about to be made by one more job.
    pub(crate) fn take_groups(&self, groups: usize) -> Result<(), QueryError> {
        let before = self.groups.fetch_add(groups as u64, Ordering::Relaxed);
        let groups = before + groups as u64;
        if groups > self.groups_max {
            return Err(QueryError::TooManyGroups { groups, max: self.groups_max });
        }
        Ok(())
    }

    /// So many groups or values would be held at once.
    pub(crate) fn check_groups(&self, groups: usize) -> Result<(), QueryError> {
        if groups as u64 > self.groups_max {
            return Err(QueryError::TooManyGroups { groups: groups as u64, max: self.groups_max });
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
        if let Some(minutes) = stats.coarse {
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
