//! The values of named groups over time.

use std::sync::Arc;

use model::Sampling;

use super::Job;
use crate::budget::{Budget, JobError};
use crate::cells::{Cells, columns_of};
use crate::fold::fold;
use crate::groups::Groups;
use crate::partition::Reading;
use crate::request::Scope;
use crate::tuple::{By, Tuple};
use crate::window::Steps;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct CellsJob {
    pub(crate) scope: Scope,
    pub(crate) by: By,
    pub(crate) sampling: Sampling,
    pub(crate) steps: Steps,
    /// The groups.
    pub(crate) tuples: Arc<[Tuple]>,
}

// === impl CellsJob ===

impl Job for CellsJob {
    /// `None` when the partition does not know the metric.
    type Answer = Option<Cells>;

    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<Option<Cells>, JobError> {
        let scope = &self.scope;
        let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else { return Ok(None) };
        let selection = index.select(&scope.matchers);
        let groups = Groups::named(index, &self.by, &selection, &self.tuples);
        fold(reading, index, &groups, self.steps, columns_of(self.sampling), budget).map(Some)
    }
}
