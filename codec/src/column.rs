//! The columns: one pair of functions for each kind.
//!
//! Every `encode_*` appends one block to `out`. Every `decode_*` takes exactly one block from the
//! front of `input`, appends its values to `out`, and on an error leaves both as they were. It takes
//! no more memory than `values_max` values and a few kilobytes; a block that claims more is
//! [`CodecError::TooManyValues`], however few its bytes.

use std::ops::Range;

use crate::block::{self, Block, Kind};
use crate::delta::Order;
use crate::delta::Order::{Deltas, DeltasOfDeltas, Values};
use crate::error::{CodecError, Flaw};
use crate::plan::Favour;
use crate::{blobs, floats, integers};

/// Any integers.
pub fn encode_ints(values: &[i64], out: &mut Vec<u8>) {
    put_integers(Kind::Ints, values.iter().map(|value| *value as u64), &[Values, Deltas], out);
}

/// The twin of [`encode_ints`].
pub fn decode_ints(input: &mut &[u8], values_max: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    take_integers(Kind::Ints, input, values_max, out, u64::MAX, |value| value as i64)
}

/// The same, for whoever keeps integers and floats alike as 64 bits.
pub fn decode_int_bits(input: &mut &[u8], values_max: usize, out: &mut Vec<u64>) -> Result<(), CodecError> {
    take_integers(Kind::Ints, input, values_max, out, u64::MAX, |value| value)
}

/// Any unsigned integers.
pub fn encode_uints(values: &[u64], out: &mut Vec<u8>) {
    put_integers(Kind::Uints, values.iter().copied(), &[Values, Deltas], out);
}

/// The twin of [`encode_uints`].
pub fn decode_uints(input: &mut &[u8], values_max: usize, out: &mut Vec<u64>) -> Result<(), CodecError> {
    take_integers(Kind::Uints, input, values_max, out, u64::MAX, |value| value)
}

/// Ids, strictly ascending. A run without gaps costs the same however long it is.
pub fn encode_ids(values: &[u32], out: &mut Vec<u8>) {
    debug_assert!(are_ascending(values), "BUG: ids must be strictly ascending");
    put_integers(Kind::Ids, values.iter().map(|value| u64::from(*value)), &[Deltas], out);
}

/// The twin of [`encode_ids`]; ids that are not strictly ascending are refused.
pub fn decode_ids(input: &mut &[u8], values_max: usize, out: &mut Vec<u32>) -> Result<(), CodecError> {
    let (mut rest, start) = (*input, out.len());
    take_integers(Kind::Ids, &mut rest, values_max, out, u64::from(u32::MAX), |value| value as u32)?;
    if !are_ascending(&out[start..]) {
        out.truncate(start);
        return Err(Flaw("the ids are not strictly ascending").in_block(Kind::Ids));
    }
    *input = rest;
    Ok(())
}

/// The ids of a block that has no gaps, checked but not decoded: `None` if it has, and [`decode_ids`] must
/// be asked. Moves `input` behind the block if it answers.
///
/// A metric whose every series reports every minute is such a block, and a reader of many of them needs no
/// look-up from row to id.
pub fn decode_dense_ids(input: &mut &[u8], values_max: usize) -> Result<Option<Range<u32>>, CodecError> {
    let block = block::open(input, Kind::Ids, values_max)?;
    if integers::Mode::from_byte(block.mode) != Ok(integers::Mode::Line) || block.count < 2 {
        return Ok(None);
    }
    let mut payload = block.payload;
    let line = integers::Line::take(&mut payload).map_err(|flaw| flaw.in_block(Kind::Ids))?;
    let end = line.first.checked_add(block.count as u64).filter(|end| *end <= u64::from(u32::MAX));
    let (Some(end), 1, true) = (end, line.step, payload.is_empty()) else { return Ok(None) };
    *input = block.rest;
    Ok(Some(line.first as u32..end as u32))
}

/// Any floats, to the bit: `to_bits` is equal afterwards, for -0.0 and every NaN too.
pub fn encode_floats(values: &[f64], out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    let mode = floats::encode(values, &mut payload);
    block::put(Kind::Floats, mode as u8, values.len(), &payload, out);
}

/// The twin of [`encode_floats`].
pub fn decode_floats(input: &mut &[u8], values_max: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    take(Kind::Floats, input, values_max, out, |block, payload, out| {
        floats::decode(floats::Mode::from_byte(block.mode)?, block.count, payload, out)
    })
}

/// Any integers; meant for those at an even pace, of which a whole block costs some twenty bytes.
pub fn encode_timestamps(values: &[i64], out: &mut Vec<u8>) {
    let values = values.iter().map(|value| *value as u64);
    put_integers(Kind::Timestamps, values, &[Deltas, DeltasOfDeltas], out);
}

/// The twin of [`encode_timestamps`].
pub fn decode_timestamps(input: &mut &[u8], values_max: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    take_integers(Kind::Timestamps, input, values_max, out, u64::MAX, |value| value as i64)
}

/// Any byte strings.
pub fn encode_bytes(values: &[&[u8]], out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    let mode = blobs::encode(values, &mut payload);
    block::put(Kind::Bytes, mode as u8, values.len(), &payload, out);
}

/// The twin of [`encode_bytes`]. What is appended are parts of `input`: no byte is copied.
pub fn decode_bytes<'a>(
    input: &mut &'a [u8],
    values_max: usize,
    out: &mut Vec<&'a [u8]>,
) -> Result<(), CodecError> {
    take(Kind::Bytes, input, values_max, out, |block, payload, out| {
        blobs::decode(blobs::Mode::from_byte(block.mode)?, block.count, payload, out)
    })
}

/// Small numbers, usually all the same.
pub fn encode_flags(values: &[u8], out: &mut Vec<u8>) {
    put_integers(Kind::Flags, values.iter().map(|value| u64::from(*value)), &[Values, Deltas], out);
}

/// The twin of [`encode_flags`].
pub fn decode_flags(input: &mut &[u8], values_max: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    take_integers(Kind::Flags, input, values_max, out, u64::from(u8::MAX), |value| value as u8)
}

fn are_ascending(ids: &[u32]) -> bool {
    ids.array_windows::<2>().all(|[a, b]| a < b)
}

fn put_integers(kind: Kind, values: impl ExactSizeIterator<Item = u64>, orders: &[Order], out: &mut Vec<u8>) {
    // Every reader of any column reads the ids.
    let favour = if kind == Kind::Ids { Favour::Reading } else { Favour::Size };
    let values: Vec<u64> = values.collect();
    let mut payload = Vec::new();
    let mode = integers::encode(&values, orders, favour, &mut payload);
    block::put(kind, mode.to_byte(), values.len(), &payload, out);
}

/// `value_max` is the greatest that `convert` takes without loss.
fn take_integers<T>(
    kind: Kind,
    input: &mut &[u8],
    values_max: usize,
    out: &mut Vec<T>,
    value_max: u64,
    convert: impl Fn(u64) -> T,
) -> Result<(), CodecError> {
    take(kind, input, values_max, out, |block, payload, out| {
        // Looked at once at the end, to keep a branch out of the loop.
        let mut too_large = false;
        integers::decode(integers::Mode::from_byte(block.mode)?, block.count, payload, out, |value| {
            too_large |= value > value_max;
            convert(value)
        })?;
        if too_large { Err(Flaw("a value is too large for its kind")) } else { Ok(()) }
    })
}

/// Opens the block, runs `read` on its payload, and commits or undoes.
fn take<'a, T>(
    kind: Kind,
    input: &mut &'a [u8],
    values_max: usize,
    out: &mut Vec<T>,
    read: impl FnOnce(&Block<'a>, &mut &'a [u8], &mut Vec<T>) -> Result<(), Flaw>,
) -> Result<(), CodecError> {
    let block = block::open(input, kind, values_max)?;
    let (mut payload, start) = (block.payload, out.len());
    let result = read(&block, &mut payload, out);
    let result = result.and(if payload.is_empty() {
        Ok(())
    } else {
        Err(Flaw("bytes are left over after the values"))
    });
    if let Err(flaw) = result {
        out.truncate(start);
        return Err(flaw.in_block(kind));
    }
    debug_assert_eq!(out.len() - start, block.count, "BUG: a mode made another number of values");
    *input = block.rest;
    Ok(())
}
