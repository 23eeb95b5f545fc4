//! Instruments: a metric that can be recorded, with dimensions given each time.
//!
//! A known series costs a hash of its dimensions and one short lock that threads do not share; nothing is allocated.
//! For a series that is recorded often, `bind` it.

use std::sync::Arc;

use model::{Aggregate, Bounds, Distinct, Number, Reason};

use crate::bound::{BoundCounter, BoundDistinct, BoundDistribution, BoundValue};
use crate::engine::Engine;
use crate::measure::registry::Metric;

/// What the instruments share.
#[derive(Clone)]
pub(crate) struct Instrument {
    pub(crate) engine: Arc<Engine>,
    pub(crate) metric: Metric,
}

/// Counts: how often, and how many. Its rows are best read as `sum`.
#[derive(Clone)]
pub struct Counter(pub(crate) Instrument);

/// Measures: sum, count, min, max and average.
#[derive(Clone)]
pub struct Value(pub(crate) Instrument);

/// Counts how many *different* elements were observed, with a standard error of 0.8 %.
#[derive(Clone)]
pub struct DistinctCount(pub(crate) Instrument);

/// Measures with percentiles: everything that [`Value`] has, and a distribution, within 0.1 % or in bounds that were set.
#[derive(Clone)]
pub struct Distribution {
    pub(crate) instrument: Instrument,
    /// Absent: cut automatically.
    pub(crate) bounds: Option<Bounds>,
}

// === impl Instrument ===

impl Instrument {
    #[inline]
    pub(crate) fn plain(&self, value: Number, dims: &[(&str, &str)]) {
        let key = self.engine.keys.series(self.metric.key, dims);
        if !self.engine.plain.record(key, |cell| cell.record(value)) {
            self.engine.record_unknown(&self.engine.plain, &self.metric, dims, |cell| cell.record(value));
        }
    }

    fn wide(&self, record: impl Fn(&mut Aggregate), dims: &[(&str, &str)]) {
        let key = self.engine.keys.series(self.metric.key, dims);
        if !self.engine.wide.record(key, &record) {
            self.engine.record_unknown(&self.engine.wide, &self.metric, dims, record);
        }
    }

    fn refuse_not_finite(&self) {
        self.engine.refuse(Reason::NotFinite, 1);
    }
}

/// A count as a number.
#[inline]
pub(crate) fn number_of(n: u64) -> Number {
    #[expect(clippy::cast_precision_loss, reason = "beyond i64 the nearest float is all there is")]
    i64::try_from(n).map_or(Number::Float(n as f64), Number::Int)
}

/// One measurement with its place in the distribution.
pub(crate) fn record_distribution(aggregate: &mut Aggregate, value: Number, bounds: Option<&Bounds>) {
    aggregate.scalars.record(value);
    aggregate.sketches.get_or_insert_default().record(value.to_f64(), bounds);
}

/// One observation. Its number is counted as a measurement, too; text counts as 0.
pub(crate) fn record_distinct(
    aggregate: &mut Aggregate,
    number: Number,
    observe: impl FnOnce(&mut Distinct),
) {
    aggregate.scalars.record(number);
    observe(aggregate.sketches.get_or_insert_default().distinct.get_or_insert_default());
}

// === impl Counter ===

impl Counter {
    /// Adds `n` to the series with these dimensions. Their order does not matter; an empty value is an absent one.
    #[inline]
    pub fn add(&self, n: u64, dims: &[(&str, &str)]) {
        self.0.plain(number_of(n), dims);
    }

    /// A handle for one series.
    #[must_use]
    pub fn bind(&self, dims: &[(&str, &str)]) -> BoundCounter {
        BoundCounter::new(&self.0, dims)
    }
}

// === impl Value ===

impl Value {
    /// Records one measurement. NaN and the infinities are refused and counted.
    #[inline]
    pub fn record(&self, value: f64, dims: &[(&str, &str)]) {
        match Number::from_f64(value) {
            Some(value) => self.0.plain(value, dims),
            None => self.0.refuse_not_finite(),
        }
    }

    /// Records a whole number, exactly also beyond 2^53.
    #[inline]
    pub fn record_int(&self, value: i64, dims: &[(&str, &str)]) {
        self.0.plain(Number::Int(value), dims);
    }

    /// A handle for one series.
    #[must_use]
    pub fn bind(&self, dims: &[(&str, &str)]) -> BoundValue {
        BoundValue::new(&self.0, dims)
    }
}

// === impl DistinctCount ===

impl DistinctCount {
    /// Observes an element.
    pub fn observe(&self, element: &str, dims: &[(&str, &str)]) {
        let hash = model::element_hash(element);
        self.0.wide(
            |aggregate| record_distinct(aggregate, Number::Int(0), |sketch| sketch.observe_hash(hash)),
            dims,
        );
    }

    /// A handle for one series.
    #[must_use]
    pub fn bind(&self, dims: &[(&str, &str)]) -> BoundDistinct {
        BoundDistinct::new(&self.0, dims)
    }
}

// === impl Distribution ===

impl Distribution {
    /// Records one measurement. NaN and the infinities are refused and counted.
    pub fn record(&self, value: f64, dims: &[(&str, &str)]) {
        match Number::from_f64(value) {
            Some(value) => {
                let bounds = self.bounds.as_ref();
                self.instrument.wide(|aggregate| record_distribution(aggregate, value, bounds), dims);
            }
            None => self.instrument.refuse_not_finite(),
        }
    }

    /// A handle for one series.
    #[must_use]
    pub fn bind(&self, dims: &[(&str, &str)]) -> BoundDistribution {
        BoundDistribution::new(self, dims)
    }
}
