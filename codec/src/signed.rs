//! Residuals around a base as Fibonacci codes of magnitude + 1, then a sign unless it is zero:
//!
//! ```text
//! 0 = 11    +1 = 0110    -1 = 0111    +2 = 00110    -2 = 00111    +3 = 10110    -3 = 10111
//! ```

use crate::bits::{BitReader, BitWriter, PEEK_BITS};
use crate::error::Flaw;
use crate::fibonacci::{self, TERMS};

/// Bits looked at together. 4,096 entries of 14 bytes are 56 KiB: second-level cache, three or four
/// small residuals a look.
const WINDOW_BITS: u32 = 12;
/// The shortest code has 2 bits.
const TOGETHER_MAX: usize = WINDOW_BITS as usize / 2;

/// Windows in what one look at the bytes shows.
const LOOKS: usize = (PEEK_BITS / WINDOW_BITS) as usize;

/// The whole codes at the front of a window.
#[derive(Debug, Clone, Copy)]
struct Entry {
    residuals: [i16; TOGETHER_MAX],
    count: u8,
    bits: u8,
}

static TABLE: [Entry; 1 << WINDOW_BITS] = table();

const fn table() -> [Entry; 1 << WINDOW_BITS] {
    let mut table = [Entry { residuals: [0; TOGETHER_MAX], count: 0, bits: 0 }; 1 << WINDOW_BITS];
    let mut window = 0;
    while window < table.len() {
        let mut entry = Entry { residuals: [0; TOGETHER_MAX], count: 0, bits: 0 };
        while let Some((residual, bits)) = first_code(window >> entry.bits, WINDOW_BITS - entry.bits as u32) {
            entry.residuals[entry.count as usize] = residual;
            entry.count += 1;
            entry.bits += bits;
        }
        table[window] = entry;
        window += 1;
    }
    table
}

/// The residual at the front of `bits` of `window`, and its length, if it is all there.
const fn first_code(window: usize, bits: u32) -> Option<(i16, u8)> {
    let ends = window & (window >> 1);
    if ends == 0 || ends.trailing_zeros() + 2 > bits {
        return None;
    }
    let top = ends.trailing_zeros();
    let (mut magnitude, mut term) = (-1, 0);
    while term <= top {
        magnitude += (TERMS[term as usize] as i16) * ((window >> term) & 1) as i16;
        term += 1;
    }
    if magnitude == 0 {
        return Some((0, 2));
    }
    if top + 3 > bits {
        return None;
    }
    let negative = (window >> (top + 2)) & 1 == 1;
    Some((if negative { -magnitude } else { magnitude }, top as u8 + 3))
}

/// A residual as magnitude, at most 2^63, and sign.
#[inline]
pub(crate) fn split(residual: u64) -> (u64, u64) {
    ((residual as i64).unsigned_abs(), residual >> 63)
}

#[inline]
pub(crate) fn join(magnitude: u64, sign: u64) -> u64 {
    if sign == 1 { magnitude.wrapping_neg() } else { magnitude }
}

pub(crate) fn cost(residuals: &[u64], base: u64) -> u64 {
    let bits = |residual: &u64| {
        let (magnitude, _) = split(residual.wrapping_sub(base));
        u64::from(fibonacci::length(magnitude + 1)) + u64::from(magnitude != 0)
    };
    residuals.iter().map(bits).sum()
}

pub(crate) fn put(residuals: &[u64], base: u64, out: &mut Vec<u8>) {
    let mut writer = BitWriter::new(out);
    for residual in residuals {
        let (magnitude, sign) = split(residual.wrapping_sub(base));
        fibonacci::put(magnitude + 1, &mut writer);
        writer.write(sign, u32::from(magnitude != 0));
    }
    writer.finish();
}

pub(crate) fn fill(reader: &mut BitReader<'_>, batch: &mut [u64]) -> Result<(), Flaw> {
    let mut rest = batch;
    while rest.len() >= LOOKS * TOGETHER_MAX {
        let filled = fill_from_window(reader, rest);
        rest = &mut rest[filled..];
        if filled == 0 {
            rest[0] = take_one(reader)?;
            rest = &mut rest[1..];
        }
    }
    for slot in rest {
        *slot = take_one(reader)?;
    }
    Ok(())
}

/// Fills some of the first slots with what one look at the bytes shows, and tells how many.
#[inline]
fn fill_from_window(reader: &mut BitReader<'_>, slots: &mut [u64]) -> usize {
    let (mut window, mut filled, mut bits) = (reader.peek(), 0, 0);
    for _ in 0..LOOKS {
        let entry = &TABLE[window as usize % TABLE.len()];
        let Some(next) = slots[filled..].first_chunk_mut::<TOGETHER_MAX>() else { break };
        // All six are written and the next look overwrites those that were not meant: no branch.
        *next = entry.residuals.map(|residual| i64::from(residual) as u64);
        window >>= entry.bits;
        filled += usize::from(entry.count);
        bits += u32::from(entry.bits);
    }
    reader.skip(bits);
    filled
}

fn take_one(reader: &mut BitReader<'_>) -> Result<u64, Flaw> {
    let magnitude = fibonacci::take(reader)? - 1;
    Ok(join(magnitude, reader.read(u32::from(magnitude != 0))))
}
