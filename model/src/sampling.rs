//! What is read off an aggregate: the name after `--rank` and `--sampling`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::{Aggregate, Number};

/// One number of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// The sum of the measurements.
    Sum,
    /// How many measurements.
    Count,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Sum / count.
    Avg,
    /// Sum / seconds of the window.
    Rate,
    /// The estimate of how many different values were observed.
    Distinct,
    /// The percentile, in (0, 100].
    Percentile(f64),
}

/// A name that is no sampling.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unknown sampling {0:?}: use sum, count, min, max, avg, rate, distinct, or a percentile above p0 up to p100, as p99.9"
)]
pub struct UnknownSampling(pub String);

// === impl Sampling ===

impl Sampling {
    /// The value over a window of `seconds`; `None` when the aggregate does not hold what is asked for.
    #[must_use]
    pub fn read(self, aggregate: &Aggregate, seconds: u64) -> Option<f64> {
        self.read_number(aggregate, seconds).map(Number::to_f64)
    }

    /// The same; an integer where the value is one exactly, and not by chance: a sum, a count, a min or a max.
    #[must_use]
    pub fn read_number(self, aggregate: &Aggregate, seconds: u64) -> Option<Number> {
        let scalars = &aggregate.scalars;
        if scalars.is_empty() {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds, and counts that nobody reaches")]
        match self {
            Self::Sum => Some(scalars.sum()),
            Self::Count => {
                Some(i64::try_from(scalars.count).map_or(Number::Float(scalars.count as f64), Number::Int))
            }
            Self::Min => Some(scalars.min()),
            Self::Max => Some(scalars.max()),
            Self::Avg => scalars.average().map(Number::Float),
            Self::Rate => (seconds > 0).then(|| Number::Float(scalars.sum().to_f64() / seconds as f64)),
            // Different values come in whole numbers.
            Self::Distinct => aggregate.distinct().map(|distinct| Number::Float(distinct.estimate().round())),
            Self::Percentile(p) => {
                let read = aggregate.distribution()?.percentile(p)?;
                // The exact extremes are known; a bucket's representative must not lie outside of them.
                Some(Number::Float(read.min(scalars.max().to_f64()).max(scalars.min().to_f64())))
            }
        }
    }

    /// Is it read off the sum?
    #[must_use]
    pub fn needs_sum(self) -> bool {
        matches!(self, Self::Sum | Self::Avg | Self::Rate)
    }

    /// Does reading it need the distinct sketch?
    #[must_use]
    pub fn needs_distinct(self) -> bool {
        self == Self::Distinct
    }

    /// Does reading it need the distribution?
    #[must_use]
    pub fn needs_distribution(self) -> bool {
        matches!(self, Self::Percentile(_))
    }
}

impl FromStr for Sampling {
    type Err = UnknownSampling;

    fn from_str(name: &str) -> Result<Self, UnknownSampling> {
        match name {
            "sum" => Ok(Self::Sum),
            "count" => Ok(Self::Count),
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            "avg" => Ok(Self::Avg),
            "rate" => Ok(Self::Rate),
            "distinct" => Ok(Self::Distinct),
            _ => percentile(name).ok_or_else(|| UnknownSampling(name.to_owned())),
        }
    }
}

fn percentile(name: &str) -> Option<Sampling> {
    let digits =
        name.strip_prefix('p').filter(|rest| rest.bytes().all(|one| one.is_ascii_digit() || one == b'.'))?;
    let p: f64 = digits.parse().ok()?;
    (p > 0.0 && p <= 100.0).then_some(Sampling::Percentile(p))
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum => f.write_str("sum"),
            Self::Count => f.write_str("count"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Avg => f.write_str("avg"),
            Self::Rate => f.write_str("rate"),
            Self::Distinct => f.write_str("distinct"),
            Self::Percentile(p) => write!(f, "p{p}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        for name in
            ["sum", "count", "min", "max", "avg", "rate", "distinct", "p50", "p99.9", "p99.99", "p100"]
        {
            assert_eq!(name.parse::<Sampling>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_is_no_sampling_is_refused() {
        for name in ["", "p", "p0", "p101", "px", "p-5", "pinf", "p+5", "p1e1", "p.", "SUM", "median"] {
            assert!(name.parse::<Sampling>().is_err(), "{name}");
        }
    }
}
