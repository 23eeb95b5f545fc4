//! Residuals above the smallest one as Fibonacci codes without a sign: gaps between ids, steps of
//! counters, where small is likely and large is possible.

use crate::bits::{BitReader, BitWriter};
use crate::error::Flaw;
use crate::fibonacci;

/// `None` if a residual is 2^64 - 1 above the base: its code would be that of 2^64.
pub(crate) fn cost(residuals: &[u64], base: u64, span: u64) -> Option<u64> {
    span.checked_add(1)?;
    Some(residuals.iter().map(|residual| u64::from(fibonacci::length(residual.wrapping_sub(base) + 1))).sum())
}

pub(crate) fn put(residuals: &[u64], base: u64, out: &mut Vec<u8>) {
    let mut writer = BitWriter::new(out);
    for residual in residuals {
        fibonacci::put(residual.wrapping_sub(base) + 1, &mut writer);
    }
    writer.finish();
}

pub(crate) fn fill(reader: &mut BitReader<'_>, batch: &mut [u64]) -> Result<(), Flaw> {
    for slot in batch {
        *slot = fibonacci::take(reader)? - 1;
    }
    Ok(())
}
