//! Turns what a source has counted since its start into the increase of a minute.
//!
//! In:    cumulative points of a series, in log order.
//! Out:   the increase since the point before, or why there is none.
//! Kept:  per series the last point.
//! Never: a series' second owner, so there is nobody to disagree with.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use hashbrown::HashMap;
use model::{Aggregate, Distribution, LocalId, Number, Reason, Scalars, Sketches};

use crate::StateError;
use crate::identity_hash::IdentityHash;
use crate::state_bytes::{StateReader, StateWriter};

/// A total since `start`, read at `time`, both in unix nanoseconds; 0 as start: the source does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PointTime {
    pub(crate) start: u64,
    pub(crate) time: u64,
}

/// The last point of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LastPoint {
    at: PointTime,
    /// Measurements of a histogram; a sum has one a point and this is not looked at.
    count: u64,
    sum: Number,
    distribution: Option<Box<Distribution>>,
}

/// The last points of all cumulative series of the partition.
#[derive(Default)]
pub(crate) struct Cumulative {
    last: HashMap<LocalId, LastPoint, IdentityHash>,
    /// Since the last checkpoint; ordered, because it leaves in that order.
    changed: BTreeSet<LocalId>,
}

// === impl Cumulative ===

impl Cumulative {
    /// The increase that this point brings, once [`Cumulative::moved`] says that it counts.
    ///
    /// # Errors
    /// Why the point brings none: it is not newer than the last, or it is the first and does not say since when.
    pub(crate) fn increase(
        &self,
        id: LocalId,
        at: PointTime,
        total: &Aggregate,
    ) -> Result<Aggregate, Reason> {
        let last = self.last.get(&id);
        if last.is_some_and(|last| last.is_not_before(at)) {
            return Err(Reason::OutOfOrder);
        }
        match last {
            None if at.start == 0 => Err(Reason::NoStartTime),
            None => Ok(from_zero(total)),
            Some(last) if last.is_reset_by(at, total) => Ok(from_zero(total)),
            Some(last) => Ok(last.increase_to(total)),
        }
    }

    /// The next point counts from this one.
    pub(crate) fn moved(&mut self, id: LocalId, at: PointTime, total: &Aggregate) {
        self.last.insert(id, LastPoint::of(at, total));
        self.changed.insert(id);
    }

    /// Forgets a series; was anything known of it?
    pub(crate) fn remove(&mut self, id: LocalId) -> bool {
        self.changed.remove(&id);
        self.last.remove(&id).is_some()
    }

    /// What changed since the last checkpoint, by ascending local id.
    pub(crate) fn checkpoint(&mut self) -> impl Iterator<Item = (LocalId, &LastPoint)> {
        std::mem::take(&mut self.changed).into_iter().filter_map(|id| Some((id, self.last.get(&id)?)))
    }

    /// Puts back what a checkpoint holds.
    pub(crate) fn restore(&mut self, id: LocalId, last: LastPoint) {
        self.last.insert(id, last);
    }

    /// All of them by ascending local id: for comparisons.
    pub(crate) fn sorted(&self) -> Vec<(LocalId, &LastPoint)> {
        let mut all: Vec<_> = self.last.iter().map(|(id, last)| (*id, last)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }
}

// === impl LastPoint ===

impl LastPoint {
    fn of(at: PointTime, total: &Aggregate) -> Self {
        let distribution = total.distribution().cloned().map(Box::new);
        Self { at, count: total.scalars.count, sum: total.scalars.sum(), distribution }
    }

    /// A point of an earlier life or of the same instant or before cannot add anything any more.
    fn is_not_before(&self, at: PointTime) -> bool {
        let earlier_life = at.start != 0 && at.start < self.at.start;
        earlier_life || at.time <= self.at.time
    }

    /// The source began again: it says so, or the total fell.
    fn is_reset_by(&self, at: PointTime, total: &Aggregate) -> bool {
        // A source that only now says since when has begun again if that is after what we know.
        let known_before = if self.at.start == 0 { self.at.time } else { self.at.start };
        if at.start > known_before {
            return true;
        }
        match (&self.distribution, total.distribution()) {
            (Some(last), Some(now)) => total.scalars.count < self.count || now.minus(last).is_none(),
            (None, None) => total.scalars.sum().total_cmp(self.sum) == Ordering::Less,
            _ => true, // what was a sum is a histogram now: something else counts under this name
        }
    }

    /// No reset lies in between.
    fn increase_to(&self, total: &Aggregate) -> Aggregate {
        let sum = minus(total.scalars.sum(), self.sum);
        let between =
            self.distribution.as_deref().zip(total.distribution()).and_then(|(last, now)| now.minus(last));
        match between {
            None => Aggregate::of(Scalars::of(sum)),
            Some(between) => histogram_increase(total.scalars.count - self.count, sum, between),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let (bits, float) = self.sum.to_bits();
        let mut out = StateWriter::new();
        out.u64(self.at.start).u64(self.at.time).u64(self.count).u8(u8::from(float)).u64(bits);
        let mut sketch = Vec::new();
        if let Some(distribution) = &self.distribution {
            distribution.encode(&mut sketch);
        }
        out.bytes(&sketch);
        out.finish()
    }

    pub(crate) fn decode(mut value: StateReader<'_>) -> Result<Self, StateError> {
        let at = PointTime { start: value.u64()?, time: value.u64()? };
        let count = value.u64()?;
        let float = value.u8()? != 0;
        let sum = Number::from_bits(value.u64()?, float);
        let sketch = value.bytes()?;
        value.end()?;
        let distribution = match sketch {
            [] => None,
            bytes => Some(Box::new(Distribution::decode(bytes)?)),
        };
        Ok(Self { at, count, sum, distribution })
    }
}

/// A value that counts since zero. A sum is one measurement, of all that was counted; a histogram is what it is.
fn from_zero(total: &Aggregate) -> Aggregate {
    if total.distribution().is_some() {
        total.clone()
    } else {
        Aggregate::of(Scalars::of(total.scalars.sum()))
    }
}

/// Least and greatest are not known between two points; automatic buckets are within 0.05 % of them, bounds the nearest
/// that is known.
fn histogram_increase(count: u64, sum: Number, between: Distribution) -> Aggregate {
    let end = |end| Number::from_f64(end).unwrap_or(Number::Int(0)); // an end is finite
    let (min, max) = between.extremes().map_or((end(0.0), end(0.0)), |(min, max)| (end(min), end(max)));
    let scalars = if count == 0 { Scalars::default() } else { Scalars::new(count, sum, min, max) };
    let sketches = Sketches { distinct: None, distribution: Some(between) };
    Aggregate { scalars, sketches: (count > 0).then(|| Box::new(sketches)) }
}

/// `now - last`, an integer while it can be.
fn minus(now: Number, last: Number) -> Number {
    if let (Number::Int(now), Number::Int(last)) = (now, last)
        && let Some(between) = now.checked_sub(last)
    {
        return Number::Int(between);
    }
    Number::from_f64(now.to_f64() - last.to_f64()).unwrap_or(Number::Float(f64::MAX))
}

#[cfg(test)]
mod tests {
    use model::Bounds;

    use super::*;

    #[test]
    fn the_first_value_counts_when_it_says_since_when() {
        check("5@10=7", "7");
        check("0@10=7", "no_start_time");
    }

    #[test]
    fn what_follows_counts_its_increase() {
        check("5@10=7 5@20=9 5@30=9", "7 2 0");
        check("0@10=7 0@20=9", "no_start_time 2");
    }

    #[test]
    fn a_new_start_or_a_fall_counts_from_zero() {
        check("5@10=7 15@20=9", "7 9");
        check("5@10=7 5@20=3 5@30=4", "7 3 1");
        check("0@10=7 0@20=3", "no_start_time 3");
        check("0@10=7 5@20=9 5@30=10", "no_start_time 2 1");
        check("0@10=7 15@20=9", "no_start_time 9");
    }

    #[test]
    fn what_is_not_newer_is_dropped() {
        check("5@10=7 5@10=7 5@9=6 5@11=8", "7 out_of_order out_of_order 1");
        check("15@20=7 5@30=9", "7 out_of_order");
    }

    /// Points as `start@time=total`.
    #[track_caller]
    fn check(points: &str, expected: &str) {
        let mut cumulative = Cumulative::default();
        let said: Vec<String> = points
            .split(' ')
            .map(|point| {
                let (times, total) = point.split_once('=').unwrap();
                let (start, time) = times.split_once('@').unwrap();
                let at = PointTime { start: start.parse().unwrap(), time: time.parse().unwrap() };
                let total = Aggregate::of(Scalars::of(Number::Int(total.parse().unwrap())));
                let increase = cumulative.increase(0, at, &total);
                if increase != Err(Reason::OutOfOrder) {
                    cumulative.moved(0, at, &total);
                }
                match increase {
                    Ok(increase) => {
                        assert_eq!(increase.scalars, Scalars::of(increase.scalars.sum()), "one measurement");
                        increase.scalars.sum().to_string()
                    }
                    Err(reason) => reason.to_string(),
                }
            })
            .collect();
        assert_eq!(said.join(" "), expected);
        for (id, last) in cumulative.sorted() {
            let bytes = last.encode();
            let back = LastPoint::decode(StateReader::new(b"U", &bytes).unwrap()).unwrap();
            assert_eq!((id, &back), (0, last));
        }
    }

    fn histogram(values: &[f64], bounds: Option<&Bounds>) -> Aggregate {
        let mut total = Aggregate::default();
        for value in values {
            total.scalars.record(Number::from_f64(*value).unwrap());
            total.sketches.get_or_insert_default().record(*value, bounds);
        }
        total
    }

    #[test]
    fn a_histogram_in_bounds_counts_in_its_bounds() {
        let bounds = Bounds::new([10.0, 25.0, 50.0]).unwrap();
        let mut cumulative = Cumulative::default();
        let mut next = |time, total: &Aggregate| {
            let at = PointTime { start: 1, time };
            let increase = cumulative.increase(3, at, total).unwrap();
            cumulative.moved(3, at, total);
            let ends = (increase.scalars.min().to_f64(), increase.scalars.max().to_f64());
            let p50 = increase.distribution().and_then(|between| between.percentile(50.0));
            (increase.scalars.count, ends, p50)
        };
        assert_eq!(next(10, &histogram(&[1.0, 100.0], Some(&bounds))), (2, (1.0, 100.0), Some(10.0)));
        let more = [1.0, 100.0, 20.0, 30.0, 40.0];
        assert_eq!(next(20, &histogram(&more, Some(&bounds))), (3, (10.0, 50.0), Some(50.0)));
        let beyond = [1.0, 100.0, 20.0, 30.0, 40.0, 5.0, 60.0];
        assert_eq!(next(30, &histogram(&beyond, Some(&bounds))), (2, (10.0, 50.0), Some(10.0)));
        // Other bounds, other counts: it began again.
        let others = Bounds::new([10.0]).unwrap();
        assert_eq!(next(40, &histogram(&beyond, Some(&others))).0, 7);
    }

    #[test]
    fn a_histogram_counts_what_was_recorded_in_between() {
        let mut cumulative = Cumulative::default();
        let mut next = |time, total: &Aggregate| {
            let at = PointTime { start: 1, time };
            let increase = cumulative.increase(3, at, total).unwrap();
            cumulative.moved(3, at, total);
            increase
        };
        let first = histogram(&[1.0, 100.0], None);
        assert_eq!(next(10, &first), first);
        let second = next(20, &histogram(&[1.0, 100.0, 20.0, 30.0], None));
        assert_eq!((second.scalars.count, second.scalars.sum()), (2, Number::Int(50)));
        assert!((second.scalars.min().to_f64() - 20.0).abs() < 0.02);
        assert!((second.scalars.max().to_f64() - 30.0).abs() < 0.03);
        assert_eq!(second.distribution().unwrap().count(), 2);
        assert!(second.scalars.check().is_ok());
        let none = next(30, &histogram(&[1.0, 100.0, 20.0, 30.0], None));
        assert!(none.scalars.is_empty() && none.sketches.is_none());
        let reset = histogram(&[5.0], None);
        assert_eq!(next(40, &reset), reset);
    }
}
