//! Floats that are decimal, or nearly: integers and a power of ten, and how many units in the last
//! place each float is away from their quotient.
//!
//! A float that was read from `12.34` *is* the quotient of 1234 and 100, as IEEE 754 rounds it, and
//! the second column is a line of zeros: 3 bytes. A sum of such floats is a few units off. A float
//! that is no decimal at all, NaN included, is far off and comes back all the same: nothing rests on
//! a float's being decimal but the size.
//!
//! Source: the first column is that of Afroozeh, Kuffo and Boncz, "ALP: adaptive lossless
//! floating-point compression", SIGMOD 2023; units in the last place stand for its exceptions.

use crate::delta::Order;
use crate::error::Flaw;
use crate::integers::{self, BATCH, Reader};
use crate::varint;

/// The powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Integers from here are not all floats: 2^53. Whole floats (a scale of 0) may be as large as an `i64`.
const SCALED_MAX: f64 = 9_007_199_254_740_992.0;

/// Digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale(u8);

/// What a scale makes of a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    pub(crate) scale: Scale,
    /// The bits that the spread of the integers takes.
    pub(crate) spread_bits: u32,
    /// The bits of all units in the last place together.
    pub(crate) units_bits: u32,
}

// === impl Scale ===

impl Scale {
    pub(crate) fn from_byte(byte: u8) -> Result<Self, Flaw> {
        if usize::from(byte) < POWERS.len() {
            Ok(Self(byte))
        } else {
            Err(Flaw("the decimal scale is above 22"))
        }
    }

    fn power(self) -> f64 {
        POWERS[usize::from(self.0)]
    }

    /// The nearest integer, and the units in the last place from its quotient to `value`.
    #[inline]
    fn split(self, value: f64) -> (i64, u64) {
        let product = value * self.power();
        let scaled = if self.0 == 0 {
            value as i64
        } else if product.abs() < SCALED_MAX {
            (product + 0.5f64.copysign(product)) as i64
        } else {
            0
        };
        (scaled, value.to_bits().wrapping_sub(self.quotient(scaled).to_bits()))
    }

    #[inline]
    fn quotient(self, scaled: i64) -> f64 {
        scaled as f64 / self.power()
    }

    #[inline]
    fn join(self, scaled: u64, units: u64) -> f64 {
        f64::from_bits(self.quotient(scaled as i64).to_bits().wrapping_add(units))
    }

    fn fit(self, sample: &[f64]) -> Fit {
        let (mut low, mut high, mut units_bits) = (i64::MAX, i64::MIN, 0);
        for value in sample {
            let (scaled, units) = self.split(*value);
            (low, high) = (low.min(scaled), high.max(scaled));
            let magnitude = (units as i64).unsigned_abs();
            units_bits += 64 - magnitude.leading_zeros() + u32::from(magnitude != 0);
        }
        let spread_bits = 64 - (high.wrapping_sub(low) as u64).leading_zeros();
        Fit { scale: self, spread_bits, units_bits }
    }
}

// === impl Fit ===

impl Fit {
    /// The scale that suits `sample` best; the first that leaves nothing over is good enough.
    pub(crate) fn best(sample: &[f64]) -> Self {
        let mut best = Scale(0).fit(sample);
        for digits in 1..POWERS.len() as u8 {
            if best.units_bits == 0 {
                break;
            }
            let fit = Scale(digits).fit(sample);
            if fit.bits(sample.len()) < best.bits(sample.len()) {
                best = fit;
            }
        }
        best
    }

    /// About what so many values take.
    pub(crate) fn bits(&self, values: usize) -> u64 {
        u64::from(self.spread_bits) * values as u64 + u64::from(self.units_bits)
    }
}

pub(crate) fn put(values: &[f64], scale: Scale, out: &mut Vec<u8>) {
    let (mut scaled, mut units) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
    for value in values {
        let (integer, rest) = scale.split(*value);
        scaled.push(integer as u64);
        units.push(rest);
    }
    let mut body = Vec::new();
    integers::encode_with_mode(&scaled, &[Order::Values, Order::Deltas], &mut body);
    out.push(scale.0);
    varint::put(body.len() as u64, out);
    out.append(&mut body);
    integers::encode_with_mode(&units, &[Order::Values], out);
}

/// Appends `count` values to `out` and moves `input` behind the body.
pub(crate) fn take(count: usize, input: &mut &[u8], out: &mut Vec<f64>) -> Result<(), Flaw> {
    let (scale, mut body) = input.split_first().ok_or(Flaw("the decimal scale is missing"))?;
    let scale = Scale::from_byte(*scale)?;
    let length = varint::take(&mut body)?;
    let bodies = usize::try_from(length).ok().and_then(|length| body.split_at_checked(length));
    let (scaled, units) = bodies.ok_or(Flaw("the decimal integers are longer than the payload"))?;
    let (mut scaled, mut units) = (Reader::with_mode(count, scaled)?, Reader::with_mode(count, units)?);
    let (mut some, mut others) = ([0; BATCH], [0; BATCH]);
    out.reserve(count);
    while let (Some(scaled), Some(units)) = (scaled.next(&mut some)?, units.next(&mut others)?) {
        out.extend(scaled.iter().zip(units).map(|(scaled, units)| scale.join(*scaled, *units)));
    }
    if !scaled.finish()?.is_empty() {
        return Err(Flaw("bytes are left over after the decimal integers"));
    }
    *input = units.finish()?;
    Ok(())
}
