//! The best n of many, in O(many): a buffer of 2n that is cut to n whenever it is full.

use std::cmp::Ordering;

/// The first `n` in the order of `compare`, sorted. `compare` must be total: no two items are equal.
pub(crate) fn best<T: Copy>(
    n: usize,
    items: impl Iterator<Item = T>,
    mut compare: impl FnMut(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    // Once n are known, what is not before the last of them can never be among the best.
    let mut bar: Option<T> = None;
    for item in items {
        if bar.as_ref().is_some_and(|bar| compare(&item, bar).is_ge()) {
            continue;
        }
        kept.push(item);
        if kept.len() >= 2 * n.max(8) {
            kept.select_nth_unstable_by(n - 1, &mut compare);
            kept.truncate(n);
            bar = kept.last().copied();
        }
    }
    kept.sort_unstable_by(&mut compare);
    kept.truncate(n);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_front_of_the_sorted(values in prop::collection::vec(0_u32..50, 0..300), n in 1_usize..30) {
            let items = values.iter().copied().zip(0_u32..);
            let mut sorted: Vec<_> = items.clone().collect();
            sorted.sort_unstable();
            sorted.truncate(n);
            prop_assert_eq!(best(n, items, Ord::cmp), sorted);
        }
    }
}
