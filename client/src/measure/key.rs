//! The key under which the client finds a series again: 128 bits over metric and dimensions, from random seeds.
//!
//! Never leaves the process. The order of the dimensions does not matter because the pairs' hashes are added up, and
//! an empty value adds nothing, because it is an absent dimension. As with `model::SeriesHash` two series with the same
//! 128 bits are taken for the same series; the seeds keep anyone from choosing names that collide.

/// 128 bits in two lanes that are hashed from different seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64, u64);

/// The seeds of one client.
#[derive(Clone, Debug)]
pub(crate) struct Keys([[u64; 6]; 2]);

// === impl Key ===

impl Key {
    /// What the hash table looks at.
    #[inline]
    pub(crate) fn table_hash(self) -> u64 {
        self.0
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0), self.1.wrapping_add(other.1))
    }
}

// === impl Keys ===

impl Keys {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    /// The part of the key that an instrument computes once.
    pub(crate) fn metric(&self, metric: &str) -> Key {
        // No dimension has an empty name, so a metric cannot be taken for one.
        self.pair("", metric)
    }

    /// The key of a series of that metric.
    #[inline]
    pub(crate) fn series(&self, metric: Key, dims: &[(&str, &str)]) -> Key {
        dims.iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(metric, |sum, (name, value)| sum.plus(self.pair(name, value)))
    }

    #[inline]
    fn pair(&self, name: &str, value: &str) -> Key {
        let lens = (name.len() as u64) << 32 ^ value.len() as u64;
        let (name, value) = (self.words(name), self.words(value));
        Key(mix(&self.0[0], name, value, lens), mix(&self.0[1], name, value, lens))
    }

    /// Two words that, together with the length, tell strings of up to 16 bytes apart without loss.
    #[inline]
    fn words(&self, string: &str) -> (u64, u64) {
        let bytes = string.as_bytes();
        if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            if bytes.len() <= 16 {
                return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            }
            return self.long(bytes);
        }
        if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
        }
        match *bytes {
            [] => (0, 0),
            [a] => (u64::from(a), 0),
            [a, b] => (u64::from(a) | u64::from(b) << 8, 0),
            [a, b, c, ..] => (u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16, 0),
        }
    }

    fn long(&self, bytes: &[u8]) -> (u64, u64) {
        let [one, two] = &self.0;
        let (mut left, mut right) = (one[4], two[4]);
        let mut rest = bytes;
        while let Some((chunk, after)) = rest.split_first_chunk::<16>() {
            (left, right) = absorb(chunk, left, right, one[5], two[5]);
            rest = after;
        }
        // The last 16 bytes once more, in part: cheaper than padding, and the length is in the key.
        match bytes.last_chunk::<16>() {
            Some(last) => absorb(last, left, right, one[3], two[3]),
            None => (left, right),
        }
    }
}

#[inline]
fn absorb(chunk: &[u8; 16], left: u64, right: u64, seed_left: u64, seed_right: u64) -> (u64, u64) {
    let whole = u128::from_le_bytes(*chunk);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is asked for")]
    let (low, high) = (whole as u64, (whole >> 64) as u64);
    (fold(low ^ left, high ^ seed_left), fold(low ^ seed_right, high ^ right))
}

#[inline]
fn mix(seeds: &[u64; 6], name: (u64, u64), value: (u64, u64), lens: u64) -> u64 {
    let name = fold(name.0 ^ seeds[0], name.1 ^ seeds[1]);
    let value = fold(value.0 ^ seeds[2], value.1 ^ seeds[3]);
    fold(name ^ seeds[4] ^ lens, value ^ seeds[5])
}

/// The full product, folded: one multiplication that spreads every bit of both.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is asked for")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Keys are equal exactly when the canonical series are.
        #[test]
        fn a_key_is_a_series(many in prop::collection::vec(("[ab]{1,2}", prop::collection::btree_map("[a-c]{1,3}", "[xy]{0,20}", 0..4)), 1..60)) {
            let keys = Keys::random();
            let mut seen: HashMap<Key, (String, BTreeMap<String, String>)> = HashMap::new();
            let mut series = std::collections::BTreeSet::new();
            for (metric, dims) in many {
                let mut pairs: Vec<(&str, &str)> = dims.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                pairs.reverse();
                let key = keys.series(keys.metric(&metric), &pairs);
                let mut canonical = dims.clone();
                canonical.retain(|_, value| !value.is_empty());
                series.insert((metric.clone(), canonical.clone()));
                let had = seen.entry(key).or_insert_with(|| (metric.clone(), canonical.clone()));
                prop_assert_eq!(&*had, &(metric, canonical));
            }
            prop_assert_eq!(seen.len(), series.len());
        }
    }

    #[test]
    fn names_and_values_do_not_swap() {
        let keys = Keys::random();
        let metric = keys.metric("M");
        assert_ne!(keys.series(metric, &[("a", "b")]), keys.series(metric, &[("b", "a")]));
        assert_ne!(
            keys.series(metric, &[("a", "b"), ("c", "d")]),
            keys.series(metric, &[("a", "d"), ("c", "b")])
        );
        let long = "x".repeat(40);
        assert_ne!(keys.series(metric, &[("a", &long)]), keys.series(metric, &[("a", &long[1..])]));
    }
}
