//! Which series a rule looks at, and which group each of them is in.
//!
//! In:    every series of the partition once, by ascending local id, with its words.
//! Out:   by operand the ids it reads, ascending, and the group of each.
//! Kept:  4 B a series of a rule that takes each by itself, 8 B of others, and the words of the groups that are not
//!        series themselves.
//! Never: the words again, once a series is in.

use std::collections::BTreeMap;

use model::{Dims, LocalId, Matcher};

use crate::rules::{GroupBy, Operand, Rule, Signal};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Members {
    operand: Readers,
    other: Readers,
    /// Empty when each series is a group of its own and nothing else is looked at.
    groups: BTreeMap<Dims, u32>,
    /// By group; empty as `groups` is.
    words: Vec<Dims>,
    /// Series that found no room in [`Rule::groups_max`].
    unwatched: u64,
}

/// The series that one operand reads.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    ids: Vec<LocalId>,
    /// By position in `ids`; empty when the position is the group.
    groups: Vec<u32>,
}

/// What one group is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupName<'a> {
    /// These words.
    Words(&'a Dims),
    /// Those of this series.
    Series(LocalId),
}

// === impl Members ===

impl Members {
    /// A series of the partition. Each is offered once, and ids ascend.
    pub fn offer(&mut self, rule: &Rule, id: LocalId, account: &str, metric: &str, dims: &[(&str, &str)]) {
        if account != rule.account {
            return;
        }
        let passes = |operand: &Operand| operand.metric == metric && matches(&operand.filter, dims);
        if passes(&rule.operand) {
            self.add(rule, id, dims, false);
        }
        if let Signal::Ratio(below) = &rule.signal
            && passes(below)
        {
            self.add(rule, id, dims, true);
        }
    }

    fn add(&mut self, rule: &Rule, id: LocalId, dims: &[(&str, &str)], other: bool) {
        let by_itself = rule.by == GroupBy::Tuple && !matches!(rule.signal, Signal::Ratio(_));
        if self.groups() >= rule.groups_max() {
            self.unwatched += 1;
            return;
        }
        let group = (!by_itself).then(|| self.group(words(&rule.by, dims)));
        let readers = if other { &mut self.other } else { &mut self.operand };
        debug_assert!(
            readers.ids.last().is_none_or(|last| *last < id),
            "BUG: series {id} was offered out of order"
        );
        readers.ids.push(id);
        readers.groups.extend(group);
    }

    fn group(&mut self, words: Dims) -> u32 {
        let next = u32::try_from(self.words.len()).expect("groups_max is a u32");
        let group = *self.groups.entry(words.clone()).or_insert(next);
        if group == next {
            self.words.push(words);
        }
        group
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        if self.words.is_empty() { self.operand.ids.len() } else { self.words.len() }
    }

    /// Series that the rule is for and that are not watched, because the partition has too many.
    #[must_use]
    pub fn unwatched(&self) -> u64 {
        self.unwatched
    }

    /// What a group is called.
    #[must_use]
    pub fn name(&self, group: u32) -> Option<GroupName<'_>> {
        let group = group as usize;
        let series = || self.operand.ids.get(group).map(|id| GroupName::Series(*id));
        if self.words.is_empty() { series() } else { self.words.get(group).map(GroupName::Words) }
    }

    /// What the operand reads.
    #[must_use]
    pub fn operand(&self) -> &Readers {
        &self.operand
    }

    /// What a ratio divides by reads.
    #[must_use]
    pub fn other(&self) -> &Readers {
        &self.other
    }
}

// === impl Readers ===

impl Readers {
    /// Group and id of each, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = (usize, LocalId)> {
        let group = |at: usize| self.groups.get(at).map_or(at, |group| *group as usize);
        self.ids.iter().enumerate().map(move |(at, id)| (group(at), *id))
    }
}

fn matches(filter: &[Matcher], dims: &[(&str, &str)]) -> bool {
    let value = |name: &str| dims.iter().find(|(have, _)| *have == name).map_or("", |(_, value)| value);
    filter.iter().all(|matcher| matcher.matches(value(&matcher.dim)))
}

/// What a series' group is called.
fn words(by: &GroupBy, dims: &[(&str, &str)]) -> Dims {
    let kept = dims.iter().filter(|(name, _)| match by {
        GroupBy::Tuple => true,
        GroupBy::Dims(by) => by.iter().any(|have| have == name),
    });
    let owned = kept.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Dims::new(owned).expect("the names of a series are unique")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleSet;

    #[test]
    fn each_series_by_itself_needs_no_words() {
        let (rule, mut members) = (rule("where: [{dim: Api, op: '=~', value: 'G.*'}]"), Members::default());
        for (id, account, metric, api) in [
            (1, "default", "m", "Get"),
            (2, "default", "m", "Put"),
            (3, "other", "m", "Get"),
            (5, "default", "m", "Got"),
        ] {
            members.offer(&rule, id, account, metric, &[("Api", api)]);
        }
        assert_eq!((members.groups(), members.name(1)), (2, Some(GroupName::Series(5))));
        check(members.operand(), &[(0, 1), (1, 5)]);
    }

    #[test]
    fn series_that_agree_are_one_group() {
        let (rule, mut members) = (rule("by: [Region]"), Members::default());
        for (id, region) in [(0, "west"), (1, "east"), (4, "west")] {
            members.offer(&rule, id, "default", "m", &[("Api", "Get"), ("Region", region)]);
        }
        members.offer(&rule, 7, "default", "m", &[("Api", "Get")]);
        assert_eq!(members.groups(), 3);
        let east = Dims::from_iter([("Region", "east")]);
        assert_eq!(members.name(1), Some(GroupName::Words(&east)));
        assert_eq!(members.name(2), Some(GroupName::Words(&Dims::default())));
        check(members.operand(), &[(0, 0), (1, 1), (0, 4), (2, 7)]);
    }

    #[test]
    fn two_metrics_meet_in_a_group() {
        let (rule, mut members) = (rule("ratio_to: {metric: n}"), Members::default());
        for (id, metric, api) in [(0, "n", "Get"), (1, "m", "Get"), (2, "n", "Put"), (3, "x", "Get")] {
            members.offer(&rule, id, "default", metric, &[("Api", api)]);
        }
        assert_eq!(members.groups(), 2);
        check(members.operand(), &[(0, 1)]);
        check(members.other(), &[(0, 0), (1, 2)]);
    }

    fn rule(lines: &str) -> Rule {
        let text = format!(
            "alerts:\n  - name: r\n    metric: m\n    {lines}\n    tiers: [{{severity: a, when: '> 1'}}]\n"
        );
        RuleSet::parse(&text).unwrap().rules.remove(0)
    }

    #[track_caller]
    fn check(readers: &Readers, expected: &[(usize, LocalId)]) {
        assert_eq!(readers.iter().collect::<Vec<_>>(), expected);
    }
}
