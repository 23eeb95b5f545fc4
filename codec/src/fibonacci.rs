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

/// The sum of the terms that a byte of a code stands for, by the byte's place.
static BYTE_SUMS: [[u64; 256]; 8] = byte_sums();

/// By bit length of a number: the length of the code of the smallest such number.
static LENGTHS: [u8; 65] = lengths();

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

const fn byte_sums() -> [[u64; 256]; 8] {
    let mut sums = [[0; 256]; 8];
    let mut place = 0;
    while place < 8 {
        let mut byte: usize = 1;
        while byte < 256 {
            let lowest = byte.trailing_zeros() as usize;
            sums[place][byte] = sums[place][byte & (byte - 1)] + TERMS[8 * place + lowest];
            byte += 1;
        }
        place += 1;
    }
    sums
}

const fn lengths() -> [u8; 65] {
    let mut lengths = [0; 65];
    let mut bits = 1;
    while bits <= 64 {
        lengths[bits] = top_term(1 << (bits - 1)) as u8 + 2;
        bits += 1;
    }
    lengths
}

/// The bits of the code of `value`, which is at least 1: 2 to 93.
#[inline]
pub(crate) fn length(value: u64) -> u32 {
    let least = LENGTHS[64 - value.leading_zeros() as usize];
    // Doubling a number passes one or two terms; a code of `least` bits has its top term at `least - 2`.
    let next = usize::from(least) - 1;
    let passed = |term: usize| u32::from(TERMS.get(term).is_some_and(|term| *term <= value));
    u32::from(least) + passed(next) + passed(next + 1)
}

/// Appends the code of `value`, which is at least 1.
#[inline]
pub(crate) fn put(value: u64, writer: &mut BitWriter<'_>) {
    debug_assert!(value > 0, "BUG: zero has no Fibonacci code");
    match SMALL_CODES.get(value as usize) {
        Some(code) => writer.write(u64::from(code & 0xff_ffff), code >> 24),
        None => put_large(value, writer),
    }
}

fn put_large(value: u64, writer: &mut BitWriter<'_>) {
    let length = length(value);
    let mut code = 1u128 << (length - 1);
    let mut rest = value;
    while rest > 0 {
        let top = self::length(rest) - 2;
        code |= 1 << top;
        rest -= TERMS[top as usize];
    }
    writer.write(code as u64, length.min(64));
    writer.write((code >> 64) as u64, length.saturating_sub(64));
}

/// Takes the next code.
#[inline]
pub(crate) fn take(reader: &mut BitReader<'_>) -> Result<u64, Flaw> {
    let window = reader.peek();
    let ends = window & (window >> 1);
    if ends == 0 {
        return take_long(reader);
    }
    let top = ends.trailing_zeros();
    reader.skip(top + 2);
    Ok(sum(window & (u64::MAX >> (63 - top))))
}

/// The number that the terms in `code` add up to. The top bit is unused, so the sum is in range.
#[inline]
fn sum(mut code: u64) -> u64 {
    let mut sum = BYTE_SUMS[0][code as usize & 0xff];
    let mut place = 1;
    code >>= 8;
    while code != 0 {
        sum += BYTE_SUMS[place & 7][code as usize & 0xff];
        code >>= 8;
        place += 1;
    }
    sum
}

/// A code that does not fit the window: above 10^11, or cut off. Rare, so bit by bit.
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
