//! Dimensions of a metric that have data, by name.

use std::collections::BTreeMap;

use hints_index::Search;

use super::Job;
use crate::active::active;
use crate::budget::{Budget, JobError};
use crate::partition::Reading;
use crate::request::Scope;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct DimensionsJob(pub(crate) Scope);

/// A dimension with data: its values, each once, and how many series have it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DimensionPartial {
    pub(crate) values: Vec<String>,
    pub(crate) series: u64,
}

// === impl DimensionsJob ===

impl Job for DimensionsJob {
    type Answer = BTreeMap<String, DimensionPartial>;

    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<Self::Answer, JobError> {
        let scope = &self.0;
        let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else {
            return Ok(BTreeMap::new());
        };
        let found = active(reading, index, &[], scope.range, budget)?;
        let mut all = BTreeMap::new();
        for dim in index.dims() {
            let values = index.values_of(dim.name(), &found, Search::ALL).page;
            budget.check_groups(values.len())?;
            let series = values.iter().map(|(_, series)| series).sum();
            if series > 0 {
                let values = values.into_iter().map(|(value, _)| value.to_owned()).collect();
                all.insert(dim.name().to_owned(), DimensionPartial { values, series });
            }
        }
        Ok(all)
    }
}
