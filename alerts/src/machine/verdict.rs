//! Yes, no, or what data that is still missing could make of it.

use crate::rules::{Comparison, Drift, Operator};

/// What one evaluation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does not hold, whatever comes.
    No,
    /// What is missing could turn it.
    Unknown,
    /// It holds, whatever comes.
    Yes,
}

/// A comparison, and which of its verdicts stand although data is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge {
    comparison: Comparison,
    /// A value that holds may be taken as it is.
    yes_stands: bool,
    /// A value that does not hold may be taken as it is.
    no_stands: bool,
    complete: bool,
}

// === impl Judge ===

impl Judge {
    pub(crate) fn new(comparison: Comparison, drift: Drift, complete: bool) -> Self {
        use Operator::{Above, AtLeast, AtMost, Below};
        let (up, down) = match comparison.operator {
            Above | AtLeast => (drift == Drift::Up, drift == Drift::Down),
            Below | AtMost => (drift == Drift::Down, drift == Drift::Up),
            Operator::Equal | Operator::NotEqual | Operator::Beyond | Operator::Within => (false, false),
        };
        Self { comparison, yes_stands: complete || up, no_stands: complete || down, complete }
    }

    /// NaN, which is no value, holds nothing.
    #[inline]
    pub(crate) fn of(self, value: f64) -> Verdict {
        if value.is_nan() {
            return if self.complete { Verdict::No } else { Verdict::Unknown };
        }
        match self.comparison.holds(value) {
            true if self.yes_stands => Verdict::Yes,
            false if self.no_stands => Verdict::No,
            _ => Verdict::Unknown,
        }
    }
}

/// Did anything come in? What came in stays.
#[inline]
pub(crate) fn silence(value: f64, complete: bool) -> (Verdict, Verdict) {
    match (value.is_nan(), complete) {
        (false, _) => (Verdict::No, Verdict::Yes),
        (true, true) => (Verdict::Yes, Verdict::No),
        (true, false) => (Verdict::Unknown, Verdict::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_late_data_cannot_turn_stands() {
        let check = |text: &str, drift, value: f64, expected| {
            let judge = Judge::new(Comparison::parse(text).unwrap(), drift, false);
            assert_eq!(judge.of(value), expected, "{text} {drift:?} {value}");
        };
        check("> 5", Drift::Up, 6.0, Verdict::Yes);
        check("> 5", Drift::Up, 5.0, Verdict::Unknown);
        check("> 5", Drift::Down, 6.0, Verdict::Unknown);
        check("> 5", Drift::Down, 5.0, Verdict::No);
        check("< 5", Drift::Down, 4.0, Verdict::Yes);
        check("< 5", Drift::Up, 4.0, Verdict::Unknown);
        check("< 5", Drift::Up, 5.0, Verdict::No);
        check("> 5", Drift::Any, 6.0, Verdict::Unknown);
        check("beyond 5", Drift::Up, 6.0, Verdict::Unknown);
        check("> 5", Drift::Up, f64::NAN, Verdict::Unknown);
    }

    proptest! {
        /// No verdict but unknown is ever turned by data that comes in later.
        #[test]
        fn a_verdict_stands(
            operator in 0..8, limit in 0_i32..3, now in -3_i32..4, later in -3_i32..4, drift in 0..3,
        ) {
            let text = [">", ">=", "<", "<=", "=", "!=", "beyond", "within"][operator as usize];
            let comparison = Comparison::parse(&format!("{text} {limit}")).unwrap();
            let drift = [Drift::Up, Drift::Down, Drift::Any][drift as usize];
            let can_be = match drift {
                Drift::Up => later >= now,
                Drift::Down => later <= now,
                Drift::Any => true,
            };
            let (then, last) = (Judge::new(comparison, drift, false), Judge::new(comparison, drift, true));
            let (then, last) = (then.of(now.into()), last.of(later.into()));
            prop_assert!(!can_be || then == Verdict::Unknown || then == last, "{:?} {:?}", then, last);
            prop_assert_ne!(last, Verdict::Unknown);
        }
    }
}
