//! Metrics of an account that have data, by name.

use std::collections::BTreeMap;

use hints_index::{ABSENT, Dim};

use super::Job;
use crate::active::active;
use crate::budget::{Budget, JobError};
use crate::partition::Reading;
use crate::request::MetricsQuery;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct MetricsJob(pub(crate) MetricsQuery);

/// A metric with data.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetricPartial {
    pub(crate) series: u64,
    /// Sorted.
    pub(crate) dims: Vec<String>,
}

// === impl MetricsJob ===

impl Job for MetricsJob {
    type Answer = BTreeMap<String, MetricPartial>;

    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<Self::Answer, JobError> {
        let query = &self.0;
        let mut all = BTreeMap::new();
        let metrics = reading.hints().metrics(&query.account);
        for (name, index) in metrics.filter(|(name, _)| name.starts_with(&query.prefix)) {
            let found = active(reading, index, &[], query.range, budget)?;
            if !found.is_empty() {
                let has = |dim: &&Dim| found.iter().any(|position| dim.value_id(position) != ABSENT);
                let dims = index.dims().iter().filter(has).map(|dim| dim.name().to_owned()).collect();
                all.insert(name.to_owned(), MetricPartial { series: found.len() as u64, dims });
            }
        }
        Ok(all)
    }
}
