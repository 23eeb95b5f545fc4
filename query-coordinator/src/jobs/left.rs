//! How many series with data are left after none, one, two … of the conditions.

use model::Matcher;

use super::Job;
use crate::active::active;
use crate::budget::{Budget, JobError};
use crate::partition::Reading;
use crate::request::Scope;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct LeftJob {
    pub(crate) scope: Scope,
    pub(crate) conditions: Vec<Matcher>,
}

// === impl LeftJob ===

impl Job for LeftJob {
    /// One number more than there are conditions.
    type Answer = Vec<u64>;

    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<Vec<u64>, JobError> {
        let Self { scope, conditions } = self;
        let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else {
            return Ok(vec![0; conditions.len() + 1]);
        };
        let after = |count: usize| {
            active(reading, index, &conditions[..count], scope.range, budget).map(|left| left.len() as u64)
        };
        (0..=conditions.len()).map(after).collect()
    }
}
