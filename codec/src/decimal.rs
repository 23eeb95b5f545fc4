//! Floats that are decimal to 15 digits as integers and a power of ten, exactly.
//!
//! An integer below 10^15 and a power of ten up to 10^22 are both exact as floats, and IEEE 754
//! rounds their quotient correctly; so the quotient is *the* float nearest to that decimal, which is
//! what a parser of `12.34` made. Nothing rests on this argument: every value is divided back while
//! encoding and compared by `to_bits`. -0.0, NaN, infinities and longer numbers fail that and send
//! the block to another mode.

use crate::error::Flaw;

/// The powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Fifteen digits. Integers as they are (a scale of 1) may be as large as an `i64`.
const SCALED_MAX: f64 = 1e15;

/// Digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale(u8);

// === impl Scale ===

impl Scale {
    pub(crate) fn from_byte(byte: u8) -> Result<Self, Flaw> {
        if usize::from(byte) < POWERS.len() {
            Ok(Self(byte))
        } else {
            Err(Flaw("the decimal scale is above 22"))
        }
    }

    pub(crate) fn to_byte(self) -> u8 {
        self.0
    }

    fn power(self) -> f64 {
        POWERS[usize::from(self.0)]
    }

    /// The integer that comes back as `value`, if there is one.
    #[inline]
    fn scaled(self, value: f64) -> Option<i64> {
        let product = value * self.power();
        let nearest = if self.0 == 0 {
            value as i64
        } else if product.abs() < SCALED_MAX {
            (product + 0.5f64.copysign(product)) as i64
        } else {
            return None;
        };
        (self.restore(nearest).to_bits() == value.to_bits()).then_some(nearest)
    }

    #[inline]
    pub(crate) fn restore(self, scaled: i64) -> f64 {
        scaled as f64 / self.power()
    }
}

/// The smallest scale that brings all of `values` back, and the integers under it.
pub(crate) fn scale(values: &[f64]) -> Option<(Scale, Vec<u64>)> {
    let mut scale = Scale(0);
    for value in values {
        while scale.scaled(*value).is_none() {
            scale = Scale::from_byte(scale.0 + 1).ok()?;
        }
    }
    // The scale grew on the way, and a value seen before may be too large for it.
    let scaled =
        values.iter().map(|value| scale.scaled(*value).map(|scaled| scaled as u64)).collect::<Option<_>>()?;
    Some((scale, scaled))
}
