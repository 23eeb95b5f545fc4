//! Mostly zero: how many zeros (a Fibonacci code of the run + 1), then what is not zero (sign bit
//! after the Fibonacci code of the magnitude), and again. The last run ends with the block.

use crate::bits::{BitReader, BitWriter};
use crate::error::Flaw;
use crate::fibonacci;
use crate::signed::{join, split};

/// Reads residuals, a batch at a time; a run may reach over several batches.
#[derive(Debug)]
pub(crate) struct ZeroRun<'a> {
    bits: BitReader<'a>,
    /// Zeros still to come before the next residual that is none.
    zeros: u64,
    /// Whether `zeros` was read for the group that comes next.
    in_group: bool,
}

/// Calls `group` with each run of zeros and what follows it.
fn groups(residuals: &[u64], mut group: impl FnMut(u64, Option<u64>)) {
    let mut zeros = 0;
    for residual in residuals {
        if *residual == 0 {
            zeros += 1;
            continue;
        }
        group(zeros, Some(*residual));
        zeros = 0;
    }
    if zeros > 0 {
        group(zeros, None);
    }
}

pub(crate) fn cost(residuals: &[u64]) -> u64 {
    let mut bits = 0;
    groups(residuals, |zeros, residual| {
        bits += u64::from(fibonacci::length(zeros + 1));
        bits += residual.map_or(0, |residual| u64::from(fibonacci::length(split(residual).0)) + 1);
    });
    bits
}

pub(crate) fn put(residuals: &[u64], out: &mut Vec<u8>) {
    let mut writer = BitWriter::new(out);
    groups(residuals, |zeros, residual| {
        fibonacci::put(zeros + 1, &mut writer);
        if let Some(residual) = residual {
            let (magnitude, sign) = split(residual);
            fibonacci::put_and(magnitude, sign, 1, &mut writer);
        }
    });
    writer.finish();
}

// === impl ZeroRun ===

impl<'a> ZeroRun<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { bits: BitReader::new(input), zeros: 0, in_group: false }
    }

    pub(crate) fn fill(&mut self, mut batch: &mut [u64]) -> Result<(), Flaw> {
        while !batch.is_empty() {
            if !self.in_group {
                self.zeros = fibonacci::take(&mut self.bits)? - 1;
                self.in_group = true;
            }
            let here = batch.len().min(usize::try_from(self.zeros).unwrap_or(usize::MAX));
            let (run, rest) = std::mem::take(&mut batch).split_at_mut(here);
            run.fill(0);
            self.zeros -= here as u64;
            batch = rest;
            if let Some((slot, rest)) = std::mem::take(&mut batch).split_first_mut() {
                let magnitude = fibonacci::take(&mut self.bits)?;
                *slot = join(magnitude, self.bits.read(1));
                self.in_group = false;
                batch = rest;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<&'a [u8], Flaw> {
        if self.zeros > 0 {
            return Err(Flaw("a run of zeros is longer than the count allows"));
        }
        self.bits.finish()
    }
}
