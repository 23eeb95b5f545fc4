//! Bound handles: one series, found once.
//!
//! [`BoundCounter`] and [`BoundValue`] record with plain stores, in about 3 ns: no lock, no atomic read-modify-write,
//! nothing allocated. For that each handle has one writer: it is `Send` but not `Sync`. Give each thread a clone; a clone
//! has a cell of its own, and the cells of one series become one row. Where a handle must be shared, put it into a
//! `Mutex`, or use the instrument with its dimensions.

use std::sync::Arc;

use model::{Aggregate, Bounds, Number, Reason};
use parking_lot::Mutex;

use crate::instrument::{Distribution, Instrument, number_of, record_distinct, record_distribution};
use crate::measure::bound::Kind;
use crate::measure::cell::{Pen, cell};

/// What is needed for a clone.
struct Origin {
    instrument: Instrument,
    dims: Box<[(String, String)]>,
}

/// A cell of count, sum, min and max.
struct Plain {
    pen: Pen,
    origin: Arc<Origin>,
}

/// A cell with sketches.
#[derive(Clone)]
struct Wide {
    cell: Arc<Mutex<Aggregate>>,
    instrument: Instrument,
}

/// A [`Counter`](crate::Counter) for one series.
#[derive(Clone)]
pub struct BoundCounter(Plain);

/// A [`Value`](crate::Value) for one series.
#[derive(Clone)]
pub struct BoundValue(Plain);

/// A [`DistinctCount`](crate::DistinctCount) for one series. Clones share their cell.
#[derive(Clone)]
pub struct BoundDistinct(Wide);

/// A [`Distribution`] for one series. Clones share their cell.
#[derive(Clone)]
pub struct BoundDistribution {
    wide: Wide,
    bounds: Option<Bounds>,
}

// === impl Plain ===

impl Plain {
    fn new(instrument: &Instrument, dims: &[(&str, &str)]) -> Self {
        let dims = dims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::of(Arc::new(Origin { instrument: instrument.clone(), dims }))
    }

    fn of(origin: Arc<Origin>) -> Self {
        let (pen, reader) = cell();
        let dims: Vec<(&str, &str)> = origin.dims.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let Instrument { engine, metric } = &origin.instrument;
        engine.bind(metric, &dims, Kind::Plain(reader));
        Self { pen, origin }
    }

    #[cold]
    fn refuse_not_finite(&self) {
        self.origin.instrument.engine.refuse(Reason::NotFinite, 1);
    }
}

impl Clone for Plain {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.origin))
    }
}

// === impl Wide ===

impl Wide {
    fn new(instrument: &Instrument, dims: &[(&str, &str)]) -> Self {
        let cell = Arc::new(Mutex::new(Aggregate::default()));
        instrument.engine.bind(&instrument.metric, dims, Kind::Wide(Arc::clone(&cell)));
        Self { cell, instrument: instrument.clone() }
    }
}

// === impl BoundCounter ===

impl BoundCounter {
    pub(crate) fn new(instrument: &Instrument, dims: &[(&str, &str)]) -> Self {
        Self(Plain::new(instrument, dims))
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.pen.record(number_of(n));
    }
}

// === impl BoundValue ===

impl BoundValue {
    pub(crate) fn new(instrument: &Instrument, dims: &[(&str, &str)]) -> Self {
        Self(Plain::new(instrument, dims))
    }

    /// Records one measurement. NaN and the infinities are refused and counted.
    #[inline]
    pub fn record(&self, value: f64) {
        match Number::from_f64(value) {
            Some(value) => self.0.pen.record(value),
            None => self.0.refuse_not_finite(),
        }
    }

    /// Records a whole number, exactly also beyond 2^53.
    #[inline]
    pub fn record_int(&self, value: i64) {
        self.0.pen.record(Number::Int(value));
    }
}

// === impl BoundDistinct ===

impl BoundDistinct {
    pub(crate) fn new(instrument: &Instrument, dims: &[(&str, &str)]) -> Self {
        Self(Wide::new(instrument, dims))
    }

    /// Observes an element.
    pub fn observe(&self, element: &str) {
        let hash = model::element_hash(element);
        record_distinct(&mut self.0.cell.lock(), Number::Int(0), |sketch| sketch.observe_hash(hash));
    }
}

// === impl BoundDistribution ===

impl BoundDistribution {
    pub(crate) fn new(of: &Distribution, dims: &[(&str, &str)]) -> Self {
        Self { wide: Wide::new(&of.instrument, dims), bounds: of.bounds.clone() }
    }

    /// Records one measurement. NaN and the infinities are refused and counted.
    pub fn record(&self, value: f64) {
        match Number::from_f64(value) {
            Some(value) => record_distribution(&mut self.wide.cell.lock(), value, self.bounds.as_ref()),
            None => self.wide.instrument.engine.refuse(Reason::NotFinite, 1),
        }
    }
}
