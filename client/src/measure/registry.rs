//! Which series there are, once each; where `series_max` is kept.
//!
//! In:   metric, dimensions and their key.
//! Out:  the series, or the metric's overflow series, or why there is none.
//! Kept: one entry a series that someone still records into.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Dims, Limits, Reason, Refusal};

use super::key::{Key, Keys};
use crate::limits::OVERFLOW_ROWS_MAX;

/// The one dimension of an overflow row.
pub(crate) const OVERFLOW_DIM: (&str, &str) = ("__overflow__", "true");

/// What a row says it is about.
#[derive(Debug)]
pub(crate) struct Series {
    /// In order of first appearance; never used again.
    pub(crate) id: u64,
    pub(crate) metric: Arc<str>,
    pub(crate) dims: Dims,
    /// It stands for all series of its metric that had no room.
    pub(crate) overflow: bool,
}

/// A metric's name with its part of the key.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) name: Arc<str>,
    pub(crate) key: Key,
}

#[derive(Debug)]
pub(crate) struct Registry {
    by_key: HashMap<Key, Arc<Series>>,
    series_max: usize,
    overflow_rows: usize,
    next_id: u64,
}

// === impl Series ===

impl Series {
    /// The pairs, as a batch takes them.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.dims.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn bytes(&self) -> usize {
        self.metric.len() + self.pairs().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }
}

// === impl Metric ===

impl Metric {
    pub(crate) fn new(name: &str, keys: &Keys) -> Self {
        Self { name: name.into(), key: keys.metric(name) }
    }
}

// === impl Registry ===

impl Registry {
    pub(crate) fn new(series_max: usize) -> Self {
        Self { by_key: HashMap::new(), series_max, overflow_rows: 0, next_id: 0 }
    }

    /// The series under this key, and the key it is found under: another one when it is the overflow series.
    pub(crate) fn resolve(
        &mut self,
        keys: &Keys,
        metric: &Metric,
        dims: &[(&str, &str)],
    ) -> Result<(Key, Arc<Series>), Refusal> {
        let key = keys.series(metric.key, dims);
        // Pairs that are no set may add up to the key of another series; that is only looked for on this slow path.
        let known = self.by_key.get(&key).filter(|_| dims.len() < 2 || !stands_twice(dims));
        if let Some(series) = known {
            return Ok((key, Arc::clone(series)));
        }
        let series = checked(metric, dims)?;
        if self.by_key.len() - self.overflow_rows < self.series_max {
            return Ok((key, self.insert(key, series)));
        }
        self.overflow(keys, metric)
    }

    /// Forgets the series that nobody records into any more.
    pub(crate) fn forget_idle(&mut self) {
        self.by_key.retain(|_, series| Arc::strong_count(series) > 1);
        self.overflow_rows = self.by_key.values().filter(|series| series.overflow).count();
    }

    fn overflow(&mut self, keys: &Keys, metric: &Metric) -> Result<(Key, Arc<Series>), Refusal> {
        let key = keys.series(metric.key, &[OVERFLOW_DIM]);
        if let Some(series) = self.by_key.get(&key) {
            return Ok((key, Arc::clone(series)));
        }
        if self.overflow_rows >= OVERFLOW_ROWS_MAX {
            return Err(Reason::SeriesLimit.because(format!(
                "{} series and the overflow rows of {OVERFLOW_ROWS_MAX} metrics are all that this client keeps: raise series_max",
                self.series_max
            )));
        }
        let mut series = checked(metric, &[OVERFLOW_DIM])?;
        series.overflow = true;
        self.overflow_rows += 1;
        Ok((key, self.insert(key, series)))
    }

    fn insert(&mut self, key: Key, mut series: Series) -> Arc<Series> {
        series.id = self.next_id;
        self.next_id += 1;
        let series = Arc::new(series);
        self.by_key.insert(key, Arc::clone(&series));
        series
    }
}

fn stands_twice(dims: &[(&str, &str)]) -> bool {
    let mut names: Vec<&str> =
        dims.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.windows(2).any(|two| two[0] == two[1])
}

/// A series that a server will take, or the field, the limit and the way out. The same limits as at the server's door,
/// so that a mistake shows where it was made.
fn checked(metric: &Metric, dims: &[(&str, &str)]) -> Result<Series, Refusal> {
    let limits = Limits::DEFAULT;
    length(Reason::MetricName, "metric", &metric.name, 1, limits.metric_bytes_max)?;
    let present = || dims.iter().filter(|(_, value)| !value.is_empty());
    for (name, value) in present() {
        length(Reason::DimensionName, "dimension name", name, 1, limits.name_bytes_max)?;
        length(Reason::DimensionValue, name, value, 0, limits.value_bytes_max)?;
    }
    let count = present().count();
    if count > limits.dims_max {
        let message = format!("{count} dimensions, at most {} are allowed: leave some out", limits.dims_max);
        return Err(Reason::DimensionCount.because(message));
    }
    let owned = present().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let dims = Dims::new(owned).map_err(|name| {
        Reason::DimensionTwice.because(format!("dimension `{name}` stands twice: give it one value"))
    })?;
    let series = Series { id: 0, metric: Arc::clone(&metric.name), dims, overflow: false };
    if series.bytes() + limits.account_bytes_max > limits.tuple_bytes_max {
        let message =
            format!("names and values have {} bytes, at most {}", series.bytes(), limits.tuple_bytes_max);
        return Err(Reason::TupleSize.because(message));
    }
    Ok(series)
}

fn length(reason: Reason, field: &str, text: &str, min: usize, max: usize) -> Result<(), Refusal> {
    if (min..=max).contains(&text.len()) {
        return Ok(());
    }
    let shown: String = text.chars().take(40).collect();
    Err(reason.because(format!("{field} `{shown}` has {} bytes, must have {min} to {max}", text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(series_max: usize, script: &[(&str, &[(&str, &str)])], expected: &str) {
        let (keys, mut registry) = (Keys::random(), Registry::new(series_max));
        let said: Vec<String> = script
            .iter()
            .map(|(metric, dims)| match registry.resolve(&keys, &Metric::new(metric, &keys), dims) {
                Ok((_, series)) => format!("{}:{}{{{}}}", series.id, series.metric, series.dims),
                Err(refusal) => refusal.reason.to_string(),
            })
            .collect();
        assert_eq!(said.join(" "), expected);
    }

    #[test]
    fn order_and_absence_make_no_other_series() {
        check(
            9,
            &[("M", &[("a", "1"), ("b", "2")]), ("M", &[("b", "2"), ("c", ""), ("a", "1")])],
            "0:M{a=1,b=2} 0:M{a=1,b=2}",
        );
    }

    #[test]
    fn beyond_the_limit_is_one_row_a_metric() {
        check(
            1,
            &[
                ("M", &[("a", "1")]),
                ("M", &[("a", "2")]),
                ("M", &[("a", "3")]),
                ("N", &[]),
                ("M", &[("a", "1")]),
            ],
            "0:M{a=1} 1:M{__overflow__=true} 1:M{__overflow__=true} 2:N{__overflow__=true} 0:M{a=1}",
        );
    }

    #[test]
    fn what_no_server_takes_is_refused_here() {
        let long = "x".repeat(1025);
        check(9, &[("", &[])], "metric_name");
        check(9, &[("M", &[("", "v")])], "dimension_name");
        check(9, &[("M", &[("n", &long)])], "dimension_value");
        check(9, &[("M", &[("n", "1"), ("n", "1")])], "dimension_twice");
        let many: Vec<(String, String)> = (0..65).map(|n| (n.to_string(), "v".to_owned())).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        check(9, &[("M", &many)], "dimension_count");
    }
}
