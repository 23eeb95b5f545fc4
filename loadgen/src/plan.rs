//! Which rows there are, and when they are due.
//!
//! The rows of a batch are a pure function of the load and the batch's number; the minute is given when it is sent.

use std::time::Duration;

use model::Scalars;
use thiserror::Error;

use crate::limits::{BATCH_ROWS_MAX, BUCKETS_MAX, DURATION_MAX, ROWS_MAX, SERIES_MAX};
use crate::series::{METRICS, bucket_of, metric_of};
use crate::values::{random, scalars};

const RUN_BYTES_MAX: usize = 100;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// What is generated; the same seed gives the same rows.
    pub seed: u64,
    /// Different series.
    pub series: u64,
    /// Values of the dimension `Bucket`.
    pub buckets: u32,
    /// Rows of one batch.
    pub batch_rows: u32,
    /// Rows a second.
    pub rate: u64,
    /// How long; rounded up to whole batches.
    pub duration: Duration,
    /// A quarter of the rows are fractions.
    pub floats: bool,
    /// Value of the dimension `Run`.
    pub run: String,
}

/// A load that can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    load: Load,
    batches: u64,
    /// Metrics that occur.
    metrics: usize,
    /// Buckets that occur.
    buckets: u32,
}

/// One row of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which of the plan's series.
    pub series: u64,
    /// What was measured.
    pub scalars: Scalars,
}

/// A load that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// A number out of its range.
    #[error("{field} is {given}, must be from 1 to {max}")]
    Range {
        /// Which.
        field: &'static str,
        /// As it was given.
        given: u64,
        /// The most it may be.
        max: u64,
    },
    /// Not a duration that can be run.
    #[error("duration is {given:?}, must be from 1 ms to {max:?}", max = DURATION_MAX)]
    Duration {
        /// As it was given.
        given: Duration,
    },
    /// Not a name.
    #[error("run has {given} bytes, must have 1 to {RUN_BYTES_MAX}")]
    Run {
        /// As it was given.
        given: usize,
    },
    /// Totals would no longer be exact.
    #[error("rate x duration are {given} rows, must be at most {ROWS_MAX}: run for a shorter time")]
    Rows {
        /// As it was given.
        given: u128,
    },
}

// === impl Plan ===

impl Plan {
    /// Checks a load.
    ///
    /// # Errors
    /// Which field is out of its range.
    pub fn new(load: Load) -> Result<Self, PlanError> {
        check(&load)?;
        let rows = u128::from(load.rate) * load.duration.as_nanos() / 1_000_000_000;
        if rows > u128::from(ROWS_MAX) {
            return Err(PlanError::Rows { given: rows });
        }
        let rows = u64::try_from(rows).unwrap_or(ROWS_MAX).max(1);
        let (metrics, tuples) = (METRICS.len() as u64, load.series.div_ceil(METRICS.len() as u64));
        Ok(Self {
            batches: rows.div_ceil(u64::from(load.batch_rows)),
            metrics: usize::try_from(load.series.min(metrics)).unwrap_or(METRICS.len()),
            buckets: u32::try_from(tuples).unwrap_or(u32::MAX).min(load.buckets),
            load,
        })
    }

    /// As it was asked for.
    #[must_use]
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// How many batches there are.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.batches * u64::from(self.load.batch_rows)
    }

    /// The metrics that occur.
    #[must_use]
    pub fn metrics(&self) -> &'static [&'static str] {
        &METRICS[..self.metrics]
    }

    /// The buckets that occur.
    #[must_use]
    pub fn buckets(&self) -> u32 {
        self.buckets
    }

    /// When this batch is due, after the start.
    #[must_use]
    pub fn due(&self, batch: u64) -> Duration {
        let rows = u128::from(batch) * u128::from(self.load.batch_rows);
        let nanos = rows * 1_000_000_000 / u128::from(self.load.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The rows of this batch.
    pub fn batch(&self, batch: u64) -> impl ExactSizeIterator<Item = Row> {
        let first = batch.wrapping_mul(u64::from(self.load.batch_rows));
        let series = self.first_series(self.template_of(batch));
        (0..self.load.batch_rows).map(move |row| {
            let series = (series + u64::from(row)) % self.load.series;
            let bits = random(self.load.seed, first.wrapping_add(u64::from(row)));
            Row { series, scalars: scalars(metric_of(series), bits, self.load.floats) }
        })
    }

    /// Batches of the same template have the same series.
    pub(crate) fn templates(&self) -> u64 {
        self.load.series.div_ceil(u64::from(self.load.batch_rows)).min(self.batches)
    }

    pub(crate) fn template_of(&self, batch: u64) -> u64 {
        batch % self.templates()
    }

    /// A template's series are this one and those after it, and after the last one the first.
    pub(crate) fn first_series(&self, template: u64) -> u64 {
        template * u64::from(self.load.batch_rows) % self.load.series
    }

    /// Metric and bucket of a series.
    pub(crate) fn group_of(&self, series: u64) -> (usize, usize) {
        (metric_of(series), bucket_of(series, self.buckets))
    }
}

fn check(load: &Load) -> Result<(), PlanError> {
    let range = |field, given, max| {
        if (1..=max).contains(&given) { Ok(()) } else { Err(PlanError::Range { field, given, max }) }
    };
    range("series", load.series, SERIES_MAX)?;
    range("buckets", load.buckets.into(), BUCKETS_MAX.into())?;
    range("batch", load.batch_rows.into(), BATCH_ROWS_MAX.into())?;
    range("rate", load.rate, ROWS_MAX)?;
    if load.duration < Duration::from_millis(1) || load.duration > DURATION_MAX {
        return Err(PlanError::Duration { given: load.duration });
    }
    if load.run.is_empty() || load.run.len() > RUN_BYTES_MAX {
        return Err(PlanError::Run { given: load.run.len() });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    pub(crate) fn load() -> Load {
        Load {
            seed: 1,
            series: 100,
            buckets: 10,
            batch_rows: 30,
            rate: 1_000,
            duration: Duration::from_secs(1),
            floats: false,
            run: "r".to_owned(),
        }
    }

    pub(crate) fn loads() -> impl Strategy<Value = Load> {
        (any::<u64>(), 1_u64..300, 1_u32..50, 1_u32..100, 1_u64..100_000, 1_u64..3_000, any::<bool>())
            .prop_map(|(seed, series, buckets, batch_rows, rate, millis, floats)| Load {
                seed,
                series,
                buckets,
                batch_rows,
                rate,
                duration: Duration::from_millis(millis),
                floats,
                run: "r".to_owned(),
            })
    }

    proptest! {
        #[test]
        fn a_batch_is_a_function_of_load_and_number(load in loads(), batch in 0_u64..1_000_000) {
            let rows = |load: &Load| Plan::new(load.clone()).unwrap().batch(batch).collect::<Vec<_>>();
            prop_assert_eq!(rows(&load), rows(&load));
            prop_assert_eq!(rows(&load).len(), load.batch_rows as usize);
            prop_assert!(rows(&load).iter().all(|row| row.series < load.series));
        }

        #[test]
        fn batches_are_due_in_order_and_within_the_duration(load in loads()) {
            let plan = Plan::new(load.clone()).unwrap();
            prop_assert_eq!(plan.due(0), Duration::ZERO);
            prop_assert!(plan.due(plan.batches() - 1) <= load.duration);
            prop_assert!(plan.due(plan.batches()) + Duration::from_nanos(1_000_000_000 / load.rate + 2) >= load.duration);
            prop_assert!((0..plan.batches().min(100)).is_sorted_by_key(|batch| plan.due(batch)));
        }

        #[test]
        fn every_series_has_its_turn(load in loads()) {
            let plan = Plan::new(Load { rate: 100_000, duration: Duration::from_secs(1), ..load }).unwrap();
            let seen: BTreeSet<_> =
                (0..plan.templates()).flat_map(|batch| plan.batch(batch).map(|row| row.series)).collect();
            prop_assert_eq!(seen.len() as u64, plan.load().series);
            let groups: BTreeSet<_> = seen.iter().map(|series| plan.group_of(*series)).collect();
            prop_assert!(groups.iter().all(|(metric, bucket)| *metric < plan.metrics().len() && *bucket < plan.buckets() as usize));
        }
    }

    #[test]
    fn another_seed_gives_other_rows() {
        let rows = |seed| Plan::new(Load { seed, ..load() }).unwrap().batch(0).collect::<Vec<_>>();
        assert_ne!(rows(1), rows(2));
    }

    #[test]
    fn the_rows_of_a_seed_never_change() {
        let rows: Vec<_> = Plan::new(load()).unwrap().batch(2).take(2).collect();
        let show = |row: &Row| format!("{}: {:?}", row.series, row.scalars);
        assert_eq!(rows.iter().map(show).collect::<Vec<_>>(), GOLDEN);
    }

    const GOLDEN: [&str; 2] = [
        "60: Scalars { count: 1, sum: 20, min: 20, max: 20, kinds: Kinds(0) }",
        "61: Scalars { count: 16, sum: 18050, min: 887, max: 1357, kinds: Kinds(0) }",
    ];

    #[track_caller]
    fn check(load: Load, expected: &str) {
        assert_eq!(Plan::new(load).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_cannot_be_is_named() {
        check(Load { series: 0, ..load() }, "series is 0, must be from 1 to 10000000");
        check(Load { buckets: 1_001, ..load() }, "buckets is 1001, must be from 1 to 1000");
        check(Load { batch_rows: 50_001, ..load() }, "batch is 50001, must be from 1 to 50000");
        check(Load { rate: 0, ..load() }, "rate is 0, must be from 1 to 137438953472");
        check(Load { duration: Duration::ZERO, ..load() }, "duration is 0ns, must be from 1 ms to 2592000s");
        check(Load { run: String::new(), ..load() }, "run has 0 bytes, must have 1 to 100");
        let long = Load { rate: 137_438_953_472, duration: Duration::from_secs(2), ..load() };
        check(
            long,
            "rate x duration are 274877906944 rows, must be at most 137438953472: run for a shorter time",
        );
    }
}
