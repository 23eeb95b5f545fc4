//! Any bytes as a sketch: the one whose bytes they are, or an error. Two of them merge either way round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{Distinct, Distribution};
use sluice_fuzz::pieces;

fuzz_target!(|data: &[u8]| {
    let (mut sets, mut distributions) = (Vec::new(), Vec::new());
    for bytes in pieces(data).take(2) {
        sets.extend(Distinct::decode(bytes).inspect(|set| assert_eq!(written(|out| set.encode(out)), bytes)));
        let read = Distribution::decode(bytes);
        distributions.extend(read.inspect(|read| assert_eq!(written(|out| read.encode(out)), bytes)));
    }
    sets.iter().for_each(check_set);
    if let [one, other] = &sets[..] {
        let merged = |one: &Distinct, other| {
            let mut merged = one.clone();
            merged.merge(other);
            check_set(&merged);
            merged
        };
        assert_eq!(merged(one, other), merged(other, one));
        assert_eq!(merged(one, one), *one);
    }
    distributions.iter().for_each(check_distribution);
    if let [one, other] = &distributions[..] {
        let merged = |one: &Distribution, other| {
            let mut merged = one.clone();
            merged.merge(other);
            check_distribution(&merged);
            merged
        };
        let both = merged(one, other);
        assert_eq!(both, merged(other, one));
        assert_eq!(both.count(), one.count().saturating_add(other.count()));
        // Below what a bucket holds nothing is lost, where both are cut alike.
        if both.count() < u64::MAX && one.bounds() == other.bounds() {
            assert_eq!(both.minus(other).as_ref(), Some(one));
        }
    }
});

fn check_set(set: &Distinct) {
    assert!(set.estimate() >= 0.0);
    assert_eq!(Distinct::decode(&written(|out| set.encode(out))).as_ref(), Ok(set));
}

fn check_distribution(one: &Distribution) {
    let percentiles = [0.0, 50.0, 99.9, 100.0].map(|percent| one.percentile(percent));
    assert!(percentiles.is_sorted());
    assert_eq!(one.to_automatic().count(), one.count());
    assert_eq!(percentiles.iter().all(Option::is_none), one.is_empty());
    assert!(one.buckets().all(|(low, high, count)| low <= high && count > 0));
    assert_eq!(Distribution::decode(&written(|out| one.encode(out))).as_ref(), Ok(one));
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}
