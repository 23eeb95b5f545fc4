//! Holds the server's answers against the oracle's.
//!
//! In:   every total as the server gave it.
//! Out:  every difference, by metric, bucket and quantity.
//! Never: asks. Whoever asks may use any of the server's APIs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::oracle::{Bounds, Group, Oracle, Quantity};

/// What the server says.
pub type Answers = BTreeMap<(Group, Quantity), f64>;

/// An answer that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Whose total.
    pub group: Group,
    /// Which total.
    pub quantity: Quantity,
    /// What is right; `None` when nothing was sent there.
    pub expected: Option<Bounds>,
    /// What the server said; `None` when it knows nothing of this group.
    pub got: Option<f64>,
}

/// All differences, in order.
#[must_use]
pub fn compare(oracle: &Oracle, answers: &Answers) -> Vec<Difference> {
    let mut known = BTreeSet::new();
    let mut differences = Vec::new();
    for (group, quantity, bounds) in oracle.totals() {
        let key = (group, quantity);
        let got = answers.get(&key).copied();
        if !bounds.allow(got) {
            let group = key.0.clone();
            differences.push(Difference { group, quantity, expected: Some(bounds), got });
        }
        known.insert(key);
    }
    let strangers = answers.iter().filter(|(key, _)| !known.contains(*key));
    differences.extend(strangers.map(|((group, quantity), got)| Difference {
        group: group.clone(),
        quantity: *quantity,
        expected: None,
        got: Some(*got),
    }));
    differences
}

impl Bounds {
    /// May the server say this?
    #[must_use]
    pub fn allow(&self, got: Option<f64>) -> bool {
        match got {
            Some(got) => self.least - self.tolerance <= got && got <= self.most + self.tolerance,
            None => self.optional,
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least.to_bits() == self.most.to_bits() {
            write!(f, "{}", self.least)
        } else {
            write!(f, "{} to {}", self.least, self.most)
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, quantity, expected, got } = self;
        let or_nothing = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        let expected = or_nothing(expected.map(|bounds| bounds.to_string()));
        let got = or_nothing(got.map(|value| value.to_string()));
        write!(f, "{group} {quantity}: expected {expected}, got {got}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::tests::{load, loads};
    use crate::plan::{Load, Plan};

    fn oracle(load: Load) -> Oracle {
        let plan = Plan::new(load).unwrap();
        let mut oracle = Oracle::new(&plan);
        (0..5).for_each(|batch| oracle.acknowledged(&plan, batch));
        oracle
    }

    fn right(oracle: &Oracle) -> Answers {
        oracle.totals().map(|(group, quantity, bounds)| ((group, quantity), bounds.least)).collect()
    }

    proptest! {
        #[test]
        fn a_difference_of_one_is_found(load in loads(), at: prop::sample::Index, up: bool) {
            let oracle = oracle(load);
            let mut answers = right(&oracle);
            prop_assert_eq!(compare(&oracle, &answers), []);
            let key = answers.keys().nth(at.index(answers.len())).unwrap().clone();
            *answers.get_mut(&key).unwrap() += if up { 1.0 } else { -1.0 };
            let found = compare(&oracle, &answers);
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!((&found[0].group, found[0].quantity), (&key.0, key.1));
        }
    }

    #[track_caller]
    fn check(spoil: impl FnOnce(&mut Answers), expected: &[&str]) {
        let oracle = oracle(load());
        let mut answers = right(&oracle);
        spoil(&mut answers);
        let said: Vec<_> = compare(&oracle, &answers).iter().map(ToString::to_string).collect();
        assert_eq!(said, expected);
    }

    fn group(bucket: Option<&str>) -> Group {
        Group { metric: "Loadgen.Requests".to_owned(), bucket: bucket.map(str::to_owned) }
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_named() {
        check(
            |answers| _ = answers.remove(&(group(Some("b003")), Quantity::Count)),
            &["Loadgen.Requests b003 count: expected 5, got nothing"],
        );
        check(
            |answers| _ = answers.insert((group(Some("x")), Quantity::Sum), 7.0),
            &["Loadgen.Requests x sum: expected nothing, got 7"],
        );
        check(
            |answers| *answers.get_mut(&(group(None), Quantity::Count)).unwrap() = f64::NAN,
            &["Loadgen.Requests (all) count: expected 38, got NaN"],
        );
    }
}
