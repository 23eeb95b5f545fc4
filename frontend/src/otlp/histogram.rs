//! Both kinds of histograms to one: counts at values.
//!
//! A bucket's measurements count at its midpoint; those of an open-ended bucket at its finite bound. Of a delta they
//! are kept within min and max where those are given. Of a cumulative one they are not: the same bucket must stay
//! where it is from point to point, so that the island can subtract bucket by bucket.
//! Where min or max is not given, it is the outer bound of the outermost bucket that holds something, or the average
//! where that lies further out.
//! Where the sum is not given, it is that of the midpoints.

use model::{Aggregate, Distribution, Number, Reason, Refusal, Scalars, Sketches};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, HistogramDataPoint};

/// Buckets of one point; SDKs have 160.
const BUCKETS_MAX: usize = 65_536;
/// By the specification of OpenTelemetry's data model every SDK stays within.
const SCALES: std::ops::RangeInclusive<i32> = -11..=20;

/// What the two kinds have in common.
pub(super) struct Histogram {
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    /// Ascending, none empty.
    buckets: Vec<Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    low: f64,
    high: f64,
    count: u64,
}

// === impl Histogram ===

impl Histogram {
    pub(super) fn explicit(point: &HistogramDataPoint) -> Result<Self, Refusal> {
        let (bounds, counts) = (&point.explicit_bounds, &point.bucket_counts);
        if !(counts.is_empty() && bounds.is_empty()) && counts.len() != bounds.len() + 1 {
            return Err(Reason::Malformed.because(format!(
                "the histogram has {} bounds and {} buckets: there must be one more bucket than bounds",
                bounds.len(),
                counts.len()
            )));
        }
        if bounds.iter().any(|bound| !bound.is_finite()) || !bounds.is_sorted_by(|a, b| a < b) {
            return Err(Reason::Malformed.because("the histogram's bounds must be finite and ascend"));
        }
        // Without bounds there is one bucket, of which nothing is known but its count.
        let counts = if bounds.is_empty() { &[][..] } else { counts };
        let buckets = counts.iter().enumerate().map(|(at, count)| {
            let high = bounds.get(at).or(bounds.last()).copied().unwrap_or_default();
            let low = if at == 0 { high } else { bounds[at - 1] };
            Bucket { low, high, count: *count }
        });
        let buckets = buckets.filter(|bucket| bucket.count > 0).collect();
        Self { count: point.count, sum: point.sum, min: point.min, max: point.max, buckets }
            .checked(bounds.is_empty())
    }

    pub(super) fn exponential(point: &ExponentialHistogramDataPoint) -> Result<Self, Refusal> {
        if !SCALES.contains(&point.scale) {
            return Err(Reason::Malformed.because(format!(
                "the histogram's scale is {}, must be from {} to {}",
                point.scale,
                SCALES.start(),
                SCALES.end()
            )));
        }
        let side = |buckets: &Option<Buckets>| side(buckets.as_ref(), point.scale);
        let mirrored = |bucket: &Bucket| Bucket { low: -bucket.high, high: -bucket.low, count: bucket.count };
        let mut buckets: Vec<Bucket> = side(&point.negative)?.iter().rev().map(mirrored).collect();
        if point.zero_count > 0 {
            buckets.push(Bucket { low: 0.0, high: 0.0, count: point.zero_count });
        }
        buckets.extend(side(&point.positive)?);
        Self { count: point.count, sum: point.sum, min: point.min, max: point.max, buckets }.checked(false)
    }

    /// Nothing was measured.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// There is nothing but count and sum.
    pub(super) fn has_no_buckets(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Count, and sum as it is given or as the midpoints say.
    pub(super) fn count_and_sum(&self) -> (u64, f64) {
        (self.count, self.sum.unwrap_or_else(|| self.sum_of_midpoints()))
    }

    /// The aggregate of measurements of which least and greatest are those of all time: nobody knows the minute's, and
    /// the buckets stay where they are.
    pub(super) fn cumulative(self) -> Aggregate {
        Self { min: None, max: None, ..self }.aggregate()
    }

    /// The aggregate.
    pub(super) fn aggregate(self) -> Aggregate {
        let (count, sum) = self.count_and_sum();
        let mean = sum / count as f64;
        // Buckets that are open at an end may hold measurements beyond it; some are, if the average is.
        let low = self.min.unwrap_or_else(|| self.buckets.first().map_or(mean, |first| first.low.min(mean)));
        let high = self.max.unwrap_or_else(|| self.buckets.last().map_or(mean, |last| last.high.max(mean)));
        // One measurement is its own sum, min and max, whatever the buckets say.
        let (low, high) = if count == 1 { (sum, sum) } else { (low, high) };
        let scalars = Scalars::new(count, whole(sum), whole(low), whole(high));
        let sketches = Sketches { distinct: None, distribution: Some(self.distribution()) };
        Aggregate { scalars, sketches: (!self.has_no_buckets()).then(|| Box::new(sketches)) }
    }

    fn distribution(&self) -> Distribution {
        let mut distribution = Distribution::new();
        self.midpoints().for_each(|(midpoint, count)| distribution.record_n(midpoint, count));
        distribution
    }

    fn sum_of_midpoints(&self) -> f64 {
        let sum: f64 = self.midpoints().map(|(midpoint, count)| midpoint * count as f64).sum();
        sum.clamp(f64::MIN, f64::MAX)
    }

    /// Where each bucket counts, and how much: within what is known of least and greatest.
    fn midpoints(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let (least, most) = (self.min.unwrap_or(f64::MIN), self.max.unwrap_or(f64::MAX));
        self.buckets.iter().map(move |bucket| (bucket.midpoint().max(least).min(most), bucket.count))
    }

    fn checked(self, without_bounds: bool) -> Result<Self, Refusal> {
        let total: u128 = self.buckets.iter().map(|bucket| u128::from(bucket.count)).sum();
        if total != u128::from(self.count) && !without_bounds {
            let count = self.count;
            return Err(Reason::Malformed.because(format!(
                "the histogram's buckets hold {total} measurements, its count is {count}"
            )));
        }
        if [self.sum, self.min, self.max].into_iter().flatten().any(|number| !number.is_finite()) {
            return Err(Reason::NotFinite.because("the histogram's sum, min and max must be finite"));
        }
        if without_bounds && self.sum.is_none() && self.count > 0 {
            return Err(
                Reason::Unsupported.because("a histogram without buckets and without a sum says nothing")
            );
        }
        Ok(self)
    }
}

impl Bucket {
    fn midpoint(&self) -> f64 {
        f64::midpoint(self.low, self.high)
    }
}

/// The buckets of one sign: bucket i spans `(base^i, base^(i+1)]`, base = 2^(2^-scale).
fn side(buckets: Option<&Buckets>, scale: i32) -> Result<Vec<Bucket>, Refusal> {
    let Some(buckets) = buckets else { return Ok(Vec::new()) };
    let len = buckets.bucket_counts.len();
    if len > BUCKETS_MAX {
        return Err(Reason::Malformed
            .because(format!("the histogram has {len} buckets, at most {BUCKETS_MAX} are taken")));
    }
    let step = f64::from(-scale).exp2();
    let bound = |index: i64| (index as f64 * step).exp2().clamp(0.0, f64::MAX);
    let spans = buckets.bucket_counts.iter().zip(i64::from(buckets.offset)..);
    Ok(spans
        .filter(|(count, _)| **count > 0)
        .map(|(count, index)| Bucket { low: bound(index), high: bound(index + 1), count: *count })
        .collect())
}

fn whole(value: f64) -> Number {
    Number::from_f64(value).unwrap_or(Number::Int(0)) // checked to be finite
}
