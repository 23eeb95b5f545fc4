//! Fibonacci codes: a number as a sum of Fibonacci numbers, no two of them neighbours (Zeckendorf),
//! smallest first, then one more 1. So `11` ends a code and nothing else contains it.
//!
//! ```text
//! 1 = 11    2 = 011    3 = 0011    4 = 1011    5 = 00011    12 = 101011
//! ```
//!
//! Source: Apostolico and Fraenkel, "Robust transmission of unbounded strings using Fibonacci
//! representations", 1987. Bits are in the order of [`crate::bits`], the smallest term lowest.

use crate::bits::{BitReader, BitWriter};
use crate::error::Flaw;

/// The Fibonacci numbers below 2^64: 1, 2, 3, 5 … There are 92.
pub(crate) const TERMS: [u64; 92] = terms();

/// Numbers below this one are encoded by table: 4,096 codes of 4 bytes stay in the first-level cache.
const SMALL: usize = 4096;
/// A code below [`SMALL`] with its length in the top byte; the code has at most 18 bits.
static SMALL_CODES: [u32; SMALL] = small_codes();

/// Digits looked up together.
const DIGITS: u32 = 12;
/// The sums of twelve terms, of the first ones and of those after: 16 KiB each.
static SUMS: [[u32; 1 << DIGITS]; 2] = [sums(0), sums(DIGITS as usize)];

/// Codes of numbers below this one are put together from two tables: a multiple of the shift by
/// [`SMALL_TERMS`] places, and a small rest.
const MIDDLE: u64 = TERMS[SMALL_TERMS + 12];
/// Numbers below the term of this place have a code in [`SMALL_CODES`].
const SMALL_TERMS: usize = 16;
const _: () = assert!(TERMS[SMALL_TERMS] < SMALL as u64);
/// By a number of twelve digits, the number whose digits are the same, [`SMALL_TERMS`] places higher.
static SHIFTED: [u32; TERMS[12] as usize] = shifted();

const fn terms() -> [u64; 92] {
    let mut terms = [1; 92];
    terms[1] = 2;
    let mut i = 2;
    while i < 92 {
        terms[i] = terms[i - 1] + terms[i - 2];
        i += 1;
    }
    terms
}

/// The place of the largest term that is at most `value`, which is at least 1.
const fn top_term(value: u64) -> usize {
    let mut top = 0;
    while top + 1 < TERMS.len() && TERMS[top + 1] <= value {
        top += 1;
    }
    top
}

const fn small_codes() -> [u32; SMALL] {
    let mut codes = [0; SMALL];
    codes[1] = 0b11 | 2 << 24;
    let mut value = 2;
    let mut top = 1;
    while value < SMALL {
        if TERMS[top + 1] <= value as u64 {
            top += 1;
        }
        let rest = value - TERMS[top] as usize;
        // The rest's own code, without the 1 that ends it.
        let rest_code =
            if rest == 0 { 0 } else { (codes[rest] & 0xff_ffff) ^ 1 << ((codes[rest] >> 24) - 1) };
        codes[value] = rest_code | 0b11 << top | (top as u32 + 2) << 24;
        value += 1;
    }
    codes
}

const fn sums(first: usize) -> [u32; 1 << DIGITS] {
    let mut sums = [0; 1 << DIGITS];
    let mut digits: usize = 1;
    while digits < sums.len() {
        let lowest = digits.trailing_zeros() as usize;
        sums[digits] = sums[digits & (digits - 1)] + TERMS[first + lowest] as u32;
        digits += 1;
    }
    sums
}

const fn shifted() -> [u32; TERMS[12] as usize] {
    let mut shifted = [0; TERMS[12] as usize];
    let mut value = 1;
    while value < shifted.len() {
        let top = top_term(value as u64);
        shifted[value] = shifted[value - TERMS[top] as usize] + TERMS[top + SMALL_TERMS] as u32;
        value += 1;
    }
    shifted
}

/// The bits of the code of `value`, which is at least 1: 2 to 93.
pub(crate) const fn length(value: u64) -> u32 {
    top_term(value) as u32 + 2
}

/// Appends the code of `value`, which is at least 1.
#[inline]
pub(crate) fn put(value: u64, writer: &mut BitWriter<'_>) {
    put_and(value, 0, 0, writer);
}

/// Appends the code of `value`, which is at least 1, and then a bit or none.
#[inline]
pub(crate) fn put_and(value: u64, bit: u64, bits: u32, writer: &mut BitWriter<'_>) {
    debug_assert!(value > 0, "BUG: zero has no Fibonacci code");
    if let Some(code) = SMALL_CODES.get(value as usize) {
        let length = code >> 24;
        writer.write(u64::from(code & 0xff_ffff) | bit << length, length + bits);
    } else if value < MIDDLE {
        let (code, length) = middle_code(value);
        writer.write(code | bit << length, length + bits);
    } else {
        put_large(value, writer);
        writer.write(bit, bits);
    }
}

/// The code of a number of [`SMALL_TERMS`] to [`SMALL_TERMS`] + 12 digits: its upper digits are those of
/// about the number divided by the golden ratio to the 16th, its lower ones those of what is then left.
#[inline]
fn middle_code(value: u64) -> (u64, u32) {
    const INVERSE: f64 = 1.0 / 2_206.999_546_9;
    let guess = (value as f64 * INVERSE) as usize;
    // The guess is at most one too high or too low.
    let mut high = (guess + 1).min(SHIFTED.len() - 1);
    while u64::from(SHIFTED[high]) > value {
        high -= 1;
    }
    let low = value - u64::from(SHIFTED[high]);
    let (high, low) = (SMALL_CODES[high], SMALL_CODES[low as usize]);
    let low_digits = u64::from(low & 0xff_ffff) & !(1u64 << (low >> 24) >> 1);
    (u64::from(high & 0xff_ffff) << SMALL_TERMS | low_digits, (high >> 24) + SMALL_TERMS as u32)
}

fn put_large(value: u64, writer: &mut BitWriter<'_>) {
    let length = length(value);
    let (mut code, mut rest) = (1u128 << (length - 1), value);
    // From the largest down; each is at most half of what follows it, so none is taken twice.
    for (at, term) in TERMS[..length as usize - 1].iter().enumerate().rev() {
        if *term <= rest {
            code |= 1 << at;
            rest -= term;
        }
    }
    writer.write(code as u64, length.min(64));
    writer.write((code >> 64) as u64, length.saturating_sub(64));
}

/// The value of the code at the front of what [`BitReader::peek`] shows and its length, at most 25 bits;
/// `None` if it is longer.
#[inline]
pub(crate) fn short(window: u64) -> Option<(u64, u32)> {
    let top = (window & (window >> 1)).trailing_zeros();
    if top >= 2 * DIGITS {
        return None;
    }
    let digits = (window & ((2 << top) - 1)) as usize;
    let value = SUMS[0][digits % (1 << DIGITS)] + SUMS[1][digits >> DIGITS & ((1 << DIGITS) - 1)];
    Some((u64::from(value), top + 2))
}

/// Takes the next code.
#[inline]
pub(crate) fn take(reader: &mut BitReader<'_>) -> Result<u64, Flaw> {
    let Some((value, bits)) = short(reader.peek()) else { return take_long(reader) };
    reader.skip(bits);
    Ok(value)
}

/// A code above 10^5, or one that is cut off. Rare, so bit by bit.
#[cold]
fn take_long(reader: &mut BitReader<'_>) -> Result<u64, Flaw> {
    let (mut sum, mut last) = (0u64, 0);
    for term in TERMS {
        let bit = reader.read(1);
        if bit & last == 1 {
            return Ok(sum);
        }
        sum = sum.checked_add(term * bit).ok_or(Flaw("a Fibonacci code is above 64 bits"))?;
        last = bit;
    }
    // The 1 that ends the longest code stands where a 93rd term would be.
    match last & reader.read(1) {
        1 => Ok(sum),
        _ => Err(Flaw("a Fibonacci code has no end")),
    }
}
