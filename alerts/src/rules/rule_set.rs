//! All rules that hold at one time.

use std::collections::BTreeSet;

use super::{AccountLimit, MetricSetting, Rule, parse};
use crate::limits::RULES_MAX;
use crate::problem::{Problem, Problems};

/// The rules of one or more files, in their order.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// In the order of the files.
    pub rules: Vec<Rule>,
    /// What holds for metrics, in the same order: the first that is for a metric counts.
    pub metrics: Vec<MetricSetting>,
    /// What accounts may send, likewise.
    pub limits: Vec<AccountLimit>,
}

// === impl RuleSet ===

impl RuleSet {
    /// Reads one file.
    ///
    /// # Errors
    /// All that is wrong with it, of each rule the first thing.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        parse::file(text)
    }

    /// Adds the rules of another file.
    ///
    /// # Errors
    /// When both have a rule of the same name, or there are too many; `self` is then as it was.
    pub fn merge(&mut self, other: Self) -> Result<(), Problem> {
        let problem = |rule: &Rule, what| {
            let (line, column) = rule.place;
            Problem { line, column, field: rule.name.clone(), what }
        };
        let names: BTreeSet<_> = self.rules.iter().map(Rule::key).collect();
        if let Some(twice) = other.rules.iter().find(|rule| names.contains(&rule.key())) {
            let what = format!("account {:?} has a rule of this name in another file", twice.account);
            return Err(problem(twice, what));
        }
        if let Some(beyond) = other.rules.get(RULES_MAX - self.rules.len()) {
            return Err(problem(beyond, format!("the files have more than {RULES_MAX} rules together")));
        }
        self.rules.extend(other.rules);
        self.metrics.extend(other.metrics);
        self.limits.extend(other.limits);
        Ok(())
    }

    /// Is some name there twice? The problem stands where the second is.
    pub(super) fn check_names<'a>(rules: impl Iterator<Item = (&'a Rule, Problem)>) -> Result<(), Problem> {
        let mut names = BTreeSet::new();
        for (rule, problem) in rules {
            if !names.insert(rule.key()) {
                return Err(problem);
            }
        }
        Ok(())
    }
}

impl Rule {
    /// What must be unique.
    pub(super) fn key(&self) -> (&str, &str) {
        (&self.account, &self.name)
    }
}
