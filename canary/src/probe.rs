//! What is published: a function of partition, minute and tick, so that it is known without being kept.

use model::{Aggregate, Distinct, Minute, Number, Scalars, Sketches};

/// Measurements of one probe.
const MEASUREMENTS: u64 = 3;
/// They are below; so a minute's sum is exact in a double, and percentiles have something to do.
const VALUE_MAX: u64 = 10_000;

/// One row: sum, count, min, max, a distinct sketch and a distribution.
pub(crate) fn probe(partition: u32, minute: Minute, tick: u64) -> Aggregate {
    let mut scalars = Scalars::default();
    let mut sketches = Sketches::default();
    let mut distinct = Distinct::new(Distinct::PRECISION_DEFAULT).expect("the default is in range");
    let seed = (u64::from(partition) << 40) ^ (u64::from(minute.0) << 3) ^ tick;
    for at in 0..MEASUREMENTS {
        let value = Number::Int(i64::try_from(mixed(seed, at) % VALUE_MAX).expect("a small number"));
        scalars.record(value);
        sketches.record(value.to_f64(), None);
        distinct.observe_number(value);
    }
    sketches.distinct = Some(distinct);
    Aggregate { scalars, sketches: Some(Box::new(sketches)) }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn mixed(seed: u64, at: u64) -> u64 {
    let mut mixed = seed.wrapping_add((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_the_same_for_ever_and_another_for_each_place() {
        let sum = |partition, minute, tick| probe(partition, Minute(minute), tick).scalars.sum();
        assert_eq!(probe(1, Minute(7), 2), probe(1, Minute(7), 2));
        let sums = [sum(1, 7, 2), sum(2, 7, 2), sum(1, 8, 2), sum(1, 7, 3)];
        assert!((1..sums.len()).all(|at| !sums[..at].contains(&sums[at])), "{sums:?}");
        assert_eq!(probe(1, Minute(7), 2).scalars.count, MEASUREMENTS);
    }
}
