//! Any floats, to the bit: each as the XOR with the one before, without the zeros around it.
//!
//! Source: Liakos, Papakonstantinopoulou and Kotidis, "Chimp: efficient lossless floating point
//! compression for time series databases", VLDB 2022, after Gorilla (VLDB 2015). Unlike the paper,
//! the class of leading zeros stays after an equal value.

use crate::bits::{BitReader, BitWriter};
use crate::error::Flaw;

/// Leading zeros are rounded down to one of these, so that they take 3 bits.
const LEADING: [u32; 8] = [0, 8, 12, 16, 18, 20, 22, 24];

/// Fewer trailing zeros than this do not pay for the 6 bits that count the middle.
const TRAILING_MIN: u32 = 7;

/// The two bits before each value.
const EQUAL: u64 = 0;
const MIDDLE: u64 = 1;
const SAME_CLASS: u64 = 2;
const NEW_CLASS: u64 = 3;

fn class(leading: u32) -> u64 {
    LEADING.iter().rposition(|least| *least <= leading).map_or(0, |class| class as u64)
}

/// Appends `values`; the first as its 64 bits.
pub(crate) fn put(values: &[f64], out: &mut Vec<u8>) {
    let Some((first, rest)) = values.split_first() else { return };
    let mut writer = BitWriter::new(out);
    let (mut last, mut last_class) = (first.to_bits(), 0);
    writer.write(last, 64);
    for value in rest {
        let change = value.to_bits() ^ last;
        last = value.to_bits();
        last_class = put_change(change, last_class, &mut writer);
    }
    writer.finish();
}

/// The class of leading zeros that the next change may refer to.
fn put_change(change: u64, last_class: u64, writer: &mut BitWriter<'_>) -> u64 {
    if change == 0 {
        writer.write(EQUAL, 2);
        return last_class;
    }
    let class = class(change.leading_zeros());
    let width = 64 - LEADING[class as usize];
    let trailing = change.trailing_zeros();
    if trailing >= TRAILING_MIN {
        let middle = width - trailing;
        writer.write(MIDDLE | class << 2 | u64::from(middle) << 5, 11);
        writer.write(change >> trailing, middle);
    } else if class == last_class {
        writer.write(SAME_CLASS, 2);
        writer.write(change, width);
    } else {
        writer.write(NEW_CLASS | class << 2, 5);
        writer.write(change, width);
    }
    class
}

/// Appends `count` values to `out` and moves `input` behind them.
pub(crate) fn take(count: usize, input: &mut &[u8], out: &mut Vec<f64>) -> Result<(), Flaw> {
    if count == 0 {
        return Ok(());
    }
    let mut reader = BitReader::new(input);
    // 64 bits for the first and 2 for each other, before memory is taken.
    if reader.bits_left().checked_sub(64).is_none_or(|left| left / 2 < count - 1) {
        return Err(Flaw("fewer float codes than the count says"));
    }
    out.reserve(count);
    let (mut value, mut class) = (reader.read(64), 0);
    out.push(f64::from_bits(value));
    for _ in 1..count {
        value ^= take_change(&mut reader, &mut class)?;
        out.push(f64::from_bits(value));
    }
    *input = reader.finish()?;
    Ok(())
}

fn take_change(reader: &mut BitReader<'_>, class: &mut u64) -> Result<u64, Flaw> {
    match reader.read(2) {
        EQUAL => Ok(0),
        MIDDLE => {
            *class = reader.read(3);
            let middle = reader.read(6) as u32;
            let width = 64 - LEADING[*class as usize];
            let trailing = width.checked_sub(middle).ok_or(Flaw("a float code is wider than 64 bits"))?;
            // A middle of no bits leaves no zeros to shift by at most 63.
            Ok(reader.read(middle).checked_shl(trailing).unwrap_or(0))
        }
        flag => {
            if flag == NEW_CLASS {
                *class = reader.read(3);
            }
            Ok(reader.read(64 - LEADING[*class as usize]))
        }
    }
}
