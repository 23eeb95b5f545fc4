//! The distribution against sorted values and against `hdrhistogram`.

mod bounded;

use std::collections::BTreeMap;

use model::{Distribution, SketchError};
use proptest::prelude::*;

/// Magnitudes that `semantics.md` promises, zero, both signs, and repeats.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let magnitude = (-6.0..12.0_f64).prop_map(|exponent| 10_f64.powf(exponent));
    let value = prop_oneof![
        magnitude.clone(),
        magnitude.prop_map(|value| -value),
        (-50..50_i32).prop_map(f64::from),
        Just(0.0),
    ];
    prop::collection::vec(value, 1..200)
}

const PERCENTILES: [f64; 13] = [0.0, 0.1, 1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0];

proptest! {
    #[test]
    fn a_percentile_is_the_exact_one_within_a_thousandth(values in values()) {
        let sketch = of(&values);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for p in PERCENTILES {
            let (read, exact) = (sketch.percentile(p).unwrap(), exact(&sorted, p));
            prop_assert!((read - exact).abs() <= 0.0005 * exact.abs(), "p{}: {} for {}", p, read, exact);
        }
        prop_assert_eq!(sketch.count(), values.len() as u64);
    }

    #[test]
    fn merge_is_commutative_and_associative_and_any_split_gives_the_same_bytes(
        a in values(), b in values(), c in values(),
    ) {
        let (x, y, z) = (of(&a), of(&b), of(&c));
        prop_assert_eq!(union(&x, &y), union(&y, &x));
        prop_assert_eq!(union(&union(&x, &y), &z), union(&x, &union(&y, &z)));
        let whole = of(&[a, b, c].concat());
        prop_assert_eq!(bytes(&union(&union(&x, &y), &z)), bytes(&whole));
        prop_assert_eq!(union(&x, &Distribution::new()), x);
    }

    #[test]
    fn what_was_added_can_be_taken_off(a in values(), b in values()) {
        let (x, y) = (of(&a), of(&b));
        prop_assert_eq!(union(&x, &y).minus(&y), Some(x.clone()));
        prop_assert_eq!(x.minus(&x), Some(Distribution::new()));
        prop_assert_eq!(Distribution::new().minus(&x), None);
        prop_assert_eq!(x.minus(&union(&x, &y)), None);
    }

    #[test]
    fn a_difference_is_bucket_by_bucket(a in values(), b in values()) {
        let (x, y) = (of(&a), of(&b));
        let (mut rest, taken) = (table(&x), table(&y));
        let fits = taken.iter().all(|(low, count)| match rest.get_mut(low) {
            Some(have) if *have >= *count => { *have -= count; true }
            _ => false,
        });
        rest.retain(|_, count| *count > 0);
        prop_assert_eq!(x.minus(&y).map(|left| table(&left)), fits.then_some(rest));
    }

    #[test]
    fn bytes_come_back(values in values(), times in 1_u64..) {
        let mut sketch = of(&values);
        sketch.record_n(values[0], times);
        let encoded = bytes(&sketch);
        prop_assert_eq!(Distribution::decode(&encoded), Ok(sketch));
    }

    #[test]
    fn damaged_bytes_are_an_error_or_another_distribution_of_bounded_size(
        values in values(), hits in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
    ) {
        let mut damaged = bytes(&of(&values));
        for (at, to) in hits {
            let length = damaged.len();
            damaged[at % length] = to;
        }
        check_hostile(&damaged);
        check_hostile(&damaged[..end.index(damaged.len() + 1)]);
    }

    #[test]
    fn noise_is_an_error_or_a_distribution_of_bounded_size(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        check_hostile(&noise);
        check_hostile(&[&[1, 1], &noise[..]].concat());
        check_hostile(&[&[1, 2, 1], &noise[..]].concat());
        check_hostile(&[&[1, 2, 2, 0, 2, 2], &noise[..]].concat());
        check_hostile(&[&[1, 1, 3], &noise[..]].concat());
    }

    #[test]
    fn the_reference_agrees_on_integers(values in prop::collection::vec(1_u64..1_000_000_000, 1..300)) {
        let mut theirs = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        let mut ours = Distribution::new();
        for value in &values {
            theirs.record(*value).unwrap();
            ours.record(*value as f64);
        }
        for p in [50.0, 90.0, 99.0, 99.9, 100.0] {
            let (a, b) = (ours.percentile(p).unwrap(), theirs.value_at_percentile(p) as f64);
            // They answer with a bucket's upper end (0.1 %), we with its midpoint (0.05 %).
            prop_assert!((a - b).abs() <= 0.0015 * b + 0.5, "p{}: {}, they {}", p, a, b);
        }
    }
}

/// Whatever is read is canonical, can be used, and is not much larger than what it was read from.
fn check_hostile(input: &[u8]) {
    if let Ok(sketch) = Distribution::decode(input) {
        assert_eq!(bytes(&sketch), input);
        assert!(sketch.memory_bytes() <= 8 * input.len() + size_of::<Distribution>());
        assert_eq!(sketch.percentile(50.0).is_some(), !sketch.is_empty());
        assert!(sketch.minus(&sketch).is_some_and(|rest| rest.is_empty()));
    }
}

#[test]
fn what_is_no_distribution_is_named() {
    check_error(&[], &SketchError::Truncated);
    check_error(&[2, 1, 0], &SketchError::Version { got: 2, reads: 1 });
    check_error(&[1, 3, 0], &SketchError::Layout(3));
    check_error(&[1, 1], &SketchError::Truncated);
    check_error(&[1, 1, 1, 0], &SketchError::Truncated);
    check_error(&[1, 1, 0, 0], &SketchError::Trailing(1));
    check_error(&[1, 1, 0xff, 0xff, 0x0f], &SketchError::Truncated);
    check_error(&[1, 1, 0xff, 0xff, 0x1f], &SketchError::TooMany { claimed: 0x7_ffff, max: 262_145 });
    check_error(&[1, 1, 1, 0, 0], &SketchError::Entry(0)); // a bucket without measurements
    check_error(&[1, 1, 2, 0, 1, 0, 1], &SketchError::Entry(1)); // the same bucket again
    check_error(&[1, 1, 1, 0x82, 0x80, 0x10, 1], &SketchError::Range(0)); // bucket 131,073
    check_error(&[1, 1, 1, 0x81, 0x80, 0x10, 1], &SketchError::Range(0)); // bucket -131,073
    check_error(&[1, 1, 2, 0x80, 0x80, 0x10, 1, 1, 1], &SketchError::Range(1)); // one after the last
    check_error(&[1, 1, 1, 0, 0x80, 0], &SketchError::Varint);
    let huge = [&[1, 1, 2, 0, 1], &[0xff; 9][..], &[1, 1]].concat();
    check_error(&huge, &SketchError::Range(1)); // a gap of u64::MAX
}

#[track_caller]
fn check_error(input: &[u8], expected: &SketchError) {
    assert_eq!(Distribution::decode(input).as_ref(), Err(expected));
}

#[test]
fn a_rank_is_not_lost_to_rounding() {
    let thousand = of(&(1..=1000).map(f64::from).collect::<Vec<_>>());
    check_rank(&thousand, 99.9, 999.0);
    check_rank(&thousand, 99.91, 1000.0);
    check_rank(&thousand, 50.0, 500.0);
    check_rank(&thousand, 50.05, 501.0);
    check_rank(&thousand, 0.0, 1.0);
    check_rank(&thousand, 0.1, 1.0);
    check_rank(&thousand, 100.0, 1000.0);
    for p in 1..100 {
        check_rank(&thousand, f64::from(p), f64::from(p * 10));
        check_rank(&thousand, f64::from(p) / 10.0, f64::from(p));
    }
}

#[track_caller]
fn check_rank(sketch: &Distribution, p: f64, expected: f64) {
    // 1,024 buckets an octave tell integers up to 1,000 apart.
    assert!(
        (sketch.percentile(p).expect("not empty") - expected).abs() < 0.5,
        "p{p}: {:?}",
        sketch.percentile(p)
    );
}

#[test]
fn nothing_has_no_percentile() {
    assert_eq!(Distribution::new().percentile(50.0), None);
    let one = of(&[1.0]);
    assert_eq!((one.percentile(-0.1), one.percentile(100.1), one.percentile(f64::NAN)), (None, None, None));
    assert_eq!(of(&[f64::NAN]), Distribution::new());
    let mut none = Distribution::new();
    none.record_n(1.0, 0);
    assert_eq!(none, Distribution::new());
}

#[test]
fn counts_saturate() {
    let mut sketch = Distribution::new();
    sketch.record_n(1.0, u64::MAX);
    sketch.record_n(1.0, 5);
    sketch.record_n(2.0, u64::MAX);
    sketch.merge(&sketch.clone());
    assert_eq!(sketch.count(), u64::MAX);
    assert!(sketch.percentile(50.0).unwrap() < 1.001 && sketch.percentile(50.1).unwrap() > 1.999);
}

#[test]
fn buckets_ascend_and_hold_everything() {
    let sketch = of(&[-1e30, -1.0, -1e-30, 0.0, 1.0, 1.0, 3.0, 1e30]);
    let buckets: Vec<_> = sketch.buckets().collect();
    assert_eq!(buckets.iter().map(|(_, _, count)| *count).collect::<Vec<_>>(), [1, 1, 2, 2, 1, 1]);
    assert_eq!(buckets[3], (1.0, 1.0 + 1.0 / 1024.0, 2));
    assert_eq!(buckets[1], (-1.0 - 1.0 / 1024.0, -1.0, 1));
    assert_eq!(buckets[5].1, 18_446_744_073_709_551_616.0);
    assert!(buckets.windows(2).all(|two| two[0].1 <= two[1].0));
    assert_eq!(sketch.percentile(50.0), Some(0.0));
}

#[test]
fn a_merge_into_the_same_buckets_keeps_its_memory() {
    let mut sketch = of(&(1..=160).map(f64::from).collect::<Vec<_>>());
    let before = sketch.memory_bytes();
    let part = of(&[3.0, 80.0, 160.0]);
    (0..100).for_each(|_| sketch.merge(&part));
    (0..100).for_each(|_| sketch.merge(&sketch.clone()));
    assert_eq!(sketch.memory_bytes(), before);
}

/// The smallest value at or under which at least p % lie, found by trying each.
fn exact(sorted: &[f64], p: f64) -> f64 {
    let parts = (p * 1000.0).round() as u64;
    let enough = |under: usize| under as u64 * 100_000 >= parts * sorted.len() as u64;
    let at = (0..sorted.len()).find(|at| enough(at + 1)).expect("the last has all under it");
    sorted[at]
}

fn of(values: &[f64]) -> Distribution {
    let mut sketch = Distribution::new();
    values.iter().for_each(|value| sketch.record(*value));
    sketch
}

fn union(one: &Distribution, other: &Distribution) -> Distribution {
    let mut union = one.clone();
    union.merge(other);
    union
}

fn bytes(sketch: &Distribution) -> Vec<u8> {
    let mut out = Vec::new();
    sketch.encode(&mut out);
    out
}

fn table(sketch: &Distribution) -> BTreeMap<u64, u64> {
    sketch.buckets().map(|(low, _, count)| (low.to_bits(), count)).collect()
}
