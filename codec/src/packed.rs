//! Residuals above the smallest one, each in the same few bits (frame of reference). The fastest to
//! read, and the smallest for noise that has no favourite.

use crate::bits::{BitReader, BitWriter, PEEK_BITS, peek};
use crate::error::Flaw;

/// Reads residuals of one width.
#[derive(Debug)]
pub(crate) struct Packed<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
    width: u32,
}

/// The bits that a number from 0 to `span` needs.
pub(crate) fn width(span: u64) -> u32 {
    64 - span.leading_zeros()
}

pub(crate) fn cost(count: usize, span: u64) -> u64 {
    8 + count as u64 * u64::from(width(span))
}

pub(crate) fn put(residuals: &[u64], width: u32, out: &mut Vec<u8>) {
    out.push(width as u8);
    out.reserve(residuals.len() * width as usize / 8 + 8);
    let mut writer = BitWriter::new(out);
    for residual in residuals {
        writer.write(*residual, width);
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
        let width = u32::from(*width);
        if count.checked_mul(width as usize).is_none_or(|needed| needed > 8 * rest.len()) {
            return Err(Flaw("fewer packed values than the count says"));
        }
        Ok(Self { bytes: rest, at: 0, width })
    }

    /// Where a residual lies follows from its place, not from the one before, so that a processor works
    /// on several at a time.
    #[inline]
    pub(crate) fn fill(&mut self, batch: &mut [u64]) {
        let Self { bytes, at, width } = *self;
        let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
        let places = (at..).step_by(width.max(1) as usize);
        if width <= PEEK_BITS {
            batch.iter_mut().zip(places).for_each(|(slot, at)| *slot = peek(bytes, at) & mask);
        } else {
            let wide = |at| peek(bytes, at) & u64::from(u32::MAX) | peek(bytes, at + 32) << 32;
            batch.iter_mut().zip(places).for_each(|(slot, at)| *slot = wide(at) & mask);
        }
        self.at += batch.len() * width as usize;
    }

    pub(crate) fn finish(self) -> Result<&'a [u8], Flaw> {
        BitReader::from(self.bytes, self.at).finish()
    }
}
