//! One minute of one operand: a number by group.

use model::{Sampling, Scalars};

/// Groups are numbered from 0; what is shorter than the number of groups has nothing for the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// The sampling's value of the minute; of an average or a rate, the sum. NaN where nothing came in.
    pub values: Vec<f64>,
    /// Of an average how many measurements the sum is of; else empty.
    pub counts: Vec<f64>,
    /// Nothing is known to be missing.
    pub complete: bool,
}

// === impl Column ===

impl Column {
    /// Nothing came in for anybody.
    #[must_use]
    pub fn empty(complete: bool) -> Self {
        Self { complete, ..Self::default() }
    }

    /// Adds the rows of one series to its group.
    pub fn add(&mut self, group: usize, sampling: Sampling, row: &Scalars) {
        #[expect(clippy::cast_precision_loss, reason = "rules compare floats")]
        let count = row.count as f64;
        let value = match sampling {
            Sampling::Count => count,
            Sampling::Min => row.min().to_f64(),
            Sampling::Max => row.max().to_f64(),
            Sampling::Sum | Sampling::Rate | Sampling::Avg | Sampling::Distinct | Sampling::Percentile(_) => {
                row.sum().to_f64()
            }
        };
        self.merge(group, sampling, value, count);
    }

    /// Adds what is read of one series already: an average comes with its count. False when the group has a reading
    /// that this one cannot be merged with, because a sketch would be needed.
    #[must_use]
    pub fn add_reading(&mut self, group: usize, sampling: Sampling, (value, count): (f64, f64)) -> bool {
        let sketch = sampling.needs_distinct() || sampling.needs_distribution();
        if sketch && !self.value(group).is_nan() {
            return false;
        }
        let value = if sampling == Sampling::Avg { value * count } else { value };
        self.merge(group, sampling, value, count);
        true
    }

    fn merge(&mut self, group: usize, sampling: Sampling, value: f64, count: f64) {
        if self.values.len() <= group {
            self.values.resize(group + 1, f64::NAN);
        }
        let all = &mut self.values[group];
        *all = match sampling {
            _ if all.is_nan() => value,
            Sampling::Min => all.min(value),
            Sampling::Max => all.max(value),
            _ => *all + value,
        };
        if sampling == Sampling::Avg {
            self.counts.resize(self.values.len(), 0.0);
            self.counts[group] += count;
        }
    }

    /// The group's value; NaN when it has none.
    #[inline]
    pub(crate) fn value(&self, group: usize) -> f64 {
        self.values.get(group).copied().unwrap_or(f64::NAN)
    }
}
