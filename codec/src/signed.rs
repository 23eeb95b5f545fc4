//! Residuals around a base as Fibonacci codes of magnitude + 1, then a sign unless it is zero:
//!
//! ```text
//! 0 = 11    +1 = 0110    -1 = 0111    +2 = 00110    -2 = 00111    +3 = 10110    -3 = 10111
//! ```

use crate::bits::BitReader;
use crate::error::Flaw;
use crate::fibonacci;
use crate::lanes::{self, Code, Coded};

/// A residual as magnitude, at most 2^63, and sign.
#[inline]
pub(crate) fn split(residual: u64) -> (u64, u64) {
    ((residual as i64).unsigned_abs(), residual >> 63)
}

#[inline]
pub(crate) fn join(magnitude: u64, sign: u64) -> u64 {
    (magnitude ^ sign.wrapping_neg()).wrapping_add(sign)
}

pub(crate) fn put(residuals: &[u64], out: &mut Vec<u8>) {
    lanes::put(residuals, out, |residual, writer| {
        let (magnitude, sign) = split(residual);
        fibonacci::put_and(magnitude + 1, sign, u32::from(magnitude != 0), writer);
    });
}

/// How lanes of such codes are read.
pub(crate) struct Signed;

impl Code for Signed {
    #[inline]
    fn quick(&self, state: u32, window: u64) -> Option<Coded> {
        let (value, bits) = fibonacci::short(window)?;
        let magnitude = value - 1;
        let has_sign = u32::from(magnitude != 0);
        let value = join(magnitude, window >> bits & u64::from(has_sign));
        Some(Coded { value, bits: bits + has_sign, state })
    }

    fn slow(&self, state: u32, reader: &mut BitReader<'_>) -> Result<(u64, u32), Flaw> {
        let magnitude = fibonacci::take(reader)? - 1;
        Ok((join(magnitude, reader.read(u32::from(magnitude != 0))), state))
    }
}
