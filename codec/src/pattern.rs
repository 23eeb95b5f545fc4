//! Any floats, to the bit, as integers: floats of one sign are in the order of their bit patterns, so
//! that near values are near integers, and what helps integers helps them.

use crate::delta::Order;
use crate::error::Flaw;
use crate::integers::{self, BATCH, Reader};

const SIGN: u64 = 1 << 63;

/// The trailing zeros that all of a column's floats have; those that were 32 bits wide have 29.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift(u8);

/// The sign becomes the integer's own, such that -0.0 is -1 and small numbers of both signs are neighbours.
#[inline]
fn integer(value: f64, shift: Shift) -> u64 {
    let bits = value.to_bits();
    ((bits & !SIGN) >> shift.0) ^ ((bits as i64 >> 63) as u64)
}

#[inline]
fn float(integer: u64, shift: Shift) -> f64 {
    let negative = (integer as i64 >> 63) as u64;
    f64::from_bits(((integer ^ negative) << shift.0) & !SIGN | negative & SIGN)
}

// === impl Shift ===

impl Shift {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let any = values.fold(0, |any, value| any | value.to_bits()) & !SIGN;
        Self(if any == 0 { 0 } else { any.trailing_zeros() as u8 })
    }

    /// The bits of a number as large as the spread of `values` would take.
    pub(crate) fn spread_bits(self, values: &[f64]) -> u32 {
        let integers = values.iter().map(|value| integer(*value, self) as i64);
        let (low, high) =
            integers.fold((i64::MAX, i64::MIN), |(low, high), next| (low.min(next), high.max(next)));
        64 - (high.wrapping_sub(low) as u64).leading_zeros()
    }
}

pub(crate) fn put(values: &[f64], shift: Shift, out: &mut Vec<u8>) {
    let integers: Vec<u64> = values.iter().map(|value| integer(*value, shift)).collect();
    out.push(shift.0);
    integers::encode_with_mode(&integers, &[Order::Values, Order::Deltas], out);
}

/// Appends `count` values to `out` and moves `input` behind the body.
pub(crate) fn take(count: usize, input: &mut &[u8], out: &mut Vec<f64>) -> Result<(), Flaw> {
    let (shift, body) = input.split_first().ok_or(Flaw("the shift of a float column is missing"))?;
    if *shift > 63 {
        return Err(Flaw("the shift of a float column is above 63"));
    }
    let shift = Shift(*shift);
    let (mut integers, mut batch) = (Reader::with_mode(count, body)?, [0; BATCH]);
    out.reserve(count);
    while let Some(integers) = integers.next(&mut batch)? {
        out.extend(integers.iter().map(|integer| float(*integer, shift)));
    }
    *input = integers.finish()?;
    Ok(())
}
