//! Which metrics an account has data of, and which dimensions a metric.

use std::collections::{BTreeMap, BTreeSet};

use proto::v1;

use crate::jobs::{DimensionPartial, DimensionsJob, MetricsJob};
use crate::query::Query;
use crate::request;
use crate::{Coordinator, QueryError};

// === impl Coordinator ===

impl Coordinator {
    /// The metrics that have data in the range, ascending by name, with their series and dimensions.
    ///
    /// # Errors
    /// When the request cannot be meant, or asks for more than a query may cost.
    pub async fn metrics(&self, request: v1::MetricsRequest) -> Result<v1::MetricsReply, QueryError> {
        let metrics = request::metrics(request)?;
        let (range, open) = (metrics.range, metrics.include_open);
        let mut query = Query::begin(&self.inner, &metrics.account, Vec::new(), range, open).await?;
        let partitions = query.partitions();
        let parts = query.scatter(&partitions, MetricsJob(metrics)).await?;
        let mut all: BTreeMap<String, (u64, BTreeSet<String>)> = BTreeMap::new();
        for (name, part) in parts.into_iter().flatten() {
            let (series, dims) = all.entry(name).or_default();
            *series += part.series;
            dims.extend(part.dims);
        }
        let row = |(metric, (series, dims)): (String, (u64, BTreeSet<String>))| v1::MetricRow {
            metric,
            series,
            dims: dims.into_iter().collect(),
        };
        Ok(v1::MetricsReply {
            metrics: all.into_iter().map(row).collect(),
            completeness: Some(query.completeness()),
        })
    }

    /// The dimensions of a metric that have data in the range, ascending by name.
    ///
    /// # Errors
    /// When the request cannot be meant, or asks for more than a query may cost.
    pub async fn dimensions(
        &self,
        request: v1::DimensionsRequest,
    ) -> Result<v1::DimensionsReply, QueryError> {
        let scope = request::dimensions(request)?;
        let metrics = vec![scope.metric.clone()];
        let mut query =
            Query::begin(&self.inner, &scope.account, metrics, scope.range, scope.include_open).await?;
        let partitions = query.partitions_of(&scope.metric);
        let parts = query.scatter(&partitions, DimensionsJob(scope)).await?;
        Ok(v1::DimensionsReply { dimensions: union(parts), completeness: Some(query.completeness()) })
    }
}

/// The same value may occur in several partitions; a series does not.
fn union(parts: Vec<BTreeMap<String, DimensionPartial>>) -> Vec<v1::DimensionRow> {
    let mut all: BTreeMap<String, (BTreeSet<String>, u64)> = BTreeMap::new();
    for (name, part) in parts.into_iter().flatten() {
        let (values, series) = all.entry(name).or_default();
        values.extend(part.values);
        *series += part.series;
    }
    let row = |(name, (values, series)): (String, (BTreeSet<String>, u64))| v1::DimensionRow {
        name,
        values: values.len() as u64,
        series,
    };
    all.into_iter().map(row).collect()
}
