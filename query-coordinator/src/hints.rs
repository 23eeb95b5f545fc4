//! Which values of a dimension occur with these selections in this range: exactly those, no others.

use std::collections::BTreeMap;

use proto::v1;

use crate::query::Query;
use crate::request::{self, HintsQuery};
use crate::worker;
use crate::{Coordinator, QueryError};

// === impl Coordinator ===

impl Coordinator {
    /// A page of the values, ascending, each with the number of series that have it.
    ///
    /// # Errors
    /// When the request cannot be meant, or asks for more than a query may cost.
    pub async fn hints(&self, request: v1::HintsRequest) -> Result<v1::HintsReply, QueryError> {
        let hints = request::hints(request)?;
        let scope = &hints.scope;
        let metrics = vec![scope.metric.clone()];
        let mut query =
            Query::begin(&self.inner, &scope.account, metrics, scope.range, scope.include_open).await?;
        let partitions = query.partitions_of(&scope.metric);
        let job = hints.clone();
        let parts =
            query.scatter(&partitions, move |reading, budget| worker::hints(reading, &job, budget)).await?;
        let all = merged(parts);
        query.budget().check_groups(all.len())?;
        let (values, next) = page(&hints, &all);
        Ok(v1::HintsReply {
            values,
            next,
            total: all.len() as u64,
            completeness: Some(query.completeness(&partitions)),
            stats: Some(query.stats()),
        })
    }
}

/// A series lives in one partition, so the counts add up.
fn merged(mut parts: Vec<Vec<(String, u64)>>) -> Vec<(String, u64)> {
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for (value, series) in parts.into_iter().flatten() {
        *all.entry(value).or_default() += series;
    }
    all.into_iter().collect()
}

fn page(hints: &HintsQuery, all: &[(String, u64)]) -> (Vec<v1::HintValue>, String) {
    // No value is empty, so the first page begins before the first value.
    let from = all.partition_point(|(value, _)| *value <= hints.after);
    let rest = &all[from..];
    let page = &rest[..hints.limit.min(rest.len())];
    let next = if page.len() < rest.len() { page.last() } else { None };
    let value = |(value, series): &(String, u64)| v1::HintValue { value: value.clone(), series: *series };
    (page.iter().map(value).collect(), next.map_or_else(String::new, |(value, _)| value.clone()))
}
