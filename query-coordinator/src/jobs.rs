//! What is asked of one partition: a job each, a value that can be run wherever the partition is.
//!
//! In:    a reading of the partition, a job.
//! Out:   partial groups, cells, or lists, that the gather merges.
//! Never: a clock, a lock, another partition.

mod cells;
mod declared;
mod dimensions;
mod hints;
mod left;
mod metrics;
mod rank;

use crate::budget::{Budget, JobError};
use crate::partition::Reading;

pub(crate) use cells::CellsJob;
pub(crate) use declared::{DECLARED_METRIC, DeclaredJob};
pub(crate) use dimensions::{DimensionPartial, DimensionsJob};
pub(crate) use hints::{HintsJob, HintsPartial};
pub(crate) use left::LeftJob;
pub(crate) use metrics::{MetricPartial, MetricsJob};
pub(crate) use rank::{PartialGroups, RankJob, RankPartial, Ranked, Rest, order};

/// See the module. It runs on a thread that may block.
pub(crate) trait Job: Send + Sync + 'static {
    /// What one partition has to say.
    type Answer: Send + 'static;

    /// Looks at the budget once a block, so that it ends soon when nobody waits any more.
    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<Self::Answer, JobError>;
}
