//! Each mode is the one chosen for the numbers it is made for: none of them is dead.

use super::*;

/// The same numbers in every run, evenly spread over 32 bits.
fn spread(count: usize) -> impl Iterator<Item = i64> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(1), next).map(|state| (state >> 32) as i64).skip(1).take(count)
}

/// Residuals for which one coding is the best. Listing shares pays in long columns only.
fn residuals(coding: u8) -> Vec<i64> {
    let one_sided = |number: i64| i64::from((number | 1 << 20).trailing_zeros());
    match coding {
        0 => spread(250).map(|number| number % 256).collect(),
        1 => spread(250)
            .map(|number| if number & 1 << 30 == 0 { one_sided(number) } else { -one_sided(number) })
            .collect(),
        2 => spread(250).map(one_sided).collect(),
        3 => spread(250).map(|number| if number % 20 == 0 { number } else { 0 }).collect(),
        _ => spread(5_000).map(|number| one_sided(number) * one_sided(number >> 8)).collect(),
    }
}

fn sums(values: &[i64]) -> Vec<i64> {
    values
        .iter()
        .scan(0i64, |sum, value| {
            *sum = sum.wrapping_add(*value);
            Some(*sum)
        })
        .collect()
}

#[track_caller]
fn check(column: &Column, expected: u8) {
    let bytes = column.encode();
    assert_eq!(skip_block(&mut &bytes[..]).expect("a whole block").mode, expected);
    assert_eq!(Column::decode(column.kind(), &mut &bytes[..], column.len()).as_ref(), Ok(column));
}

#[test]
fn every_order_and_coding_has_its_numbers() {
    for coding in 0..5 {
        let values = residuals(coding);
        check(&Column::Ints(values.clone()), 1 + coding);
        check(&Column::Ints(sums(&values)), 6 + coding);
        check(&Column::Timestamps(sums(&values)), 6 + coding);
        check(&Column::Timestamps(sums(&sums(&values))), 11 + coding);
    }
}

#[test]
fn lines_cost_nothing_by_the_value() {
    for step in [0, 1, -60_000, i64::MAX] {
        let line: Vec<i64> = (0..10_000).map(|index: i64| index.wrapping_mul(step)).collect();
        for column in [Column::Ints(line.clone()), Column::Timestamps(line)] {
            check(&column, 0);
            assert!(column.encode().len() < 32, "step {step}");
        }
    }
    check(&Column::Ids((5..10_000).collect()), 0);
    check(&Column::Flags(vec![9; 10_000]), 0);
}

#[test]
fn floats_of_each_mode() {
    let floats = |values: Vec<f64>| Column::Floats(values.into_iter().map(f64::to_bits).collect());
    check(&floats(vec![f64::NAN; 100]), 0);
    check(&floats(spread(500).map(|number| (number % 10_000) as f64 / 100.0).collect()), 1);
    check(&floats(spread(500).map(|number| 1.0 + (number as f64).sqrt() / 1e9).collect()), 2);
    check(&Column::Floats(spread(500).map(|number| (number << 32 ^ number) as u64).collect()), 2);
}

/// Sums of decimals, and decimals with a stranger among them, stay decimals.
#[test]
fn nearly_decimal_is_decimal() {
    let prices: Vec<f64> = spread(500).map(|number| (number % 10_000) as f64 / 100.0).collect();
    let sums = prices.windows(7).map(|window| window.iter().sum::<f64>().to_bits()).collect();
    let column = Column::Floats(sums);
    check(&column, 1);
    assert!(column.encode().len() < 500 * 20 / 8, "{} bytes", column.encode().len());
    for stranger in [-0.0, f64::NAN, f64::INFINITY, 1e300, f64::MIN_POSITIVE / 2.0, 9.475682085032949] {
        let mut bits: Vec<u64> = prices.iter().map(|price| price.to_bits()).collect();
        bits[333] = stranger.to_bits();
        check(&Column::Floats(bits), 1);
    }
}
