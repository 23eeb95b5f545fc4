//! A column of floats in the cheapest of four modes. Every bit comes back, of a NaN's payload too.

use crate::decimal::{self, Scale};
use crate::delta::Order;
use crate::error::Flaw;
use crate::integers;
use crate::xor;

/// A float as it is.
const FLOAT_BYTES: usize = 8;

/// Decimals of fewer bytes than this a value are taken at once, without costing the XOR code: that one
/// spends more on any change of a number that is not a small integer.
const DECIMAL_BYTES_GOOD: usize = 2;

/// How a column of floats is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All equal, stored once; or none.
    Constant = 0,
    /// A scale, a mode of [`crate::integers`] and its body.
    Decimal = 1,
    /// See [`crate::xor`].
    Xor = 2,
    /// Eight bytes each: what nothing helps.
    Raw = 3,
}

// === impl Mode ===

impl Mode {
    pub(crate) fn from_byte(byte: u8) -> Result<Self, Flaw> {
        let modes = [Self::Constant, Self::Decimal, Self::Xor, Self::Raw];
        modes.get(usize::from(byte)).copied().ok_or(Flaw("the mode is not one of version 1"))
    }
}

/// Appends the body of `values` and tells its mode.
pub(crate) fn encode(values: &[f64], out: &mut Vec<u8>) -> Mode {
    if values.array_windows::<2>().all(|[a, b]| a.to_bits() == b.to_bits()) {
        values.iter().take(1).for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        return Mode::Constant;
    }
    let raw = FLOAT_BYTES * values.len();
    let mut decimals = Vec::new();
    let is_decimal = put_decimal(values, &mut decimals).is_some();
    if is_decimal && decimals.len() <= DECIMAL_BYTES_GOOD * values.len() {
        out.append(&mut decimals);
        return Mode::Decimal;
    }
    let mut changes = Vec::new();
    xor::put(values, &mut changes);
    if is_decimal && decimals.len() <= changes.len().min(raw) {
        out.append(&mut decimals);
        Mode::Decimal
    } else if changes.len() < raw {
        out.append(&mut changes);
        Mode::Xor
    } else {
        values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        Mode::Raw
    }
}

fn put_decimal(values: &[f64], out: &mut Vec<u8>) -> Option<()> {
    let (scale, scaled) = decimal::scale(values)?;
    // The mode is known only after the body, and stands before it.
    out.extend_from_slice(&[scale.to_byte(), 0]);
    out[1] = integers::encode(&scaled, &[Order::Values, Order::Deltas], out).to_byte();
    Some(())
}

/// Appends `count` values to `out` and moves `input` behind the body.
pub(crate) fn decode(mode: Mode, count: usize, input: &mut &[u8], out: &mut Vec<f64>) -> Result<(), Flaw> {
    match mode {
        Mode::Constant if count == 0 => Ok(()),
        Mode::Constant => {
            let value = *take_floats(1, input)?.first().ok_or(Flaw("the constant is missing"))?;
            out.resize(out.len() + count, f64::from_le_bytes(value));
            Ok(())
        }
        Mode::Decimal => decode_decimal(count, input, out),
        Mode::Xor => xor::take(count, input, out),
        Mode::Raw => {
            out.extend(take_floats(count, input)?.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            Ok(())
        }
    }
}

fn decode_decimal(count: usize, input: &mut &[u8], out: &mut Vec<f64>) -> Result<(), Flaw> {
    let [scale, mode, body @ ..] = *input else { return Err(Flaw("the decimal scale and mode are missing")) };
    let (scale, mode) = (Scale::from_byte(*scale)?, integers::Mode::from_byte(*mode)?);
    *input = body;
    integers::decode(mode, count, input, out, |scaled| scale.restore(scaled as i64))
}

/// Takes `count` floats as bytes.
fn take_floats<'a>(count: usize, input: &mut &'a [u8]) -> Result<&'a [[u8; FLOAT_BYTES]], Flaw> {
    let (floats, _) = input.as_chunks::<FLOAT_BYTES>();
    let floats = floats.get(..count).ok_or(Flaw("fewer floats than the count says"))?;
    *input = &input[count * FLOAT_BYTES..];
    Ok(floats)
}
