//! Aggregates merge like the multisets of measurements that they stand for.

use model::{Aggregate, Distinct, Distribution, Number, Sampling, Scalars, Sketches};
use proptest::prelude::*;

/// One measurement as a client makes it: some series have a sketch of either kind, some have none.
#[derive(Clone, Debug)]
struct Measured {
    value: i32,
    distinct: bool,
    distribution: bool,
}

fn measured() -> impl Strategy<Value = Vec<Measured>> {
    let one = (-1000..1000_i32, any::<bool>(), any::<bool>());
    let one = one.prop_map(|(value, distinct, distribution)| Measured { value, distinct, distribution });
    prop::collection::vec(one, 0..40)
}

fn aggregate(measured: &[Measured]) -> Aggregate {
    measured.iter().map(one).fold(Aggregate::default(), |all, one| merged(&all, &one))
}

fn one(measured: &Measured) -> Aggregate {
    let number = Number::Int(measured.value.into());
    let distinct = measured.distinct.then(|| {
        let mut sketch = Distinct::new(4).expect("4..=18");
        sketch.observe_number(number);
        sketch
    });
    let distribution = measured.distribution.then(|| {
        let mut sketch = Distribution::new();
        sketch.record(number.to_f64());
        sketch
    });
    let any = distinct.is_some() || distribution.is_some();
    let sketches = any.then(|| Box::new(Sketches { distinct, distribution }));
    Aggregate { scalars: Scalars::of(number), sketches }
}

fn merged(one: &Aggregate, other: &Aggregate) -> Aggregate {
    let mut merged = one.clone();
    merged.merge(other);
    merged
}

proptest! {
    #[test]
    fn merge_is_commutative_and_associative_and_nothing_is_its_unit(
        a in measured(), b in measured(), c in measured(),
    ) {
        let (x, y, z) = (aggregate(&a), aggregate(&b), aggregate(&c));
        prop_assert_eq!(merged(&x, &y), merged(&y, &x));
        prop_assert_eq!(merged(&merged(&x, &y), &z), merged(&x, &merged(&y, &z)));
        prop_assert_eq!(&merged(&x, &Aggregate::default()), &x);
        prop_assert_eq!(merged(&merged(&x, &y), &z), aggregate(&[a, b, c].concat()));
        prop_assert_eq!(merged(&Aggregate::default(), &x), x);
    }

    #[test]
    fn what_is_read_is_what_was_measured(measured in measured(), seconds in 0_u64..200) {
        let all = aggregate(&measured);
        let values: Vec<f64> = measured.iter().map(|one| one.value.into()).collect();
        let read = |name: &str| name.parse::<Sampling>().unwrap().read(&all, seconds);
        if values.is_empty() {
            prop_assert_eq!(read("sum"), None);
            return Ok(());
        }
        let (sum, count) = (values.iter().sum::<f64>(), values.len() as f64);
        prop_assert_eq!(read("sum"), Some(sum));
        prop_assert_eq!(read("count"), Some(count));
        prop_assert_eq!(read("avg"), Some(sum / count));
        prop_assert_eq!(read("rate"), (seconds > 0).then_some(sum / seconds as f64));
        prop_assert_eq!(read("min"), values.iter().copied().reduce(f64::min));
        prop_assert_eq!(read("max"), values.iter().copied().reduce(f64::max));
        prop_assert_eq!(read("p50").is_some(), measured.iter().any(|one| one.distribution));
        prop_assert_eq!(read("distinct").is_some(), measured.iter().any(|one| one.distinct));
        let inside = read("p99.9").is_none_or(|p| read("min").unwrap() <= p && p <= read("max").unwrap());
        prop_assert!(inside);
    }
}

#[test]
fn a_percentile_does_not_leave_the_exact_extremes() {
    let one = one(&Measured { value: 300, distinct: false, distribution: true });
    assert_eq!(one.distribution().unwrap().percentile(50.0), Some(300.125));
    assert_eq!(Sampling::Percentile(50.0).read(&one, 60), Some(300.0));
    assert!(one.distinct().is_none());
}
