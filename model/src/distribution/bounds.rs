//! Bucket bounds that a user set.

use std::sync::Arc;

use thiserror::Error;

use crate::wire::{Reader, put_varint};
use crate::{BOUNDS_MAX, SketchError};

/// The upper ends of a user's buckets: finite, ascending, at most [`BOUNDS_MAX`].
///
/// A bucket holds what is above the bound before it, and at or under its own; one more holds what is above the last.
/// Clones share their memory.
#[derive(Clone, Debug)]
pub struct Bounds(Arc<[f64]>);

/// Why these are no bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BoundsError {
    /// There is none.
    #[error("there are no bounds: give at least one")]
    Empty,
    /// More than [`BOUNDS_MAX`].
    #[error("there are {0} bounds, at most {max} are taken: leave some out", max = BOUNDS_MAX)]
    TooMany(usize),
    /// NaN or an infinity; counted from 1.
    #[error("bound {0} is not finite: leave it out, there is a bucket for all above the last bound anyway")]
    NotFinite(usize),
    /// Not above the one before it; counted from 1.
    #[error("bound {0} is not above the one before it: give them in ascending order, each once")]
    NotAscending(usize),
}

// === impl Bounds ===

impl Bounds {
    /// Checks them.
    ///
    /// # Errors
    /// When there are none or too many, or when they are not finite and ascending.
    pub fn new(bounds: impl Into<Vec<f64>>) -> Result<Self, BoundsError> {
        let mut bounds: Vec<f64> = bounds.into();
        match bounds.len() {
            0 => return Err(BoundsError::Empty),
            many if many > BOUNDS_MAX => return Err(BoundsError::TooMany(many)),
            _ => bounds.iter_mut().for_each(|bound| *bound += 0.0), // there is one zero, the positive
        }
        if let Some(at) = bounds.iter().position(|bound| !bound.is_finite()) {
            return Err(BoundsError::NotFinite(at + 1));
        }
        if let Some(at) = bounds.array_windows().position(|[low, high]| low >= high) {
            return Err(BoundsError::NotAscending(at + 2));
        }
        Ok(Self(bounds.into()))
    }

    /// All of them, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The bucket of a value: 0 is the one up to the first bound, the number of bounds the one above the last.
    #[inline]
    pub(super) fn index_of(&self, value: f64) -> i32 {
        self.0.partition_point(|bound| *bound < value) as i32 // at most BOUNDS_MAX
    }

    /// The greatest bucket's index; the least is 0.
    pub(super) fn index_max(&self) -> i32 {
        self.0.len() as i32
    }

    /// What lies between these is in the bucket, the upper end included; both are infinite where there is no bound.
    pub(super) fn edges(&self, index: i32) -> (f64, f64) {
        let edge = |at: i32| usize::try_from(at).ok().and_then(|at| self.0.get(at)).copied();
        (edge(index - 1).unwrap_or(f64::NEG_INFINITY), edge(index).unwrap_or(f64::INFINITY))
    }

    /// Each as a varint of its bits, the last one first: that of a short number is short.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        self.0.iter().for_each(|bound| put_varint(out, bound.to_bits().reverse_bits()));
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, SketchError> {
        let length = reader.length(BOUNDS_MAX, 1).map_err(|why| match why {
            SketchError::TooMany { claimed, .. } => BoundsError::TooMany(claimed as usize).into(),
            other => other,
        })?;
        let mut bounds = Vec::with_capacity(length);
        for at in 0..length {
            let bound = f64::from_bits(reader.varint()?.reverse_bits());
            if bound == 0.0 && bound.is_sign_negative() {
                return Err(SketchError::Range(at)); // equal bounds have equal bytes
            }
            bounds.push(bound);
        }
        Ok(Self::new(bounds)?)
    }

    /// Bytes that they occupy, however many share them.
    pub(super) fn memory_bytes(&self) -> usize {
        2 * size_of::<usize>() + size_of_val(&self.0[..])
    }
}

impl PartialEq for Bounds {
    fn eq(&self, other: &Self) -> bool {
        // Without a way out in between, so that the compiler compares whole vectors.
        let same = |same, (ours, theirs)| same & (ours == theirs);
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.len() == other.0.len() && self.0.iter().zip(&other.0[..]).fold(true, same))
    }
}

/// No bound is NaN.
impl Eq for Bounds {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_set() {
        check(&[1.0], Ok(&[1.0]));
        check(&[-1e300, -0.0, 5e-324, f64::MAX], Ok(&[-1e300, 0.0, 5e-324, f64::MAX]));
        check(&[], Err("there are no bounds: give at least one"));
        check(&[1.0, f64::NAN], Err("bound 2 is not finite"));
        check(&[1.0, 2.0, f64::INFINITY], Err("bound 3 is not finite"));
        check(&[1.0, 5.0, 5.0], Err("bound 3 is not above"));
        check(&[1.0, 0.5], Err("bound 2 is not above"));
        check(&[-0.0, 0.0], Err("bound 2 is not above"));
        let many: Vec<f64> = (0..=1024).map(f64::from).collect();
        check(&many[1..], Ok(&many[1..]));
        check(&many, Err("there are 1025 bounds, at most 1024 are taken"));
    }

    #[track_caller]
    fn check(bounds: &[f64], expected: Result<&[f64], &str>) {
        match (Bounds::new(bounds), expected) {
            (Ok(bounds), Ok(expected)) => {
                let bits = |all: &[f64]| all.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(bounds.as_slice()), bits(expected));
            }
            (Err(why), Err(expected)) => assert!(why.to_string().starts_with(expected), "{why}"),
            (got, _) => panic!("{got:?}"),
        }
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let bounds = Bounds::new([-1.0, 0.0, 5.0]).unwrap();
        let of = [f64::MIN, -1.0, -0.5, -0.0, 0.0, 1e-300, 5.0, 5.0_f64.next_up(), f64::MAX];
        assert_eq!(of.map(|value| bounds.index_of(value)), [0, 0, 1, 1, 1, 2, 2, 3, 3]);
        assert_eq!(bounds.index_max(), 3);
        let edges = [0, 1, 2, 3].map(|index| bounds.edges(index));
        let infinite = f64::INFINITY;
        assert_eq!(edges, [(-infinite, -1.0), (-1.0, 0.0), (0.0, 5.0), (5.0, infinite)]);
    }
}
