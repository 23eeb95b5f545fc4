//! A column of floats in the cheapest of three modes. Every bit comes back, of a NaN's payload too.

use crate::decimal::{self, Fit};
use crate::error::Flaw;
use crate::pattern::{self, Shift};

/// A float as it is.
const FLOAT_BYTES: usize = 8;

/// Values by which the modes are compared.
const SAMPLE: usize = 64;

/// Where a decimal's units in the last place take fewer bits than this a value, its estimate is trusted.
const UNITS_BITS_GOOD: usize = 12;

/// How a column of floats is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All equal, stored once; or none.
    Constant = 0,
    /// See [`crate::decimal`].
    Decimal = 1,
    /// See [`crate::pattern`].
    Pattern = 2,
}

// === impl Mode ===

impl Mode {
    pub(crate) fn from_byte(byte: u8) -> Result<Self, Flaw> {
        let modes = [Self::Constant, Self::Decimal, Self::Pattern];
        modes.get(usize::from(byte)).copied().ok_or(Flaw("the mode does not exist"))
    }
}

/// Appends the body of `values` and tells its mode.
pub(crate) fn encode(values: &[f64], out: &mut Vec<u8>) -> Mode {
    if values.array_windows::<2>().all(|[a, b]| a.to_bits() == b.to_bits()) {
        values.iter().take(1).for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        return Mode::Constant;
    }
    let sample: Vec<f64> = values.iter().step_by(values.len().div_ceil(SAMPLE)).copied().collect();
    let (fit, shift) = (Fit::best(&sample), Shift::of(values.iter().copied()));
    let decimal_bits = fit.bits(sample.len());
    let pattern_bits = u64::from(shift.spread_bits(&sample)) * sample.len() as u64;
    if decimal_bits < pattern_bits && (fit.units_bits as usize) < UNITS_BITS_GOOD * sample.len() {
        decimal::put(values, fit.scale, out);
        return Mode::Decimal;
    }
    let start = out.len();
    pattern::put(values, shift, out);
    // Estimates decide whether it is worth writing both: a tenth is within their reach.
    if 10 * decimal_bits < 9 * pattern_bits {
        let mut decimals = Vec::new();
        decimal::put(values, fit.scale, &mut decimals);
        if decimals.len() < out.len() - start {
            out.truncate(start);
            out.append(&mut decimals);
            return Mode::Decimal;
        }
    }
    Mode::Pattern
}

/// Appends `count` values to `out` and moves `input` behind the body.
pub(crate) fn decode(mode: Mode, count: usize, input: &mut &[u8], out: &mut Vec<f64>) -> Result<(), Flaw> {
    match mode {
        Mode::Constant if count == 0 => Ok(()),
        Mode::Constant => {
            let bytes = input.split_first_chunk::<FLOAT_BYTES>();
            let (value, rest) = bytes.ok_or(Flaw("the constant is missing"))?;
            *input = rest;
            out.resize(out.len() + count, f64::from_le_bytes(*value));
            Ok(())
        }
        Mode::Decimal => decimal::take(count, input, out),
        Mode::Pattern => pattern::take(count, input, out),
    }
}
