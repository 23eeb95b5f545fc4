//! No column takes more than 1.2 times what an ideal coder of its deltas would, and a head.
//!
//! The ideal is the entropy of the deltas as they occur. A column is long compared with the number of
//! different deltas, or that entropy would be one of chance; the head grows with that number, for whoever
//! codes by share has to tell the shares.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// An hour page of 256 series; the bar is about pages and slabs, not about a dozen rows.
const VALUES: usize = 60 * 256;

/// Of a block, whatever it holds: 10 bytes around it, 5 to 25 for base and first values, 15 for lanes, 4 for the list.
const HEAD_BITS: f64 = 8.0 * 54.0;

/// Of each different delta: itself, a Fibonacci code of up to 93 bits, and its share. A far number that occurs once or
/// twice is not listed and takes as much.
const HEAD_BITS_A_DELTA: f64 = 100.0;

/// Bits of the deltas by an ideal coder, and how many different ones there are.
fn ideal(values: &[i64]) -> (f64, usize) {
    let mut counts = HashMap::new();
    values.array_windows::<2>().for_each(|[a, b]| *counts.entry(b.wrapping_sub(*a)).or_insert(0u32) += 1);
    let all = (values.len() - 1) as f64;
    (counts.values().map(|count| -f64::from(*count) * (f64::from(*count) / all).log2()).sum(), counts.len())
}

/// Weighted numbers, drawn by a generator that is a function of the seed.
fn draw(weights: &[(i64, u32)], seed: u64) -> Vec<i64> {
    let total: u64 = weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    let pick = |state: u64| {
        let mut left = (state >> 33) % total;
        weights.iter().find(|(_, weight)| {
            let here = left < u64::from(*weight);
            left = left.wrapping_sub(u64::from(*weight));
            here
        })
    };
    std::iter::successors(Some(seed), next)
        .skip(8)
        .take(VALUES)
        .filter_map(pick)
        .map(|(number, _)| *number)
        .collect()
}

fn weights() -> impl Strategy<Value = Vec<(i64, u32)>> {
    let near = (-20..20i64, 1..1_000u32);
    let far = ((any::<i64>(), 0..63u32).prop_map(|(bits, shift)| bits >> shift), 1..1_000u32);
    let rare = (any::<i32>().prop_map(i64::from), 1..3u32);
    let rule = (Just(0i64), 1_000..100_000u32);
    prop_oneof![
        vec(near.clone(), 2..30),
        vec(far.clone(), 2..20),
        (rule.clone(), vec(near.clone(), 1..6)).prop_map(|(rule, others)| [vec![rule], others].concat()),
        (rule, vec(rare, 1..20)).prop_map(|(rule, others)| [vec![rule], others].concat()),
        (vec(near, 2..10), vec(far, 1..4)).prop_map(|(near, far)| [near, far].concat()),
        (1..400i64).prop_map(|spread| (-spread..=spread).map(|number| (number, 7)).collect()),
        (1.0..200f64).prop_map(|deviation| {
            let reach = (4.0 * deviation) as i64;
            let weight = |number: i64| (1e5 * (-0.5 * (number as f64 / deviation).powi(2)).exp()) as u32 + 1;
            (-reach..=reach).map(|number| (number, weight(number))).collect()
        }),
        (1..200u32).prop_map(|mean| {
            (0..2_000)
                .map(|gap| (gap, (1e6 * (-gap as f64 / f64::from(mean)).exp()) as u32))
                .filter(|(_, weight)| *weight > 0)
                .collect()
        }),
    ]
}

#[track_caller]
fn check(values: Vec<i64>) {
    let (ideal_bits, deltas) = ideal(&values);
    let column = Column::Ints(values);
    let bytes = column.encode();
    let bits = 8.0 * bytes.len() as f64;
    let mode = skip_block(&mut &bytes[..]).expect("a whole block").mode;
    let allowed = 1.2 * ideal_bits + HEAD_BITS + HEAD_BITS_A_DELTA * deltas as f64;
    assert!(
        bits <= allowed,
        "mode {mode}: {bits} bits, and {ideal_bits} by an ideal coder of {deltas} deltas"
    );
    assert_eq!(Column::decode(Kind::Ints, &mut &bytes[..], VALUES), Ok(column));
}

proptest! {
    // A fixed seed: an estimate from a sample is not a proof, and a red that comes once a month helps nobody.
    #![proptest_config(ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn independent_values(weights in weights(), seed in any::<u64>()) {
        check(draw(&weights, seed));
    }

    #[test]
    fn independent_deltas(weights in weights(), seed in any::<u64>()) {
        let sum = |sum: &mut i64, delta: i64| { *sum = sum.wrapping_add(delta); Some(*sum) };
        check(draw(&weights, seed).into_iter().scan(0, sum).collect());
    }
}
