//! The publisher.

use std::sync::Arc;
use std::time::Duration;

use model::{Aggregate, Bounds, Minute, Number, PublisherId, Reason, Refusal, Stamp};

use crate::accounting::Accounting;
use crate::builder::Builder;
use crate::engine::Engine;
use crate::instrument::{
    Counter, DistinctCount, Distribution, Instrument, Value, record_distinct, record_distribution,
};
use crate::measure::registry::Metric;

/// Publishes measurements. Cheap to clone; usable from any thread, asynchronous or not.
///
/// When the last clone is dropped, what was recorded is sent, and answers are waited for during
/// [`Builder::drop_timeout`]. Call [`Client::finish`] instead to wait longer and to learn what became of it all.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// Ends with the last clone, while instruments may live on (and record into the void).
struct Shared {
    engine: Arc<Engine>,
    first: Stamp,
    drop_timeout: Duration,
}

/// One measurement of [`Client::record_at`], and what is kept of it beside sum, count, min and max.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measurement<'m> {
    /// Nothing more.
    Value(f64),
    /// A distribution, within 0.1 %.
    Distribution(f64),
    /// A distribution in these bounds.
    Bounded(f64, &'m Bounds),
    /// How many different texts there were. As a number it counts as 0.
    Distinct(&'m str),
    /// How many different numbers there were; `5`, `5.0` and the text "5" are one.
    DistinctNumber(f64),
}

// === impl Client ===

impl Client {
    /// Settings; all of them have a default.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(engine: Engine, first: Stamp, drop_timeout: Duration) -> Self {
        Self { shared: Arc::new(Shared { engine: Arc::new(engine), first, drop_timeout }) }
    }

    /// An instrument that counts. Keep it: making one hashes and copies the name.
    #[must_use]
    pub fn counter(&self, metric: &str) -> Counter {
        Counter(self.instrument(metric))
    }

    /// An instrument that measures.
    #[must_use]
    pub fn value(&self, metric: &str) -> Value {
        Value(self.instrument(metric))
    }

    /// An instrument that counts different elements.
    #[must_use]
    pub fn distinct(&self, metric: &str) -> DistinctCount {
        DistinctCount(self.instrument(metric))
    }

    /// An instrument that measures with percentiles, within 0.1 %.
    #[must_use]
    pub fn distribution(&self, metric: &str) -> Distribution {
        Distribution { instrument: self.instrument(metric), bounds: None }
    }

    /// An instrument that counts measurements between these bounds: a percentile is the smallest bound at or under
    /// which as many lie. Rows in the same bounds are added exactly; where one metric is measured in several, or without
    /// any, they are merged as if measured without, each measurement at its bucket's upper end.
    #[must_use]
    pub fn distribution_in(&self, metric: &str, bounds: Bounds) -> Distribution {
        Distribution { instrument: self.instrument(metric), bounds: Some(bounds) }
    }

    /// Records one measurement of another time. They are merged by series and minute, and sent when there are
    /// [`EXPLICIT_ROWS_MAX`](crate::EXPLICIT_ROWS_MAX) of those, at the minute's end, and on flush.
    ///
    /// # Errors
    /// When the time, the number, the metric or a dimension cannot be published: field, limit and way out. The
    /// refusal is counted, too.
    pub fn record_at(
        &self,
        metric: &str,
        dims: &[(&str, &str)],
        unix_seconds: f64,
        measurement: Measurement<'_>,
    ) -> Result<(), Refusal> {
        let minute = self.counted(minute_at(unix_seconds))?;
        let value = match measurement {
            Measurement::Distinct(_) => 0.0,
            Measurement::Value(value)
            | Measurement::Distribution(value)
            | Measurement::Bounded(value, _)
            | Measurement::DistinctNumber(value) => value,
        };
        let number = self.counted(Number::from_f64(value).ok_or_else(|| {
            Reason::NotFinite.because(format!("value {value} is not finite: leave it out"))
        }))?;
        let metric = Metric::new(metric, &self.shared.engine.keys);
        self.shared.engine.record_at(&metric, dims, minute, |aggregate| match measurement {
            Measurement::Value(_) => aggregate.scalars.record(number),
            Measurement::Distribution(_) => record_distribution(aggregate, number, None),
            Measurement::Bounded(_, bounds) => record_distribution(aggregate, number, Some(bounds)),
            Measurement::Distinct(text) => record_distinct(aggregate, number, |sketch| sketch.observe(text)),
            Measurement::DistinctNumber(_) => {
                record_distinct(aggregate, number, |sketch| sketch.observe_number(number));
            }
        })
    }

    /// Publishes what was aggregated elsewhere: it is merged with whatever else there is of this series and minute.
    ///
    /// # Errors
    /// When the numbers, the metric or a dimension cannot be published: field, limit and way out. The refusal is
    /// counted, too.
    pub fn publish_at(
        &self,
        metric: &str,
        dims: &[(&str, &str)],
        minute: Minute,
        aggregate: &Aggregate,
    ) -> Result<(), Refusal> {
        let scalars = &aggregate.scalars;
        let checked = scalars.check().map_err(str::to_owned).and_then(|()| scalars.check_sum());
        self.counted(checked.map_err(|why| Reason::Numbers.because(why)))?;
        let metric = Metric::new(metric, &self.shared.engine.keys);
        self.shared.engine.record_at(&metric, dims, minute, |sum| sum.merge(aggregate))
    }

    /// Hands over what was recorded so far to be sent, as part of the minute that is open now. Does not wait for
    /// answers. Nobody has to call this: minutes are sent when they end.
    pub fn flush(&self) {
        self.shared.engine.flush();
    }

    /// Sends everything, declares it by heartbeat, and waits for the answers, at most for `timeout`. The client can be
    /// used on after that. Blocks the thread: in asynchronous code, call it in `spawn_blocking`.
    pub fn finish(&self, timeout: Duration) -> Accounting {
        self.shared.engine.finish(timeout)
    }

    /// What became of measurements and rows so far. What is in cells still, is not in it yet.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        self.shared.engine.accounting()
    }

    /// Who this client is to the server.
    #[must_use]
    pub fn publisher(&self) -> PublisherId {
        self.shared.first.publisher
    }

    /// Which life of this publisher: its start in unix nanoseconds, 0 for a named one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.first.epoch
    }

    fn instrument(&self, metric: &str) -> Instrument {
        let engine = Arc::clone(&self.shared.engine);
        Instrument { metric: Metric::new(metric, &engine.keys), engine }
    }

    fn counted<T>(&self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        result.inspect_err(|refusal| self.shared.engine.refuse(refusal.reason, 1))
    }
}

fn minute_at(unix_seconds: f64) -> Result<Minute, Refusal> {
    let minute = (unix_seconds / 60.0).floor();
    if (0.0..=f64::from(u32::MAX)).contains(&minute) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within u32")]
        return Ok(Minute(minute as u32));
    }
    if unix_seconds < 0.0 {
        return Err(Reason::TooOld.because(format!("timestamp {unix_seconds} is before 1970")));
    }
    let way_out = Minute::instead_of_seconds(unix_seconds).unwrap_or("unix seconds are expected");
    Err(Reason::TooFarAhead
        .because(format!("timestamp {unix_seconds} is after the year 10135 or no number: {way_out}")))
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.engine.close(self.drop_timeout);
    }
}
