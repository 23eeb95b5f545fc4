//! What became of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use model::MinuteRange;

use crate::limits::LATENCY_MICROS_MAX;
use crate::oracle::Oracle;

/// How a run stands.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// Rows of the plan.
    pub rows: u64,
    /// Rows sent at least once.
    pub sent: u64,
    /// Rows acknowledged.
    pub acked: u64,
    /// Rows refused.
    pub refused: u64,
    /// Rows acknowledged a second, since the last report.
    pub rate: f64,
    /// For how long the next batch has been due.
    pub behind: Duration,
    /// The 99th percentile so far, in milliseconds.
    pub p99_ms: f64,
}

/// Why no more was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything was.
    Complete,
    /// The caller said so.
    Stopped,
    /// As many batches were in flight as may be, and the next one had been due for too long.
    ServerBehind {
        /// For how long.
        behind: Duration,
    },
    /// There was room, and still the next batch had been due for too long: this process is too slow.
    GeneratorBehind {
        /// For how long.
        behind: Duration,
    },
}

/// The result of a run. `rows = acked + refused + unconfirmed + unsent`.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Rows of the plan.
    pub rows: u64,
    /// Rows that are durable.
    pub acked: u64,
    /// Rows that are not, by reason.
    pub refused: BTreeMap<String, u64>,
    /// The first refusal, in the server's words.
    pub refusal: Option<String>,
    /// Rows that were sent and have no answer: either fate is possible.
    pub unconfirmed: u64,
    /// Rows that were never sent.
    pub unsent: u64,
    /// Rows in tries after the first.
    pub retried: u64,
    /// From the start to the last answer.
    pub elapsed: Duration,
    /// CPU time of this process meanwhile.
    pub cpu: Duration,
    /// From when a batch was due to its answer.
    pub latency: Latency,
    /// The minutes of the rows.
    pub window: MinuteRange,
    /// Why no more was sent.
    pub ended: Ended,
    /// The right answers, when they were asked for.
    pub oracle: Option<Oracle>,
}

/// Latencies of batches.
#[derive(Clone, Debug)]
pub struct Latency {
    /// In microseconds.
    histogram: Histogram<u64>,
}

// === impl Outcome ===

impl Outcome {
    /// Rows acknowledged a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        per_second(self.acked, self.elapsed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is a float")]
pub(crate) fn per_second(rows: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { rows as f64 / time.as_secs_f64() }
}

// === impl Latency ===

impl Default for Latency {
    fn default() -> Self {
        // From 1 µs to a day at 3 digits: 240 KB.
        let histogram = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3);
        Self { histogram: histogram.expect("1 is less than half of a day, and 3 digits are fewer than 6") }
    }
}

impl Latency {
    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LATENCY_MICROS_MAX);
        self.histogram.saturating_record(micros.max(1));
    }

    /// How many batches were measured.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.histogram.len()
    }

    /// This percentile, in milliseconds; 0 when there is nothing.
    #[must_use]
    pub fn percentile_ms(&self, percentile: f64) -> f64 {
        millis(self.histogram.value_at_percentile(percentile))
    }

    /// The longest, in milliseconds.
    #[must_use]
    pub fn max_ms(&self) -> f64 {
        millis(self.histogram.max())
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most a day of microseconds")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_milliseconds() {
        let mut latency = Latency::default();
        (1..=1_000).for_each(|millis| latency.record(Duration::from_millis(millis)));
        latency.record(Duration::MAX);
        let near = |value: f64, expected: f64| (value - expected).abs() <= expected / 1_000.0;
        assert!(near(latency.percentile_ms(50.0), 501.0) && near(latency.percentile_ms(99.0), 991.0));
        assert!(near(latency.max_ms(), 24.0 * 3_600_000.0));
        assert_eq!((latency.batches(), Latency::default().percentile_ms(99.0)), (1_001, 0.0));
    }
}
