//! Values of a dimension: a page of them, or all when other partitions have some too.

use hints_index::Search;

use super::Job;
use crate::active::active;
use crate::budget::{Budget, JobError};
use crate::partition::Reading;
use crate::request::HintsQuery;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct HintsJob {
    pub(crate) query: HintsQuery,
    /// No other partition has values.
    pub(crate) is_alone: bool,
}

/// Values of a dimension.
#[derive(Clone, Debug, Default)]
pub(crate) struct HintsPartial {
    /// Ascending, with their series.
    pub(crate) values: Vec<(String, u64)>,
    /// On all pages.
    pub(crate) total: usize,
    /// There is another page.
    pub(crate) more: bool,
}

// === impl HintsJob ===

impl Job for HintsJob {
    type Answer = HintsPartial;

    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<HintsPartial, JobError> {
        let Self { query, is_alone } = self;
        let scope = &query.scope;
        let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else {
            return Ok(HintsPartial::default());
        };
        let selection = active(reading, index, &query.conditions(), scope.range, budget)?;
        let search = Search { prefix: &query.prefix, substring: &query.substring, ..Search::ALL };
        let page = Search { after: &query.after, limit: query.limit, ..search };
        let values = index.values_of(&query.of, &selection, if *is_alone { page } else { search });
        budget.check_groups(values.page.len())?;
        let owned = |(value, series): (&str, u64)| (value.to_owned(), series);
        Ok(HintsPartial {
            values: values.page.into_iter().map(owned).collect(),
            total: values.total,
            more: values.more,
        })
    }
}
