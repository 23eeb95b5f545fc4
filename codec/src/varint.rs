//! Integers of seven bits a byte (LEB128, as protobuf has them), and zig-zag for signed ones.

use crate::error::Flaw;

/// 64 bits in groups of seven.
pub(crate) const BYTES_MAX: usize = 10;

pub(crate) fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes one integer from the front of `input`; `input` is unchanged if there is none.
pub(crate) fn take(input: &mut &[u8]) -> Result<u64, Flaw> {
    let mut value = 0;
    for (index, byte) in input.iter().take(BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            if index + 1 == BYTES_MAX && *byte > 1 {
                return Err(Flaw("a varint is above 64 bits"));
            }
            *input = &input[index + 1..];
            return Ok(value);
        }
    }
    Err(Flaw("a varint has no end"))
}

/// The bytes that [`put`] writes.
pub(crate) fn length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// 0, -1, 1, -2 … as 0, 1, 2, 3 …, so that small magnitudes stay short.
pub(crate) fn zigzag(value: u64) -> u64 {
    (value << 1) ^ ((value as i64 >> 63) as u64)
}

pub(crate) fn unzigzag(value: u64) -> u64 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}

pub(crate) fn put_signed(value: u64, out: &mut Vec<u8>) {
    put(zigzag(value), out);
}

pub(crate) fn take_signed(input: &mut &[u8]) -> Result<u64, Flaw> {
    take(input).map(unzigzag)
}
