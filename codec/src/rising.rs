//! Residuals above the smallest one as Fibonacci codes without a sign: gaps between ids, steps of
//! counters, where small is likely and large is possible.

use crate::bits::BitReader;
use crate::error::Flaw;
use crate::fibonacci;
use crate::lanes::{self, Code, Coded};

/// No residual may be 2^64 - 1: its code would be that of 2^64.
pub(crate) fn put(residuals: &[u64], out: &mut Vec<u8>) {
    lanes::put(residuals, out, |residual, writer| fibonacci::put(residual + 1, writer));
}

/// How lanes of such codes are read.
pub(crate) struct Rising;

impl Code for Rising {
    #[inline]
    fn quick(&self, state: u32, window: u64) -> Option<Coded> {
        fibonacci::short(window).map(|(value, bits)| Coded { value: value - 1, bits, state })
    }

    fn slow(&self, state: u32, reader: &mut BitReader<'_>) -> Result<(u64, u32), Flaw> {
        Ok((fibonacci::take(reader)? - 1, state))
    }
}
