//! What the rows say: a pure function of seed, batch and row, cheap enough for millions a second.
//!
//! No value is below zero: so what must be there at least and what may be there at most bound every total.

use model::{Number, Scalars};

/// 2^64 / golden ratio: steps of the counter below.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014): the `at`-th
/// number of a seed, without those before it. Written out because its numbers must never change.
pub(crate) fn random(seed: u64, at: u64) -> u64 {
    let mut z = seed.wrapping_add(at.wrapping_add(1).wrapping_mul(STEP));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A row of this metric from 64 random bits.
pub(crate) fn scalars(metric: usize, bits: u64, floats: bool) -> Scalars {
    match metric {
        0 => single(Number::Int(int(bits & 0xff))),
        1 => merged(bits),
        2 => single(Number::Int(int(bits & 0xffff))),
        _ => percent(bits % 10_000, floats),
    }
}

fn single(value: Number) -> Scalars {
    Scalars::of(value)
}

/// What a client merges in a minute: 1 to 16 measurements of 0 to 2,046.
fn merged(bits: u64) -> Scalars {
    let (count, min, span) = (1 + (bits & 15), (bits >> 4) & 1023, (bits >> 14) & 1023);
    if count == 1 {
        return single(Number::Int(int(min)));
    }
    let between = min + ((((bits >> 24) & 1023) * span) >> 10); // what the others are
    let sum = min + (min + span) + (count - 2) * between;
    Scalars::new(count, Number::Int(int(sum)), Number::Int(int(min)), Number::Int(int(min + span)))
}

/// Hundredths: as a whole number of them, or as the fraction it is.
fn percent(hundredths: u64, floats: bool) -> Scalars {
    if !floats {
        return single(Number::Int(int(hundredths)));
    }
    #[expect(clippy::cast_precision_loss, reason = "below 10,000")]
    let value = hundredths as f64 / 100.0;
    single(Number::from_f64(value).unwrap_or(Number::Int(0))) // always finite
}

fn int(small: u64) -> i64 {
    small.cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::ROW_SUM_MAX;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs for seed 1234567, as in the Rosetta Code collection.
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([0, 1, 2].map(|at| random(1_234_567, at)), expected);
    }

    proptest! {
        #[test]
        fn every_row_is_admissible(metric in 0_usize..4, bits: u64, floats: bool) {
            let row = scalars(metric, bits, floats);
            prop_assert_eq!(row.check(), Ok(()));
            prop_assert!(row.min().to_f64() >= 0.0);
            #[expect(clippy::cast_precision_loss)]
            let (count, limit) = (row.count as f64, ROW_SUM_MAX as f64);
            prop_assert!(row.min().to_f64() * count <= row.sum().to_f64());
            prop_assert!(row.sum().to_f64() <= row.max().to_f64() * count);
            prop_assert!(row.sum().to_f64() <= limit);
        }
    }
}
