//! A column of numbers, each of which is an integer or a float as its row's kinds say.
//!
//! All integers: one column of integers. Mixed, as when a latency of 12.5 stands beside one of 300: all as floats,
//! when every integer among them is one that a float holds exactly (2^53), since that codes as well as the floats
//! alone, and the kinds tell which to turn back. Else integers and floats each in a column of their own.

use model::Kinds;

use crate::StoreError;

use super::directory::{Directory, DirectoryWriter, Tag, decode};

/// Integers up to this magnitude are floats without loss.
const FLOAT_EXACT_MAX: u64 = 1 << 53;

/// Where one of sum, min and max lies, and the bit of the kinds that tells how to read it.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub(super) ints: Tag,
    floats: Tag,
    pub(super) float_bit: u8,
}

pub(super) const SUM: Numbers =
    Numbers { ints: Tag::SumInts, floats: Tag::SumFloats, float_bit: Kinds::SUM_FLOAT };
pub(super) const MIN: Numbers =
    Numbers { ints: Tag::MinInts, floats: Tag::MinFloats, float_bit: Kinds::MIN_FLOAT };
pub(super) const MAX: Numbers =
    Numbers { ints: Tag::MaxInts, floats: Tag::MaxFloats, float_bit: Kinds::MAX_FLOAT };

/// Buffers between the codec and the column.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) ints: Vec<i64>,
    floats: Vec<f64>,
}

/// Writes the numbers with these bits and kinds; none at all writes no column.
pub(super) fn put(column: Numbers, bits: &[u64], kinds: &[u8], out: &mut DirectoryWriter) {
    let rows = || bits.iter().zip(kinds.iter().map(|kinds| kinds & column.float_bit != 0));
    let any_float = rows().any(|(_, is_float)| is_float);
    let any_large =
        rows().any(|(bits, is_float)| !is_float && bits.cast_signed().unsigned_abs() > FLOAT_EXACT_MAX);
    let mixed = any_float && !any_large;
    let ints = |(bits, is_float): (&u64, bool)| (!is_float).then_some(bits.cast_signed());
    let floats = |(bits, is_float): (&u64, bool)| match is_float {
        true => Some(f64::from_bits(*bits)),
        false => mixed.then_some(bits.cast_signed() as f64),
    };
    let ints: Vec<i64> = if mixed { Vec::new() } else { rows().filter_map(ints).collect() };
    let floats: Vec<f64> = if any_float { rows().filter_map(floats).collect() } else { Vec::new() };
    if !ints.is_empty() {
        out.column(column.ints, |bytes| codec::encode_ints(&ints, bytes));
    }
    if !floats.is_empty() {
        out.column(column.floats, |bytes| codec::encode_floats(&floats, bytes));
    }
}

/// Reads back the bits of the numbers with these kinds, in order.
pub(super) fn take(
    column: Numbers,
    directory: &Directory<'_>,
    kinds: &[u8],
    scratch: &mut Scratch,
    bits: &mut Vec<u64>,
) -> Result<(), StoreError> {
    let rows = kinds.len();
    let floats = kinds.iter().filter(|kinds| **kinds & column.float_bit != 0).count();
    let (int_bytes, float_bytes) = (directory.column(column.ints), directory.column(column.floats));
    bits.clear();
    match (int_bytes, float_bytes) {
        (None, None) if rows == 0 => Ok(()),
        (Some(bytes), None) if floats == 0 => {
            decode(column.ints, bytes, rows, &mut scratch.ints, codec::decode_ints)?;
            bits.extend(scratch.ints.iter().map(|int| int.cast_unsigned()));
            Ok(())
        }
        (None, Some(bytes)) => {
            decode(column.floats, bytes, rows, &mut scratch.floats, codec::decode_floats)?;
            turn_back(column, kinds, &scratch.floats, bits)
        }
        (Some(int_bytes), Some(float_bytes)) => {
            decode(column.ints, int_bytes, rows - floats, &mut scratch.ints, codec::decode_ints)?;
            decode(column.floats, float_bytes, floats, &mut scratch.floats, codec::decode_floats)?;
            weave(column, kinds, scratch, bits);
            Ok(())
        }
        _ => Err(StoreError::damaged(
            format!("column {:?}", column.ints),
            "its rows' kinds ask for another one",
        )),
    }
}

/// Floats stay, and what the kinds call an integer becomes one again.
fn turn_back(column: Numbers, kinds: &[u8], floats: &[f64], bits: &mut Vec<u64>) -> Result<(), StoreError> {
    let mut whole = true;
    bits.extend(kinds.iter().zip(floats).map(|(kinds, float)| {
        if kinds & column.float_bit != 0 {
            return float.to_bits();
        }
        let int = *float as i64;
        whole &= int as f64 == *float;
        int.cast_unsigned()
    }));
    if whole {
        Ok(())
    } else {
        Err(StoreError::damaged(format!("column {:?}", column.floats), "an integer is none"))
    }
}

/// From a column each, in the order of the rows.
fn weave(column: Numbers, kinds: &[u8], scratch: &Scratch, bits: &mut Vec<u64>) {
    let (mut ints, mut floats) = (scratch.ints.iter(), scratch.floats.iter());
    let mut next = |kinds: &u8| match kinds & column.float_bit {
        0 => ints.next().map(|int| int.cast_unsigned()),
        _ => floats.next().map(|float| float.to_bits()),
    };
    bits.extend(kinds.iter().filter_map(&mut next)); // `decode` has seen to it that neither ends early
}
