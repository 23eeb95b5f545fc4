//! OTLP/JSON to messages, point by point.
//!
//! In:    a request as JSON text, counted by [`crate::decoding`] before and therefore no deeper than that allows.
//! Out:   the request without what is no JSON of its kind; how many points that were, and why, by the place of the fault.
//! Kept:  nothing.
//! Never: one that takes others along: a point goes alone; a metric, scope or resource goes with the points it holds.
//!
//! This is protobuf's JSON mapping with the deviations of OTLP's specification: keys are lowerCamelCase, unknown ones are
//! ignored, enums are numbers and never names, a number may stand in a string, null is an absent field. A field that
//! stands twice is refused, as are two of which a message may have one. What no row is made of (units, exemplars, schema
//! URLs, …) is not looked at, as if it were unknown.

mod any_value;
mod at;
mod number;
mod place;
mod points;
mod text;

use model::Refusal;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, Gauge, Histogram, Metric, ResourceMetrics, ScopeMetrics, Sum, Summary,
};

use self::any_value::{resource, scope};
use self::at::{At, Field};
use self::text::Text;
use super::Rejected;

/// The fields that tell how points add up; kinds of data have none, the first, or both.
const ADDS_UP: [&str; 2] = ["aggregationTemporality", "isMonotonic"];

/// What stands in a list and is not what the list holds.
struct Bad {
    why: Refusal,
    /// Points that go with it and were good by themselves.
    points: usize,
}

/// The first fault of an object. The fields behind it are read all the same, for the points they hold.
#[derive(Default)]
struct First(Option<Refusal>);

/// A metric's data, of any kind.
struct DataOf<P> {
    data_points: Vec<P>,
    aggregation_temporality: i32,
    is_monotonic: bool,
}

/// Reads a request, and counts on the way what it rejects of it.
#[derive(Default)]
struct Reader {
    rejected: Rejected,
}

/// The request and what was rejected of it; or what is wrong with all of it.
pub(super) fn read(bytes: &[u8]) -> Result<(ExportMetricsServiceRequest, Rejected), String> {
    let mut text = Text::new(bytes)?;
    let (mut reader, mut request) = (Reader::default(), ExportMetricsServiceRequest::default());
    let read = At::root(&mut text).object(|name, at| {
        match name {
            "resourceMetrics" => request.resource_metrics = reader.list(at, Reader::resource)?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    });
    read.map_err(|why| why.message)?;
    Ok((request, reader.rejected))
}

fn points_of(metric: &Metric) -> usize {
    match &metric.data {
        None => 0,
        Some(Data::Gauge(of)) => of.data_points.len(),
        Some(Data::Sum(of)) => of.data_points.len(),
        Some(Data::Histogram(of)) => of.data_points.len(),
        Some(Data::ExponentialHistogram(of)) => of.data_points.len(),
        Some(Data::Summary(of)) => of.data_points.len(),
    }
}

// === impl Reader ===

impl Reader {
    /// Those of a list that are what they should be. The others are counted; one that holds no point counts as one.
    fn list<T>(
        &mut self,
        at: At<'_, '_>,
        read: impl Fn(&mut Self, At<'_, '_>) -> Result<T, Bad>,
    ) -> Result<Vec<T>, Refusal> {
        let mut all = Vec::new();
        at.list(|at| {
            let before = self.rejected.points;
            match read(self, at) {
                Ok(one) => all.push(one),
                Err(Bad { why, points: 0 }) if self.rejected.points == before => self.rejected.add(&why, 1),
                Err(Bad { why, points }) => self.rejected.add(&why, points as u64),
            }
            Ok(())
        })?;
        Ok(all)
    }

    fn resource(&mut self, at: At<'_, '_>) -> Result<ResourceMetrics, Bad> {
        let (mut first, mut all) = (First::default(), ResourceMetrics::default());
        let read = at.object(|name, at| {
            match name {
                "resource" => all.resource = first.keep(resource(at)),
                "scopeMetrics" => {
                    all.scope_metrics.extend(first.keep(self.list(at, Self::scope)).unwrap_or_default());
                }
                _ => return Ok(Field::Unknown),
            }
            Ok(Field::Known)
        });
        first.keep(read);
        let points = all.scope_metrics.iter().flat_map(|scope| &scope.metrics).map(points_of).sum();
        first.end(all, points)
    }

    fn scope(&mut self, at: At<'_, '_>) -> Result<ScopeMetrics, Bad> {
        let (mut first, mut all) = (First::default(), ScopeMetrics::default());
        let read = at.object(|name, at| {
            match name {
                "scope" => all.scope = first.keep(scope(at)),
                "metrics" => all.metrics.extend(first.keep(self.list(at, Self::metric)).unwrap_or_default()),
                _ => return Ok(Field::Unknown),
            }
            Ok(Field::Known)
        });
        first.keep(read);
        let points = all.metrics.iter().map(points_of).sum();
        first.end(all, points)
    }

    fn metric(&mut self, at: At<'_, '_>) -> Result<Metric, Bad> {
        let (mut first, mut metric, mut others) = (First::default(), Metric::default(), 0);
        let read = at.object(|name, at| {
            if name == "name" {
                metric.name = first.keep(at.string()).unwrap_or_default();
                return Ok(Field::Known);
            }
            let place = at.place;
            let Some(data) = self.data(name, at, &mut first) else { return Ok(Field::Unknown) };
            if metric.data.is_some() {
                others += points_of(&metric);
                first.add(place.refused("is a second kind of data: a metric has one"));
            }
            metric.data = Some(data);
            Ok(Field::Known)
        });
        first.keep(read);
        let points = points_of(&metric) + others;
        first.end(metric, points)
    }

    /// None when the field is none of a metric's kinds of data.
    fn data(&mut self, name: &str, at: At<'_, '_>, first: &mut First) -> Option<Data> {
        Some(match name {
            "gauge" => {
                let of = self.data_of(at, &[], points::number, first);
                Data::Gauge(Gauge { data_points: of.data_points })
            }
            "sum" => {
                let of = self.data_of(at, &ADDS_UP, points::number, first);
                let DataOf { data_points, aggregation_temporality, is_monotonic } = of;
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            }
            "histogram" => {
                let of = self.data_of(at, &ADDS_UP[..1], points::histogram, first);
                let DataOf { data_points, aggregation_temporality, .. } = of;
                Data::Histogram(Histogram { data_points, aggregation_temporality })
            }
            "exponentialHistogram" => {
                let of = self.data_of(at, &ADDS_UP[..1], points::exponential, first);
                let DataOf { data_points, aggregation_temporality, .. } = of;
                Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
            }
            "summary" => {
                let of = self.data_of(at, &[], points::summary, first);
                Data::Summary(Summary { data_points: of.data_points })
            }
            _ => return None,
        })
    }

    fn data_of<P>(
        &mut self,
        at: At<'_, '_>,
        fields: &[&str],
        point: impl Fn(At<'_, '_>) -> Result<P, Refusal>,
        first: &mut First,
    ) -> DataOf<P> {
        let mut of = DataOf { data_points: Vec::new(), aggregation_temporality: 0, is_monotonic: false };
        let point = |_: &mut Self, at: At<'_, '_>| point(at).map_err(|why| Bad { why, points: 1 });
        let read = at.object(|name, at| {
            match name {
                "dataPoints" => {
                    of.data_points.extend(first.keep(self.list(at, point)).unwrap_or_default());
                }
                _ if !fields.contains(&name) => return Ok(Field::Unknown),
                "isMonotonic" => of.is_monotonic = first.keep(at.bool()).unwrap_or_default(),
                _ => {
                    let temporality = at.enumeration("1 (delta) or 2 (cumulative)");
                    of.aggregation_temporality = first.keep(temporality).unwrap_or_default();
                }
            }
            Ok(Field::Known)
        });
        first.keep(read);
        of
    }
}

// === impl First ===

impl First {
    fn add(&mut self, why: Refusal) {
        self.0.get_or_insert(why);
    }

    /// What was read, if nothing was wrong with it.
    fn keep<T>(&mut self, read: Result<T, Refusal>) -> Option<T> {
        read.map_err(|why| self.add(why)).ok()
    }

    /// The object, if nothing was wrong with any field; `points` are those it holds.
    fn end<T>(self, read: T, points: usize) -> Result<T, Bad> {
        self.0.map_or(Ok(read), |why| Err(Bad { why, points }))
    }
}

#[cfg(test)]
mod tests;
