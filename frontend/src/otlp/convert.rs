//! OTLP metrics to batches. Pure: no clock, no I/O.
//!
//! In:    a decoded request; an account.
//! Out:   batches without a stamp; points that became no row, each with its reason.
//! Never: judges names, sizes and minutes; admission does, as it does for everybody.

use model::{Aggregate, Minute, Number, Reason, Refusal, Scalars};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Metric, NumberDataPoint, SummaryDataPoint,
};
use proto::{BatchBuilder, v1};

use super::Rejected;
use super::attributes::{Common, number};
use super::histogram::Histogram;

/// What became of a request.
#[derive(Debug, Default)]
pub struct Converted {
    /// Rows, in as many batches as they need.
    pub batches: Vec<v1::Batch>,
    /// Points in the request.
    pub points: u64,
    /// Points that became no row.
    pub rejected: Rejected,
    /// Points that say that there is no value: no row, and nothing wrong.
    pub without_value: u64,
}

/// When a point was read, and since when it counts.
#[derive(Clone, Copy)]
struct When {
    start: u64,
    time: u64,
}

struct Converter<'a> {
    account: &'a str,
    builder: BatchBuilder,
    out: Converted,
}

/// Converts all points of a request.
#[must_use]
pub fn convert(request: &ExportMetricsServiceRequest, account: &str) -> Converted {
    let builder = BatchBuilder::new(account);
    let mut converter = Converter { account, builder, out: Converted::default() };
    for resource in &request.resource_metrics {
        for scope in &resource.scope_metrics {
            let common = Common::of(resource.resource.as_ref(), scope.scope.as_ref());
            scope.metrics.iter().for_each(|metric| converter.metric(metric, &common));
        }
    }
    converter.finish()
}

// === impl Converter ===

impl Converter<'_> {
    fn metric(&mut self, metric: &Metric, common: &Common) {
        let name = &metric.name;
        match &metric.data {
            None => {
                let refusal = Reason::Unsupported.because("the metric has no data that is understood");
                self.reject(name, &refusal);
            }
            Some(Data::Gauge(gauge)) => {
                gauge.data_points.iter().for_each(|point| self.number(name, point, common, false));
            }
            Some(Data::Sum(sum)) => match cumulative(sum.aggregation_temporality) {
                Err(refusal) => self.reject_all(name, &refusal, sum.data_points.len()),
                Ok(cumulative) => {
                    let total = cumulative && sum.is_monotonic;
                    sum.data_points.iter().for_each(|point| self.number(name, point, common, total));
                }
            },
            Some(Data::Histogram(all)) => match cumulative(all.aggregation_temporality) {
                Err(refusal) => self.reject_all(name, &refusal, all.data_points.len()),
                Ok(cumulative) => {
                    for point in &all.data_points {
                        let when = When { start: point.start_time_unix_nano, time: point.time_unix_nano };
                        let of = || Histogram::explicit(point);
                        self.histogram(name, of, point.flags, when, &point.attributes, common, cumulative);
                    }
                }
            },
            Some(Data::ExponentialHistogram(all)) => match cumulative(all.aggregation_temporality) {
                Err(refusal) => self.reject_all(name, &refusal, all.data_points.len()),
                Ok(cumulative) => {
                    for point in &all.data_points {
                        let when = When { start: point.start_time_unix_nano, time: point.time_unix_nano };
                        let of = || Histogram::exponential(point);
                        self.histogram(name, of, point.flags, when, &point.attributes, common, cumulative);
                    }
                }
            },
            Some(Data::Summary(summary)) => {
                summary.data_points.iter().for_each(|point| self.summary(name, point, common));
            }
        }
    }

    /// A reading, a delta, or a total.
    fn number(&mut self, name: &str, point: &NumberDataPoint, common: &Common, total: bool) {
        if !self.has_value(point.flags) {
            return;
        }
        let when = When { start: point.start_time_unix_nano, time: point.time_unix_nano };
        let added = measurement(point).and_then(|value| {
            let aggregate = Aggregate::of(Scalars::of(value));
            self.add(name, &point.attributes, common, &aggregate, when, total)
        });
        self.settle(name, added);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a point, which two generated types have in common"
    )]
    fn histogram(
        &mut self,
        name: &str,
        of: impl FnOnce() -> Result<Histogram, Refusal>,
        flags: u32,
        when: When,
        attributes: &[KeyValue],
        common: &Common,
        cumulative: bool,
    ) {
        if !self.has_value(flags) {
            return;
        }
        let added = of().and_then(|histogram| {
            if histogram.is_empty() {
                return Ok(()); // nothing was measured, and that is nothing to add
            }
            if cumulative && histogram.has_no_buckets() {
                let (count, sum) = histogram.count_and_sum();
                return self.count_and_sum(name, count, sum, attributes, common, when);
            }
            let aggregate = if cumulative { histogram.cumulative() } else { histogram.aggregate() };
            self.add(name, attributes, common, &aggregate, when, cumulative)
        });
        self.settle(name, added);
    }

    fn summary(&mut self, name: &str, point: &SummaryDataPoint, common: &Common) {
        if !self.has_value(point.flags) {
            return;
        }
        let when = When { start: point.start_time_unix_nano, time: point.time_unix_nano };
        let added = self
            .count_and_sum(name, point.count, point.sum, &point.attributes, common, when)
            .and_then(|()| self.quantiles(name, point, common, when));
        self.settle(name, added);
    }

    /// NaN is how an empty summary says that it has no quantiles.
    fn quantiles(
        &mut self,
        name: &str,
        point: &SummaryDataPoint,
        common: &Common,
        when: When,
    ) -> Result<(), Refusal> {
        for at in point.quantile_values.iter().filter(|at| !at.value.is_nan()) {
            let value = finite(at.value)?;
            let quantile = number(at.quantile);
            let mut dims = common.with(&point.attributes)?;
            dims.retain(|(name, _)| *name != "quantile");
            dims.push(("quantile", quantile.as_str().into()));
            let dims = dims.iter().map(|(name, value)| (*name, value.as_ref()));
            self.builder.add(name, dims, minute(when)?, &Aggregate::of(Scalars::of(value)));
        }
        Ok(())
    }

    fn count_and_sum(
        &mut self,
        name: &str,
        count: u64,
        sum: f64,
        attributes: &[KeyValue],
        common: &Common,
        when: When,
    ) -> Result<(), Refusal> {
        let sum = finite(sum)?;
        let count = i64::try_from(count).map_or(Number::Float(count as f64), Number::Int);
        for (suffix, total) in [("count", count), ("sum", sum)] {
            let name = format!("{name}_{suffix}");
            self.add(&name, attributes, common, &Aggregate::of(Scalars::of(total)), when, true)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: &str,
        attributes: &[KeyValue],
        common: &Common,
        aggregate: &Aggregate,
        when: When,
        cumulative: bool,
    ) -> Result<(), Refusal> {
        let minute = minute(when)?;
        let dims = common.with(attributes)?;
        let dims = dims.iter().map(|(name, value)| (*name, value.as_ref()));
        if cumulative {
            self.builder.add_cumulative(name, dims, minute, aggregate, when.start, when.time);
        } else {
            self.builder.add(name, dims, minute, aggregate);
        }
        Ok(())
    }

    fn has_value(&mut self, flags: u32) -> bool {
        let none = flags & DataPointFlags::NoRecordedValueMask as u32 != 0;
        self.out.points += u64::from(none);
        self.out.without_value += u64::from(none);
        !none
    }

    /// Ends a point.
    fn settle(&mut self, name: &str, added: Result<(), Refusal>) {
        match added {
            Err(refusal) => self.reject(name, &refusal),
            Ok(()) => self.out.points += 1,
        }
        if self.builder.is_full() {
            self.next_batch();
        }
    }

    fn reject(&mut self, name: &str, refusal: &Refusal) {
        self.reject_all(name, refusal, 1);
    }

    fn reject_all(&mut self, name: &str, refusal: &Refusal, points: usize) {
        self.out.points += points as u64;
        if points > 0 {
            self.out.rejected.add_of(name, refusal, points as u64);
        }
    }

    fn next_batch(&mut self) {
        let full = std::mem::replace(&mut self.builder, BatchBuilder::new(self.account));
        self.out.batches.push(full.build());
    }

    fn finish(mut self) -> Converted {
        if !self.builder.is_empty() {
            self.next_batch();
        }
        self.out
    }
}

fn cumulative(temporality: i32) -> Result<bool, Refusal> {
    match AggregationTemporality::try_from(temporality) {
        Ok(AggregationTemporality::Delta) => Ok(false),
        Ok(AggregationTemporality::Cumulative) => Ok(true),
        _ => Err(Reason::Unsupported.because(format!(
            "the aggregation temporality is {temporality}, must be 1 (delta) or 2 (cumulative)"
        ))),
    }
}

fn measurement(point: &NumberDataPoint) -> Result<Number, Refusal> {
    match point.value {
        Some(Value::AsInt(value)) => Ok(Number::Int(value)),
        Some(Value::AsDouble(value)) => finite(value),
        None => Err(Reason::Malformed.because("the point has neither as_int nor as_double")),
    }
}

fn finite(value: f64) -> Result<Number, Refusal> {
    Number::from_f64(value)
        .ok_or_else(|| Reason::NotFinite.because(format!("the value is {value}: leave it out")))
}

fn minute(when: When) -> Result<Minute, Refusal> {
    if when.time == 0 {
        return Err(Reason::TooOld.because("time_unix_nano is 0: say when the point was read"));
    }
    Ok(Minute::of_unix_nanos(when.time))
}
