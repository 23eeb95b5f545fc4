//! What a series is, and the two hashes that name it for ever.
//!
//! The canonical encoding is: account, metric, then for every dimension in order of its name, name and value; every
//! string as its length (u32, little endian) and its UTF-8 bytes.
//!
//! ```text
//! │ len │ account │ len │ metric │ len │ name₁ │ len │ value₁ │ len │ name₂ │ …
//! ```
//!
//! `SeriesHash` is the 128-bit XXH3 of all of it, `MetricHash` the 64-bit XXH3 of its first two strings.

use std::fmt;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// 128-bit XXH3 of the canonical encoding of a whole series. Two series with the same hash are the same series: at
/// 10^9 series the chance of one collision is about 10^-21.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesHash(pub u128);

/// 64-bit XXH3 of account and metric: `h1` of double hashing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricHash(pub u64);

/// A series within one partition: 0, 1, 2 … by first appearance in its log. The same on every replica.
pub type LocalId = u32;

/// A metric of an account within one partition: 0, 1, 2 … by first appearance in its log.
pub type MetricId = u32;

/// `name=value` pairs, sorted by name, names unique, no empty value (which is the same as an absent dimension).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dims(Vec<(String, String)>);

/// A series by its words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// Whose it is.
    pub account: String,
    /// What is measured.
    pub metric: String,
    /// Of what.
    pub dims: Dims,
}

// === impl SeriesHash ===

impl SeriesHash {
    /// `h2` of double hashing: the half that hash tables do not look at first.
    #[must_use]
    pub fn slot_hash(self) -> u64 {
        self.high()
    }

    /// The high 64 bits.
    #[must_use]
    pub fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// The low 64 bits.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
    pub fn low(self) -> u64 {
        self.0 as u64
    }

    /// From its halves, as they travel in a batch.
    #[must_use]
    pub fn from_halves(high: u64, low: u64) -> Self {
        Self((u128::from(high) << 64) | u128::from(low))
    }
}

impl fmt::Display for SeriesHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for MetricHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

// === impl Dims ===

impl Dims {
    /// Sorts, and drops empty values. The name that stands twice is the error.
    ///
    /// # Errors
    /// The first name that occurs twice.
    pub fn new(mut pairs: Vec<(String, String)>) -> Result<Self, String> {
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.sort();
        match pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            Some(two) => Err(two[0].0.clone()),
            None => Ok(Self(pairs)),
        }
    }

    /// The pairs, sorted by name.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The value under this name; `None` when absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.binary_search_by(|(have, _)| have.as_str().cmp(name)).ok().map(|at| self.0[at].1.as_str())
    }
}

impl FromIterator<(&'static str, &'static str)> for Dims {
    /// For tests and constants, where a name cannot stand twice by accident: the last one wins.
    fn from_iter<I: IntoIterator<Item = (&'static str, &'static str)>>(pairs: I) -> Self {
        let map: std::collections::BTreeMap<_, _> =
            pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Self(map.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

// === impl SeriesKey ===

impl SeriesKey {
    /// The identity on the wire and on disk.
    #[must_use]
    pub fn hash(&self) -> SeriesHash {
        let pairs = self.dims.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str()));
        series_hash(&self.account, &self.metric, pairs, &mut Vec::new())
    }

    /// The hash of its account and metric.
    #[must_use]
    pub fn metric_hash(&self) -> MetricHash {
        metric_hash(&self.account, &self.metric)
    }
}

/// Hashes a series whose pairs are already sorted, unique and without empty values. `scratch` is reused between
/// calls so that a frontend allocates nothing per row.
pub fn series_hash<'a>(
    account: &str,
    metric: &str,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    scratch: &mut Vec<u8>,
) -> SeriesHash {
    scratch.clear();
    put(scratch, account);
    put(scratch, metric);
    for (name, value) in pairs {
        put(scratch, name);
        put(scratch, value);
    }
    SeriesHash(xxh3_128(scratch))
}

/// `h1`: where a metric's partitions begin.
#[must_use]
pub fn metric_hash(account: &str, metric: &str) -> MetricHash {
    let mut canonical = Vec::with_capacity(account.len() + metric.len() + 8);
    put(&mut canonical, account);
    put(&mut canonical, metric);
    MetricHash(xxh3_64(&canonical))
}

fn put(canonical: &mut Vec<u8>, string: &str) {
    let len = u32::try_from(string.len()).unwrap_or(u32::MAX); // the limits end five orders of magnitude earlier
    canonical.extend_from_slice(&len.to_le_bytes());
    canonical.extend_from_slice(string.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_of_pairs_changes_nothing(pairs in pairs(), seed: u64) {
            let mut shuffled = pairs.clone();
            shuffled.sort_by_key(|(name, _)| xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), seed));
            prop_assert_eq!(key(pairs), key(shuffled));
        }

        #[test]
        fn an_empty_value_is_an_absent_dimension(pairs in pairs()) {
            let mut more = pairs.clone();
            more.push(("zz".into(), String::new()));
            prop_assert_eq!(key(pairs).hash(), key(more).hash());
        }

        #[test]
        fn other_words_are_another_series(one in pairs(), other in pairs()) {
            let (one, other) = (key(one), key(other));
            prop_assert_eq!(one == other, one.hash() == other.hash());
        }

        #[test]
        fn what_is_there_is_found(pairs in pairs()) {
            let dims = Dims::new(pairs.clone()).unwrap();
            prop_assert!(dims.pairs().is_sorted());
            for (name, value) in &pairs {
                prop_assert_eq!(dims.get(name).unwrap_or_default(), value);
            }
            prop_assert_eq!(dims.get("nowhere"), None);
        }

        #[test]
        fn halves_come_back(hash: u128) {
            let hash = SeriesHash(hash);
            prop_assert_eq!(SeriesHash::from_halves(hash.high(), hash.low()), hash);
            prop_assert_eq!(hash.to_string(), format!("{:016x}{:016x}", hash.high(), hash.low()));
        }
    }

    fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
        prop::collection::btree_map("[a-dä]{1,2}", "[x-z]{0,2}", 0..6)
            .prop_map(|map| map.into_iter().collect())
    }

    fn key(pairs: Vec<(String, String)>) -> SeriesKey {
        SeriesKey { account: "a".into(), metric: "m".into(), dims: Dims::new(pairs).unwrap() }
    }

    #[test]
    fn a_name_that_stands_twice_is_named() {
        let pairs =
            |words: &[(&str, &str)]| words.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(Dims::new(pairs(&[("b", "1"), ("a", "1"), ("b", "2")])), Err("b".to_owned()));
        assert_eq!(Dims::new(pairs(&[("b", "1"), ("a", "1"), ("b", "1")])), Err("b".to_owned()));
        assert!(Dims::new(pairs(&[("b", "1"), ("b", "")])).is_ok());
    }

    #[test]
    fn words_cannot_flow_into_each_other() {
        let hash = |account: &str, metric: &str, pairs: &[(&str, &str)]| {
            series_hash(account, metric, pairs.iter().copied(), &mut vec![1, 2, 3])
        };
        assert_ne!(hash("ab", "c", &[]), hash("a", "bc", &[]));
        assert_ne!(hash("a", "b", &[("c", "d")]), hash("a", "b", &[("cd", "")]));
        assert_ne!(hash("a", "b", &[("c", "d"), ("e", "f")]), hash("a", "b", &[("c", "d")]));
        assert_ne!(metric_hash("ab", "c"), metric_hash("a", "bc"));
    }

    #[test]
    fn dims_read_as_people_write_them() {
        let dims: Dims = [("b", "2"), ("a", "1"), ("c", "")].into_iter().collect();
        assert_eq!(dims.to_string(), "a=1,b=2");
    }
}
