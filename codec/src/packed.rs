//! Residuals above the smallest one, each in the same few bits (frame of reference). The fastest to
//! read, and the smallest for noise that has no favourite.

use crate::bits::{BitReader, BitWriter, PEEK_BITS};
use crate::error::Flaw;

/// Reads residuals of one width.
#[derive(Debug)]
pub(crate) struct Packed<'a> {
    bits: BitReader<'a>,
    width: u32,
}

/// The bits that a number from 0 to `span` needs.
pub(crate) fn width(span: u64) -> u32 {
    64 - span.leading_zeros()
}

pub(crate) fn cost(count: usize, span: u64) -> u64 {
    8 + count as u64 * u64::from(width(span))
}

pub(crate) fn put(residuals: &[u64], base: u64, width: u32, out: &mut Vec<u8>) {
    out.push(width as u8);
    let mut writer = BitWriter::new(out);
    for residual in residuals {
        writer.write(residual.wrapping_sub(base), width);
    }
    writer.finish();
}

// === impl Packed ===

impl<'a> Packed<'a> {
    /// Checks that all `count` residuals are there.
    pub(crate) fn new(input: &'a [u8], count: usize) -> Result<Self, Flaw> {
        let (width, rest) = input.split_first().ok_or(Flaw("the packed width is missing"))?;
        if *width > 64 {
            return Err(Flaw("the packed width is above 64 bits"));
        }
        let bits = BitReader::new(rest);
        if count.checked_mul(usize::from(*width)).is_none_or(|needed| needed > bits.bits_left()) {
            return Err(Flaw("fewer packed values than the count says"));
        }
        Ok(Self { bits, width: u32::from(*width) })
    }

    #[inline]
    pub(crate) fn fill(&mut self, batch: &mut [u64]) {
        if self.width > PEEK_BITS {
            batch.iter_mut().for_each(|slot| *slot = self.bits.read(self.width));
            return;
        }
        let mask = (1 << self.width) - 1;
        for slot in batch {
            *slot = self.bits.peek() & mask;
            self.bits.skip(self.width);
        }
    }

    pub(crate) fn finish(self) -> Result<&'a [u8], Flaw> {
        self.bits.finish()
    }
}
