//! Which values of a dimension occur with these selections in this range: exactly those, no others.

use std::collections::BTreeMap;

use proto::v1;

use crate::jobs::{HintsJob, HintsPartial, LeftJob};
use crate::query::Query;
use crate::request::{self, HintsQuery};
use crate::{Coordinator, QueryError};

// === impl Coordinator ===

impl Coordinator {
    /// A page of the values, ascending, each with the number of series that have it.
    ///
    /// # Errors
    /// When the request cannot be meant, or asks for more than a query may cost.
    pub async fn hints(&self, request: v1::HintsRequest) -> Result<v1::HintsReply, QueryError> {
        let selected: Vec<String> = request.select.iter().map(words).collect();
        let hints = request::hints(request)?;
        let scope = &hints.scope;
        let metrics = vec![scope.metric.clone()];
        let mut query =
            Query::begin(&self.inner, &scope.account, metrics, scope.range, scope.include_open).await?;
        let partitions = query.partitions_of(&scope.metric);
        let is_alone = partitions.len() == 1;
        let parts = query.scatter(&partitions, HintsJob { query: hints.clone(), is_alone }).await?;
        let answer =
            if is_alone { parts.into_iter().next().unwrap_or_default() } else { merged(&hints, parts) };
        query.budget().check_groups(answer.total)?;
        let why_empty = match answer.total {
            0 => why_empty(&mut query, &partitions, &hints, selected).await?,
            _ => Vec::new(),
        };
        let last = answer.values.last().filter(|_| answer.more);
        let next = last.map_or_else(String::new, |(value, _)| value.clone());
        let value = |(value, series)| v1::HintValue { value, series };
        Ok(v1::HintsReply {
            values: answer.values.into_iter().map(value).collect(),
            next,
            total: answer.total as u64,
            completeness: Some(query.completeness()),
            stats: Some(query.stats()),
            why_empty,
        })
    }
}

/// A series lives in one partition, so the counts add up.
fn merged(hints: &HintsQuery, parts: Vec<HintsPartial>) -> HintsPartial {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for (value, series) in parts.into_iter().flat_map(|part| part.values) {
        *all.entry(value).or_default() += series;
    }
    let total = all.len();
    // No value is empty, so the first page begins before the first value.
    let mut rest = all.split_off(&hints.after);
    rest.remove(&hints.after);
    let more = rest.len() > hints.limit;
    HintsPartial { values: rest.into_iter().take(hints.limit).collect(), total, more }
}

/// How many series are left after each selection, in order.
async fn why_empty(
    query: &mut Query,
    partitions: &[u32],
    hints: &HintsQuery,
    selected: Vec<String>,
) -> Result<Vec<v1::HintStep>, QueryError> {
    let job = LeftJob { scope: hints.scope.clone(), conditions: hints.conditions() };
    let parts = query.scatter(partitions, job).await?;
    let exists = format!("{} exists", hints.of);
    let steps = ["in the range".to_owned()].into_iter().chain(selected).chain([exists]);
    let series = |step: usize| parts.iter().filter_map(|part| part.get(step)).sum();
    Ok(steps.enumerate().map(|(at, step)| v1::HintStep { step, series: series(at) }).collect())
}

/// A condition as people write it.
fn words(matcher: &v1::Matcher) -> String {
    let v1::Matcher { dim, op, values } = matcher;
    format!("{dim} {op} {}", values.join(", ")).trim_end().to_owned()
}
