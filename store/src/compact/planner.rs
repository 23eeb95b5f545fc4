//! Round after round over the metrics of a partition: which hour or day is next. What cannot be read is passed over: who
//! compacts the hour that it is of will hear of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use model::MetricId;

use crate::past_damage::PastDamage;
use crate::tier::HOURS_A_DAY;
use crate::{Cf, KvSnapshot, StoreError};

use super::due::{Settled, due_day, due_hour};

/// Something to compact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chore {
    /// [`crate::compact_hour`].
    Hour {
        /// Of which metric.
        metric: MetricId,
        /// Hours since 1970.
        hour: u32,
    },
    /// [`crate::close_day`].
    Day {
        /// Of which metric.
        metric: MetricId,
        /// Days since 1970.
        day: u32,
    },
}

/// Finds what is due, a seek a metric. Forgotten at a restart, it finds the same again.
#[derive(Debug, Default)]
pub struct Planner {
    stage: Stage,
    /// The days of a metric before this one are done or empty. 8 bytes a metric.
    days_from: BTreeMap<MetricId, u32>,
}

/// Where the round is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Hours { metric: MetricId, from: u32 },
    Days { metric: MetricId },
}

// === impl Planner ===

impl Planner {
    /// The next chore of this round. `None` ends it; the next call begins another. Each comes once a round, done or not:
    /// one that fails holds up no other.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn next(
        &mut self,
        snapshot: &dyn KvSnapshot,
        settled: &Settled,
    ) -> Result<Option<Chore>, StoreError> {
        let snapshot = &PastDamage::new(snapshot);
        while let Stage::Hours { metric, from } = self.stage {
            let Some(found) = next_metric(snapshot, Cf::Slabs, metric)? else {
                self.stage = Stage::Days { metric: 0 };
                break;
            };
            let from = if found == metric { from } else { 0 };
            if let Some(hour) = due_hour(snapshot, found, from, settled)? {
                self.stage = Stage::Hours { metric: found, from: hour + 1 };
                let days_from = self.days_from.entry(found).or_default();
                *days_from = (*days_from).min(hour / HOURS_A_DAY);
                return Ok(Some(Chore::Hour { metric: found, hour }));
            }
            self.stage = found.checked_add(1).map_or(Stage::Days { metric: 0 }, Stage::hours);
        }
        while let Stage::Days { metric } = self.stage {
            let Some(found) = next_metric(snapshot, Cf::Hours, metric)? else { break };
            let from = self.days_from.get(&found).copied().unwrap_or(0);
            if let Some(day) = due_day(snapshot, found, from, settled)? {
                self.stage = Stage::Days { metric: found };
                self.days_from.insert(found, day + 1);
                return Ok(Some(Chore::Day { metric: found, day }));
            }
            self.days_from.insert(found, settled.before.0 / (HOURS_A_DAY * 60));
            let Some(next) = found.checked_add(1) else { break };
            self.stage = Stage::Days { metric: next };
        }
        self.stage = Stage::default();
        Ok(None)
    }
}

// === impl Stage ===

impl Stage {
    fn hours(metric: MetricId) -> Self {
        Self::Hours { metric, from: 0 }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::hours(0)
    }
}

/// The first metric, from this one on, that has anything in a family.
fn next_metric(snapshot: &dyn KvSnapshot, cf: Cf, from: MetricId) -> Result<Option<MetricId>, StoreError> {
    let mut found = None;
    snapshot.range(cf, &from.to_be_bytes(), &[0xFF; 17], &mut |key, _| {
        found = key.first_chunk().map(|metric| MetricId::from_be_bytes(*metric));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}
