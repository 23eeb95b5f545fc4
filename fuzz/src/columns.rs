//! What the targets for `codec` share.

use codec::CodecError;
use crc32c::crc32c;

/// Values a target allows; a block that claims more must be refused.
pub const VALUES_MAX: usize = 4_096;

/// A block of `kind` with a checksum that holds: a mode, a count, a payload, all from `data`. Random bytes would never get
/// past the frame.
#[must_use]
pub fn block(kind: u8, data: &[u8]) -> Vec<u8> {
    let (mode, low, high, payload) = match data {
        [mode, low, high, payload @ ..] => (mode & 15, *low, *high, payload),
        _ => (0, 0, 0, data),
    };
    let mut block = vec![codec::VERSION, kind << 4 | mode];
    put_varint(u64::from(low) | u64::from(high & 31) << 8, &mut block);
    put_varint(payload.len() as u64, &mut block);
    block.extend_from_slice(payload);
    block.extend_from_slice(&crc32c(&block).to_le_bytes());
    block
}

/// Decodes `bytes`: an error, or no more values than allowed, which written again and read again are the same.
pub fn check<'a, T: PartialEq + std::fmt::Debug>(
    mut bytes: &'a [u8],
    decode: impl Fn(&mut &'a [u8], usize, &mut Vec<T>) -> Result<(), CodecError>,
    again: impl FnOnce(&[T]),
) {
    let (before, mut values) = (bytes, Vec::new());
    match decode(&mut bytes, VALUES_MAX, &mut values) {
        Ok(()) => {
            assert!(values.len() <= VALUES_MAX && bytes.len() < before.len());
            again(&values);
        }
        Err(_) => assert!(values.is_empty() && bytes.len() == before.len()),
    }
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
