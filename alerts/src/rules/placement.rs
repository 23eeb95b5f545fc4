//! Can one island evaluate a rule by itself?
//!
//! A series of a metric lives on the partition that its whole tuple hashes to, so a group of several series is on one
//! partition only when the metric is, and two metrics meet only where there is one partition. Anything else needs a
//! rollup, which brings a group's rows together; until there are rollups such a rule is refused, never half evaluated.

use model::Placement;

use super::{GroupBy, Rule, RuleSet, Signal};
use crate::problem::Problem;

// === impl RuleSet ===

impl RuleSet {
    /// What no island could evaluate by itself; empty when all is well.
    #[must_use]
    pub fn beyond_one_island(&self, placement: Placement) -> Vec<Problem> {
        let of = |rule: &Rule| {
            let (line, column) = rule.place;
            let what = rule.beyond_one_island(placement)?;
            Some(Problem { line, column, field: rule.name.clone(), what })
        };
        self.rules.iter().filter_map(of).collect()
    }
}

// === impl Rule ===

impl Rule {
    fn beyond_one_island(&self, placement: Placement) -> Option<String> {
        let (partitions, spread) = (placement.partitions(), placement.spread());
        if partitions > 1 && matches!(self.signal, Signal::Ratio(_)) {
            return Some(format!(
                "ratio_to needs both metrics on one partition, and there are {partitions}: a rollup that brings them \
                 together is missing (this version has none), or run with --partitions 1"
            ));
        }
        match &self.by {
            GroupBy::Dims(dims) if spread > 1 => Some(format!(
                "by [{}] groups series of {} partitions: a rollup by these dimensions is missing (this version has \
                 none); use by \"*\", or run with --spread 1",
                dims.join(", "),
                spread
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_island_cannot_see_is_refused() {
        check("by: '*'", 4, 4, "");
        check("by: [Api]", 4, 1, "");
        check("by: [Api]", 1, 1, "");
        check("by: [Api, Region]", 4, 2, "by [Api, Region] groups series of 2 partitions");
        check("by: []", 4, 4, "by [] groups series of 4 partitions");
        check("by: '*'\n    ratio_to: {metric: n}", 1, 1, "");
        check(
            "by: '*'\n    ratio_to: {metric: n}",
            2,
            1,
            "needs both metrics on one partition, and there are 2",
        );
    }

    #[track_caller]
    fn check(lines: &str, partitions: u32, spread: u32, expected: &str) {
        let text = format!(
            "alerts:\n  - name: r\n    metric: m\n    {lines}\n    tiers: [{{severity: bad, when: '> 1'}}]\n"
        );
        let rules = RuleSet::parse(&text).unwrap();
        let got = rules.beyond_one_island(Placement::new(partitions, spread).unwrap());
        match got.as_slice() {
            [] => assert_eq!(expected, ""),
            [one] => {
                assert!(!expected.is_empty() && one.to_string().contains(expected), "{one}");
                assert_eq!((one.line, one.column, one.field.as_str()), (2, 5, "r"));
            }
            _ => panic!("{got:?}"),
        }
    }
}
