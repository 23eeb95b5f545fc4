//! Rows that publishers say they built, by minute: what completeness compares with.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use model::{Minute, MinuteRange, Number, Scalars};
use store::Columns;

use super::Job;
use crate::budget::{Budget, JobError};
use crate::fold::{each_batch, scan_of};
use crate::partition::{PartitionError, Reading};
use crate::window::Steps;

/// The metric that says how many rows a publisher built for a minute.
pub(crate) const DECLARED_METRIC: &str = "sluice.publisher.rows_built";

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredJob {
    pub(crate) account: String,
    pub(crate) range: MinuteRange,
}

// === impl DeclaredJob ===

impl Job for DeclaredJob {
    /// Ascending.
    type Answer = Vec<(Minute, u64)>;

    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<Self::Answer, JobError> {
        declared(reading, self, budget).map_err(|why| match why {
            // No reason to refuse an answer.
            JobError::Query(why) => {
                PartitionError::Failed(format!("rows declared are unknown: {why}")).into()
            }
            other => other,
        })
    }
}

fn declared(
    reading: &dyn Reading,
    job: &DeclaredJob,
    budget: &Budget,
) -> Result<Vec<(Minute, u64)>, JobError> {
    let Some(index) = reading.hints().metric(&job.account, DECLARED_METRIC) else { return Ok(Vec::new()) };
    let mut minutes: BTreeMap<Minute, Scalars> = BTreeMap::new();
    // By minute in a map: a range may be ten years long, and few of them have rows.
    let scan = scan_of(index, Steps { range: job.range, minutes: 1 }, Columns::SUM | Columns::IDS);
    each_batch(reading, &scan, budget, |batch| {
        for (row, id) in batch.columns.ids().iter().enumerate() {
            if index.position_of(*id).is_some_and(|position| index.is_deleted(position)) {
                continue;
            }
            let sum = Scalars::of(batch.columns.sum(row));
            minutes.entry(batch.minute(row)).or_default().merge(&sum);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(minutes.into_iter().map(|(minute, all)| (minute, rows(all.sum()))).collect())
}

/// A sum of counts, as the count that it is.
fn rows(sum: Number) -> u64 {
    match sum {
        Number::Int(rows) => u64::try_from(rows).unwrap_or(0),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        Number::Float(rows) => rows.round() as u64,
    }
}
