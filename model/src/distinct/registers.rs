//! The dense form: per index the greatest rank, a byte each in memory and 6 bits each on the wire.

use super::codes::{Code, Codes, INDEX_BITS};
use crate::SketchError;
use crate::wire::Reader;

/// `2^precision` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registers(Box<[u8]>);

// === impl Registers ===

impl Registers {
    pub(super) fn new(precision: u8) -> Self {
        Self(vec![0; 1 << precision].into_boxed_slice())
    }

    fn precision(&self) -> u32 {
        self.0.len().trailing_zeros()
    }

    /// The rank when all bits after the index are zero.
    fn rank_max(&self) -> u8 {
        rank(64 - self.precision() + 1)
    }

    #[inline]
    pub(super) fn observe(&mut self, hash: u64) {
        let precision = self.precision();
        let zeros = (hash << precision).leading_zeros().min(64 - precision);
        self.raise((hash >> (64 - precision)) as usize, zeros + 1);
    }

    pub(super) fn observe_codes(&mut self, codes: &Codes) {
        let dropped = INDEX_BITS - self.precision();
        codes.iter().for_each(|code: Code| {
            let (index, rank) = fold(code.index(), code.rank(), dropped);
            self.raise(index, rank);
        });
    }

    /// Register by register the greater one; a finer one is folded first.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.0.len() != self.0.len() {
            return self.fold_in(other);
        }
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            *ours = (*ours).max(*theirs);
        }
    }

    /// What it would be had it counted at this coarser (or the same) precision from the start.
    pub(super) fn folded(&self, precision: u8) -> Self {
        if u32::from(precision) == self.precision() {
            return self.clone();
        }
        let mut coarse = Self::new(precision);
        coarse.fold_in(self);
        coarse
    }

    fn fold_in(&mut self, finer: &Self) {
        let dropped = finer.precision() - self.precision();
        for (index, have) in (0..).zip(&finer.0) {
            if *have > 0 {
                let (index, rank) = fold(index, u32::from(*have), dropped);
                self.raise(index, rank);
            }
        }
    }

    #[inline]
    fn raise(&mut self, index: usize, to: u32) {
        self.0[index] = self.0[index].max(rank(to));
    }

    /// Ertl 2017, algorithm 6. Its constant is the one for infinitely many registers, so that it reads high by
    /// `1.08 / 2^precision`: 7 % of the standard error's 26 % at precision 4, nothing to speak of from 8 on.
    pub(super) fn estimate(&self) -> f64 {
        let registers = f64::from(1_u32 << self.precision());
        let counts = self.histogram();
        let full = usize::from(self.rank_max());
        let mut z = registers * tau(1.0 - f64::from(counts[full]) / registers);
        for count in counts[1..full].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += registers * sigma(f64::from(counts[0]) / registers);
        // Registers that are all full (which only damage makes) would be infinitely many; there are 2^64 hashes.
        (registers * registers / (2.0 * std::f64::consts::LN_2 * z)).min(2.0_f64.powi(64))
    }

    fn histogram(&self) -> [u32; 64] {
        let mut counts = [0; 64];
        self.0.iter().for_each(|rank| counts[usize::from(*rank)] += 1);
        counts
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.0.len()
    }

    /// Four registers in three bytes, the first in the lowest bits.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for four in self.0.chunks_exact(4) {
            let bits = four.iter().rev().fold(0, |bits, rank| bits << 6 | u32::from(*rank));
            out.extend_from_slice(&bits.to_le_bytes()[..3]);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, precision: u8) -> Result<Self, SketchError> {
        let packed = reader.take((1 << precision) / 4 * 3)?;
        let mut registers = Self::new(precision);
        for (four, three) in registers.0.chunks_exact_mut(4).zip(packed.chunks_exact(3)) {
            let bits = u32::from_le_bytes([three[0], three[1], three[2], 0]);
            for (register, shift) in four.iter_mut().zip([0, 6, 12, 18]) {
                *register = rank(bits >> shift & 63);
            }
        }
        let max = registers.rank_max();
        match registers.0.iter().position(|have| *have > max) {
            Some(at) => Err(SketchError::Range(at)),
            None => Ok(registers),
        }
    }
}

/// An index without its lowest `dropped` bits, and the rank that it then has: those bits come before what was ranked.
#[inline]
fn fold(index: u32, rank: u32, dropped: u32) -> (usize, u32) {
    let low = index & ((1 << dropped) - 1);
    let rank = if low == 0 { dropped + rank } else { low.leading_zeros() + dropped + 1 - u32::BITS };
    ((index >> dropped) as usize, rank)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a rank is at most 61")]
fn rank(rank: u32) -> u8 {
    rank as u8
}

/// `x + Σ x^(2^k) 2^(k-1)`: the share of the registers that are still zero.
fn sigma(mut x: f64) -> f64 {
    let (mut y, mut z) = (1.0, x);
    if x == 1.0 {
        return f64::INFINITY;
    }
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// `(1 - x - Σ (1 - x^(2^-k))^2 2^-k) / 3`: the share of the registers that are full.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
