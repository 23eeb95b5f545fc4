//! Knows the right answers.
//!
//! In:   which batches the server has acknowledged in full, and of which nobody knows what became.
//! Out:  for each metric and bucket, what must be there and what may be.
//! Kept: two totals per metric and bucket.
//!
//! The totals over the window of a run do not depend on which minute a batch fell into, and rows can be made again
//! from the batch's number; so a number is all that it must be told. No value is below zero, so a batch that may or
//! may not be there can only raise count, sum and max, and lower min.

use std::fmt;

use model::{Kinds, Scalars};

use crate::plan::Plan;
use crate::series::bucket_name;

/// One of the numbers that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// How many measurements.
    Count,
    /// Their sum.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// Whose totals: a metric, and one of its buckets or all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// The metric's name.
    pub metric: String,
    /// The bucket's name; `None` for all of them.
    pub bucket: Option<String>,
}

/// Between which values the right answer is: the two are equal when every batch's fate is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// At least.
    pub least: f64,
    /// At most.
    pub most: f64,
    /// By how much float sums may differ, for they depend on the order of additions. 0 for whole numbers.
    pub tolerance: f64,
    /// There may be no answer.
    pub optional: bool,
}

/// Totals of what was sent.
#[derive(Clone, Debug)]
pub struct Oracle {
    metrics: &'static [&'static str],
    buckets: usize,
    /// By metric and bucket: what must be there.
    certain: Vec<Scalars>,
    /// What may be there besides.
    unclear: Vec<Scalars>,
}

/// Float sums differ by a few ulps between splits.
const RELATIVE_TOLERANCE: f64 = 1e-9;

// === impl Quantity ===

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Count, Self::Sum, Self::Min, Self::Max];

    /// As the JSON API names the sampling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        }
    }

    fn of(self, scalars: &Scalars) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "the plan keeps totals below 2^53")]
            Self::Count => scalars.count as f64,
            Self::Sum => scalars.sum().to_f64(),
            Self::Min => scalars.min().to_f64(),
            Self::Max => scalars.max().to_f64(),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bucket {
            Some(bucket) => write!(f, "{} {bucket}", self.metric),
            None => write!(f, "{} (all)", self.metric),
        }
    }
}

// === impl Oracle ===

impl Oracle {
    /// Nothing was sent.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let buckets = plan.buckets() as usize;
        let nothing = vec![Scalars::default(); buckets * plan.metrics().len()];
        Self { metrics: plan.metrics(), buckets, certain: nothing.clone(), unclear: nothing }
    }

    /// All rows of this batch were acknowledged.
    pub fn acknowledged(&mut self, plan: &Plan, batch: u64) {
        add(&mut self.certain, self.buckets, plan, batch);
    }

    /// Nobody knows which rows of this batch were taken.
    pub fn unclear(&mut self, plan: &Plan, batch: u64) {
        add(&mut self.unclear, self.buckets, plan, batch);
    }

    /// Every total, with its bounds. Groups of which no row was sent are left out.
    pub fn totals(&self) -> impl Iterator<Item = (Group, Quantity, Bounds)> {
        let cells = self.metrics.iter().enumerate().flat_map(|(metric, name)| {
            let whole = std::iter::once((None, 0..self.buckets));
            let buckets = (0..self.buckets).map(|bucket| (Some(bucket), bucket..bucket + 1));
            whole.chain(buckets).map(move |(bucket, range)| (metric, *name, bucket, range))
        });
        cells.flat_map(|(metric, name, bucket, range)| {
            let sum = |cells: &[Scalars]| {
                let mut total = Scalars::default();
                range.clone().for_each(|bucket| total.merge(&cells[metric * self.buckets + bucket]));
                total
            };
            let group = Group { metric: name.to_owned(), bucket: bucket.map(bucket_name) };
            bounds_of_all(&group, &sum(&self.certain), &sum(&self.unclear))
        })
    }
}

fn add(cells: &mut [Scalars], buckets: usize, plan: &Plan, batch: u64) {
    for row in plan.batch(batch) {
        let (metric, bucket) = plan.group_of(row.series);
        cells[metric * buckets + bucket].merge(&row.scalars);
    }
}

fn bounds_of_all(group: &Group, certain: &Scalars, unclear: &Scalars) -> Vec<(Group, Quantity, Bounds)> {
    let mut most = *certain;
    most.merge(unclear);
    if most.is_empty() {
        return Vec::new();
    }
    let bounds = |quantity| (group.clone(), quantity, bounds(quantity, certain, &most));
    Quantity::ALL.into_iter().map(bounds).collect()
}

/// `most` is `certain` and what may be there besides; when nothing is certain, anything up to `most` is right.
fn bounds(quantity: Quantity, certain: &Scalars, most: &Scalars) -> Bounds {
    let at_most = quantity.of(most);
    let (least, most_value) = match quantity {
        _ if certain.is_empty() && quantity == Quantity::Min => (at_most, f64::INFINITY),
        _ if certain.is_empty() => (0.0, at_most),
        Quantity::Min => (at_most, quantity.of(certain)),
        _ => (quantity.of(certain), at_most),
    };
    let inexact = quantity == Quantity::Sum && most.kinds.has(Kinds::SUM_FLOAT);
    let tolerance = if inexact { at_most.abs() * RELATIVE_TOLERANCE } else { 0.0 };
    Bounds { least, most: most_value, tolerance, optional: certain.is_empty() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::Load;
    use crate::plan::tests::{load, loads};
    use crate::series::{METRICS, dims_of, metric_of};

    type Totals = BTreeMap<(Group, Quantity), f64>;

    /// Every row of these batches, one after the other, under the names that the server is given.
    fn brute_force(plan: &Plan, batches: &[u64]) -> Totals {
        let mut values: BTreeMap<Group, Vec<Scalars>> = BTreeMap::new();
        for row in batches.iter().flat_map(|batch| plan.batch(*batch)) {
            let metric = METRICS[metric_of(row.series)].to_owned();
            let [_, (_, bucket), ..] = dims_of(row.series, plan.buckets(), "r");
            for bucket in [Some(bucket), None] {
                values.entry(Group { metric: metric.clone(), bucket }).or_default().push(row.scalars);
            }
        }
        values.into_iter().flat_map(|(group, rows)| quantities(&group, &rows)).collect()
    }

    fn quantities(group: &Group, rows: &[Scalars]) -> [((Group, Quantity), f64); 4] {
        #[expect(clippy::cast_precision_loss)]
        let count = rows.iter().map(|row| row.count).sum::<u64>() as f64;
        let sum = rows.iter().map(|row| row.sum().to_f64()).sum();
        let min = rows.iter().map(|row| row.min().to_f64()).fold(f64::INFINITY, f64::min);
        let max = rows.iter().map(|row| row.max().to_f64()).fold(f64::NEG_INFINITY, f64::max);
        let pairs = [Quantity::Count, Quantity::Sum, Quantity::Min, Quantity::Max];
        std::array::from_fn(|at| ((group.clone(), pairs[at]), [count, sum, min, max][at]))
    }

    proptest! {
        #[test]
        fn totals_are_those_of_brute_force(load in loads(), batches in prop::collection::vec(0_u64..50, 0..8)) {
            let plan = Plan::new(load).unwrap();
            let mut oracle = Oracle::new(&plan);
            batches.iter().for_each(|batch| oracle.acknowledged(&plan, *batch));
            let expected = brute_force(&plan, &batches);
            prop_assert_eq!(oracle.totals().count(), expected.len());
            for (group, quantity, bounds) in oracle.totals() {
                let right = expected[&(group, quantity)];
                prop_assert!((bounds.least - right).abs() <= bounds.tolerance && bounds.least.to_bits() == bounds.most.to_bits());
                prop_assert!(!bounds.optional && (plan.load().floats || bounds.tolerance == 0.0));
            }
        }

        #[test]
        fn either_fate_of_an_unclear_batch_is_within_the_bounds(
            load in loads(), certain in prop::collection::vec(0_u64..20, 0..4), unclear in prop::collection::vec(20_u64..50, 1..4), taken: bool,
        ) {
            let plan = Plan::new(load).unwrap();
            let mut oracle = Oracle::new(&plan);
            certain.iter().for_each(|batch| oracle.acknowledged(&plan, *batch));
            unclear.iter().for_each(|batch| oracle.unclear(&plan, *batch));
            let applied = if taken { [certain, unclear].concat() } else { certain };
            let fate = brute_force(&plan, &applied);
            for (group, quantity, bounds) in oracle.totals() {
                match fate.get(&(group, quantity)) {
                    Some(value) => {
                        prop_assert!(bounds.least - bounds.tolerance <= *value && *value <= bounds.most + bounds.tolerance);
                    }
                    None => prop_assert!(bounds.optional),
                }
            }
        }
    }

    #[test]
    fn groups_without_rows_are_left_out() {
        let plan = Plan::new(Load { series: 400, buckets: 100, batch_rows: 4, ..load() }).unwrap();
        let mut oracle = Oracle::new(&plan);
        oracle.acknowledged(&plan, 0);
        let groups: Vec<_> = oracle.totals().map(|(group, ..)| group.to_string()).step_by(4).collect();
        assert_eq!(groups[..2], ["Loadgen.Requests (all)", "Loadgen.Requests b000"]);
        assert_eq!(groups.len(), 8);
    }
}
