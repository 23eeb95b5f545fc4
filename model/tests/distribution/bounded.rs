//! Bounds that a user set, against sorted values and a table by bound; and what comes of merging what is cut otherwise.

use model::{Bounds, BoundsError};

use super::*;

/// Some that are alike only in part, negative ones, and one alone. Empty: automatic.
const CUTS: [&[f64]; 5] =
    [&[], &[-40.0, 0.0, 10.0, 1000.0], &[10.0, 20.0, 50.0], &[0.5], &[-1e-6, 10.0, 10.001, 1e9]];

/// What one publisher recorded, and how.
#[derive(Clone, Debug)]
struct Part {
    cut: &'static [f64],
    values: Vec<f64>,
}

fn part() -> impl Strategy<Value = Part> {
    let few = prop_oneof![Just(Vec::new()), values().prop_map(|all| all.into_iter().take(20).collect())];
    (prop::sample::select(&CUTS[..]), few).prop_map(|(cut, values)| Part { cut, values })
}

fn bounds() -> impl Strategy<Value = Vec<f64>> {
    values().prop_map(|mut bounds| {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds
    })
}

proptest! {
    #[test]
    fn a_percentile_is_the_bound_over_the_exact_one(bounds in bounds(), values in values()) {
        let sketch = cut(&bounds, &values);
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        for p in PERCENTILES {
            let exact = exact(&sorted, p);
            let bound = bounds.iter().copied().find(|bound| exact <= *bound).unwrap_or(f64::INFINITY);
            prop_assert_eq!(sketch.percentile(p), Some(bound), "p{}", p);
        }
    }

    #[test]
    fn buckets_are_those_of_a_table(bounds in bounds(), values in values()) {
        let sketch = cut(&bounds, &values);
        let mut table = BTreeMap::new();
        for value in &values {
            *table.entry(bounds.iter().take_while(|bound| *bound < value).count()).or_default() += 1;
        }
        let ends = [&[f64::NEG_INFINITY], &bounds[..], &[f64::INFINITY]].concat();
        let expected: Vec<_> = table.into_iter().map(|(at, count)| (ends[at], ends[at + 1], count)).collect();
        prop_assert_eq!(sketch.buckets().collect::<Vec<_>>(), expected);
        let (least, greatest) = sketch.extremes().unwrap();
        prop_assert!(least <= greatest && least.is_finite() && greatest.is_finite());
    }

    #[test]
    fn any_order_and_grouping_of_any_cuts_gives_the_same_bytes(
        parts in prop::collection::vec(part(), 1..8), picks in prop::collection::vec(any::<prop::sample::Index>(), 16),
    ) {
        let mut left: Vec<Distribution> = parts.iter().map(|part| cut(part.cut, &part.values)).collect();
        let in_order = left[1..].iter().fold(left[0].clone(), |sum, one| union(&sum, one));
        for two in picks.chunks(2) {
            if left.len() > 1 {
                let one = left.swap_remove(two[0].index(left.len()));
                let other = left.swap_remove(two[1].index(left.len()));
                left.push(union(&one, &other));
            }
        }
        prop_assert_eq!(left.len(), 1);
        prop_assert_eq!(bytes(&left[0]), bytes(&in_order));
        prop_assert_eq!(bytes(&in_order), bytes(&slow_merge(&parts)));
    }

    #[test]
    fn what_was_converted_is_never_too_low_and_too_high_by_no_more_than_a_bucket(
        parts in prop::collection::vec(part(), 1..8),
    ) {
        let mut sorted: Vec<f64> = parts.iter().flat_map(|part| part.values.clone()).collect();
        prop_assume!(!sorted.is_empty());
        sorted.sort_by(f64::total_cmp);
        let (least, greatest) = (sorted[0], sorted[sorted.len() - 1]);
        let sketch = slow_merge(&parts);
        for p in PERCENTILES {
            let exact = exact(&sorted, p);
            let widest = parts.iter().map(|part| up(part.cut, exact)).fold(exact, f64::max).min(greatest);
            let read = sketch.percentile(p).unwrap().clamp(least, greatest);
            prop_assert!(exact - 0.0005 * exact.abs() <= read, "p{}: {} for {}", p, read, exact);
            prop_assert!(read <= widest + 0.0005 * widest.abs(), "p{}: {} for {} to {}", p, read, exact, widest);
        }
    }

    #[test]
    fn conversion_moves_no_percentile_that_is_a_bound(bounds in bounds(), values in values()) {
        let sketch = cut(&bounds, &values);
        for p in PERCENTILES {
            let (before, after) = (sketch.percentile(p).unwrap(), sketch.to_automatic().percentile(p).unwrap());
            let moved = (after - before).abs() <= 0.0005 * before.abs();
            prop_assert!(moved || (before.is_infinite() && after > 1.8e19), "p{}: {} from {}", p, after, before);
        }
    }

    #[test]
    fn bounded_bytes_come_back(bounds in bounds(), values in values(), times in 1_u64..) {
        let mut sketch = cut(&bounds, &values);
        sketch.record_n(values[0], times);
        let encoded = bytes(&sketch);
        prop_assert_eq!(Distribution::decode(&encoded), Ok(sketch.clone()));
        prop_assert!(encoded.len() <= 3 + 10 * bounds.len() + 3 + 12 * sketch.buckets().count());
    }

    #[test]
    fn damaged_bounds_are_an_error_or_others(
        bounds in bounds(), values in values(), at in any::<prop::sample::Index>(), to: u8,
    ) {
        let mut damaged = bytes(&cut(&bounds, &values));
        let at = at.index(damaged.len());
        damaged[at] = to;
        check_hostile(&damaged);
        check_hostile(&damaged[..at]);
    }

    #[test]
    fn what_was_added_in_the_same_bounds_can_be_taken_off(bounds in bounds(), a in values(), b in values()) {
        let (x, y) = (cut(&bounds, &a), cut(&bounds, &b));
        prop_assert_eq!(union(&x, &y).minus(&y), Some(x.clone()));
        prop_assert_eq!(x.minus(&union(&x, &y)), None);
        prop_assert_eq!(x.minus(&of(&a)), None);
        prop_assert_eq!(of(&a).minus(&x), None);
        prop_assert_eq!(x.minus(&Distribution::new()), Some(x));
    }
}

/// All parts that hold something cut alike: so is the sum. Else it is automatic, with every value at its bucket's end.
fn slow_merge(parts: &[Part]) -> Distribution {
    let all_empty = parts.iter().all(|part| part.values.is_empty());
    let counting: Vec<&Part> = parts.iter().filter(|part| all_empty || !part.values.is_empty()).collect();
    let all = |value_of: fn(&[f64], f64) -> f64| -> Vec<f64> {
        let moved =
            |part: &&Part| part.values.iter().map(|value| value_of(part.cut, *value)).collect::<Vec<_>>();
        counting.iter().flat_map(moved).collect()
    };
    if counting.iter().all(|part| part.cut == counting[0].cut) {
        cut(counting[0].cut, &all(|_, value| value))
    } else {
        of(&all(up))
    }
}

/// The end of the bucket that a value is in.
fn up(cut: &[f64], value: f64) -> f64 {
    if cut.is_empty() {
        return value;
    }
    cut.iter().copied().find(|bound| value <= *bound).unwrap_or(f64::INFINITY)
}

fn cut(cut: &[f64], values: &[f64]) -> Distribution {
    let mut sketch = match Bounds::new(cut) {
        Ok(bounds) => Distribution::with_bounds(bounds),
        Err(why) => {
            assert_eq!(why, BoundsError::Empty);
            Distribution::new()
        }
    };
    values.iter().for_each(|value| sketch.record(*value));
    sketch
}

#[test]
fn bounds_that_nobody_can_set_are_named() {
    let two = bytes(&cut(&[0.0, 2.0], &[1.0, 3.0]));
    assert_eq!(two, [1, 2, 2, 0, 2, 2, 2, 1, 1, 1]);
    check_error(&[1, 2, 0, 0], &SketchError::Bounds(BoundsError::Empty));
    check_error(&[1, 2, 0x81, 8], &SketchError::Bounds(BoundsError::TooMany(1025)));
    check_error(&[1, 2, 2, 0], &SketchError::Truncated);
    check_error(&[1, 2, 2, 2, 0, 0], &SketchError::Bounds(BoundsError::NotAscending(2)));
    check_error(&[1, 2, 2, 2, 2, 0], &SketchError::Bounds(BoundsError::NotAscending(2)));
    check_error(&[1, 2, 1, 1, 0], &SketchError::Range(0)); // -0
    check_error(&[1, 2, 1, 0xfe, 0x1f, 0], &SketchError::Bounds(BoundsError::NotFinite(1)));
    check_error(&[1, 2, 2, 0, 2, 1, 6, 1], &SketchError::Range(0)); // bucket 3 of 0, 1, 2
    check_error(&[1, 2, 2, 0, 2, 1, 1, 1], &SketchError::Range(0)); // bucket -1
    check_error(&[1, 2, 2, 0, 2, 2, 4, 1, 1, 1], &SketchError::Range(1)); // one after the last
    check_error(&[1, 2, 2, 0, 2, 4], &SketchError::TooMany { claimed: 4, max: 3 });
    check_error(&[1, 2, 2, 0, 2, 0, 0], &SketchError::Trailing(1));
}

#[test]
fn a_sketch_of_all_bounds_is_within_its_size() {
    let bounds: Vec<f64> = (0..1024).map(|at| f64::from(at) * 0.1).collect();
    let mut sketch = cut(&bounds, &bounds);
    (0..1024).for_each(|at| sketch.record_n(bounds[at], u64::MAX));
    sketch.record_n(f64::MAX, u64::MAX);
    assert!(bytes(&sketch).len() < 32 << 10);
    check_hostile(&bytes(&sketch));
}
