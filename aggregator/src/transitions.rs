//! Every change of state at a seal as a row of `sluice.alerts.transitions`, in the rule's account.
//!
//! In:    transitions, as the watch tells them, rule by rule and tier by tier.
//! Out:   a batch an account, for the outbox.
//! Kept:  nothing beyond the seal.
//! Never: a transition that is not counted. A row is one transition, its dimensions `rule`, `severity`, `from`, `to`
//!        and those of the group; what is not named one by one is counted under `group=__other__` instead.
//!
//! Named are turns, which somebody is told, and other changes, each kind as far as there is room; an outage of a
//! million series is a million transitions in one minute, and nobody reads them one by one. A series that is seen for
//! the first time and is well, or is forgotten while it was, is never named: that would be a series for every series.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::{Rule, State, Told, Transition};
use model::{Aggregate, Dims, Limits, Minute, Number, Scalars};
use proto::{BatchBuilder, v1};

use crate::accounting::OTHER;

/// The metric.
pub const TRANSITIONS_METRIC: &str = "sluice.alerts.transitions";

/// Turns that one seal names. The rows of both kinds and their words are below 1.5 MB.
const TURNS_NAMED_MAX: usize = 2_000;
/// Other changes that it names.
const CHANGES_NAMED_MAX: usize = 1_000;
/// Bytes of the words of all that are named.
const WORDS_BYTES_MAX: usize = 1 << 20;

/// What a row of ours says of itself; a group's dimension of the same name gets [`OF_GROUP`] before it.
const RULE: &str = "rule";
const SEVERITY: &str = "severity";
const FROM: &str = "from";
const TO: &str = "to";
const GROUP: &str = "group";
const OUR_DIMS: [&str; 5] = [RULE, SEVERITY, FROM, TO, GROUP];
const OF_GROUP: &str = "dim.";

const STATES: usize = State::ALL.len();

/// See the module.
#[derive(Default)]
pub(crate) struct Transitions {
    batches: BTreeMap<String, BatchBuilder>,
    /// What is not named, of the rule, tier and minute that are being told.
    run: Option<Run>,
    turns: usize,
    changes: usize,
    words_bytes: usize,
}

struct Run {
    rule: Arc<Rule>,
    tier: u8,
    minute: Minute,
    counts: [[u64; STATES]; STATES],
}

// === impl Transitions ===

impl Transitions {
    /// Takes one; `dims` finds the words of its group, `None` when there are none any more.
    pub(crate) fn add(&mut self, told: &Told<'_>, dims: impl FnOnce() -> Option<Dims>) {
        let named = self.has_room(&told.transition).then(dims).flatten();
        match named.map(|dims| own_dims(&dims)).filter(|dims| self.fits(dims)) {
            Some(dims) => self.name(told, &dims),
            None => self.fold(told),
        }
    }

    /// What there is to put out.
    pub(crate) fn finish(mut self) -> Vec<v1::Batch> {
        self.end_run();
        self.batches.into_values().map(BatchBuilder::build).collect()
    }

    fn has_room(&self, transition: &Transition) -> bool {
        use State::{None, Ok};
        match transition.turn {
            Some(_) => self.turns < TURNS_NAMED_MAX,
            _ if matches!((transition.from, transition.to), (None, Ok) | (Ok, None)) => false,
            _ => self.changes < CHANGES_NAMED_MAX,
        }
    }

    fn fits(&self, dims: &[(String, String)]) -> bool {
        dims.len() + OUR_DIMS.len() <= Limits::DEFAULT.dims_max
            && dims.iter().all(|(name, _)| name.len() <= Limits::DEFAULT.name_bytes_max)
            && self.words_bytes + words_bytes(dims) <= WORDS_BYTES_MAX
    }

    fn name(&mut self, told: &Told<'_>, dims: &[(String, String)]) {
        self.words_bytes += words_bytes(dims);
        if told.transition.turn.is_some() {
            self.turns += 1;
        } else {
            self.changes += 1;
        }
        let dims = dims.iter().map(|(name, value)| (&**name, &**value));
        let Transition { tier, minute, from, to, .. } = told.transition;
        self.row((told.rule, tier, minute), (from, to), dims, 1);
    }

    fn fold(&mut self, told: &Told<'_>) {
        let Transition { tier, minute, from, to, .. } = told.transition;
        let same = |run: &Run| Arc::ptr_eq(&run.rule, told.rule) && (run.tier, run.minute) == (tier, minute);
        if !self.run.as_ref().is_some_and(same) {
            self.end_run();
        }
        let new = || Run { rule: Arc::clone(told.rule), tier, minute, counts: [[0; STATES]; STATES] };
        self.run.get_or_insert_with(new).counts[from as usize][to as usize] += 1;
    }

    fn end_run(&mut self) {
        let Some(Run { rule, tier, minute, counts }) = self.run.take() else { return };
        for (from, counts) in State::ALL.into_iter().zip(counts) {
            for (to, count) in State::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
                self.row((&rule, tier, minute), (from, to), [(GROUP, OTHER)], count);
            }
        }
    }

    fn row<'d>(
        &mut self,
        (rule, tier, minute): (&'d Rule, u8, Minute),
        (from, to): (State, State),
        dims: impl IntoIterator<Item = (&'d str, &'d str)>,
        count: u64,
    ) {
        let severity = rule.severity(usize::from(tier));
        let ours = [(RULE, &*rule.name), (SEVERITY, severity), (FROM, from.name()), (TO, to.name())];
        // As old as the log is, for a partition that comes back after a pause.
        let new = || BatchBuilder::new(&rule.account).backfill(true);
        let batch = self.batches.entry(rule.account.clone()).or_insert_with(new);
        batch.add(TRANSITIONS_METRIC, ours.into_iter().chain(dims), minute, &Aggregate::of(times(count)));
    }
}

/// So many measurements of 1.
fn times(count: u64) -> Scalars {
    let one = Scalars::of(Number::Int(1));
    Scalars { count, sum: count, ..one }
}

/// A group's dimensions under names that are none of ours.
fn own_dims(dims: &Dims) -> Vec<(String, String)> {
    let mut own: Vec<(String, String)> = dims.pairs().to_vec();
    while let Some(at) = own.iter().position(|(name, _)| OUR_DIMS.contains(&&**name)) {
        let mut name = own[at].0.clone();
        while own.iter().any(|(other, _)| *other == name) {
            name.insert_str(0, OF_GROUP);
        }
        own[at].0 = name;
    }
    own
}

fn words_bytes(dims: &[(String, String)]) -> usize {
    dims.iter().map(|(name, value)| name.len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use alerts::{GroupName, RuleSet, Turn};
    use proto::BatchView;

    use super::*;

    const RULES: &str = "alerts:
  - {name: hot, account: a, metric: m, tiers: [{severity: bad, when: '> 1'}, {severity: worse, when: '> 9'}]}
  - {name: cold, account: b, metric: m, tiers: [{severity: bad, when: '< 1'}]}
";

    #[test]
    fn a_turn_is_a_row_with_the_words_of_its_group() {
        let group = [("Api", "Get"), ("from", "x"), ("dim.from", "y")];
        let told = [(0, 0, State::Ok, State::Firing, Some(Turn::Fired), Some(group.to_vec()))];
        check(&told, &["a 7 hot/bad ok>firing Api=Get dim.from=y dim.dim.from=x: 1"]);
    }

    #[test]
    fn a_first_good_minute_is_counted_and_not_named() {
        let (none, ok) = (State::None, State::Ok);
        let told: Vec<_> = (0..3).map(|_| (0, 0, none, ok, None, Some(vec![]))).collect();
        check(&told, &["a 7 hot/bad none>ok group=__other__: 3"]);
    }

    #[test]
    fn what_has_no_words_is_counted() {
        let told = [
            (0, 0, State::Ok, State::Firing, Some(Turn::Fired), None),
            (0, 1, State::Ok, State::Pending, None, None),
            (1, 0, State::Firing, State::Resolved, Some(Turn::Cleared), Some(vec![("Api", "Get")])),
        ];
        check(
            &told,
            &[
                "a 7 hot/bad ok>firing group=__other__: 1",
                "a 7 hot/worse ok>pending group=__other__: 1",
                "b 7 cold/bad firing>resolved Api=Get: 1",
            ],
        );
    }

    #[test]
    fn beyond_the_room_all_are_counted_and_turns_do_not_lose_theirs_to_others() {
        let (many, mut told) = (CHANGES_NAMED_MAX + 500, Vec::new());
        for _ in 0..many {
            told.push((0, 0, State::Ok, State::Unknown, None, Some(vec![])));
        }
        for _ in 0..TURNS_NAMED_MAX + 1 {
            told.push((1, 0, State::Ok, State::Firing, Some(Turn::Fired), Some(vec![])));
        }
        let rows = rows(&told);
        let named =
            |rule: &str| rows.iter().filter(|row| row.contains(rule) && row.ends_with(" : 1")).count();
        assert_eq!((named("hot/bad"), named("cold/bad")), (CHANGES_NAMED_MAX, TURNS_NAMED_MAX));
        assert!(rows.contains(&"a 7 hot/bad ok>unknown group=__other__: 500".to_owned()));
        assert!(rows.contains(&"b 7 cold/bad ok>firing group=__other__: 1".to_owned()));
    }

    #[test]
    fn long_words_and_many_dimensions_are_counted() {
        let long = "x".repeat(WORDS_BYTES_MAX);
        let names: Vec<String> = (0..60).map(|at| format!("d{at}")).collect();
        let many = names.iter().map(|name| (&**name, "v")).collect();
        let fires = |group| (0, 0, State::Ok, State::Firing, Some(Turn::Fired), Some(group));
        check(&[fires(vec![("a", &*long)]), fires(many)], &["a 7 hot/bad ok>firing group=__other__: 2"]);
    }

    /// Rule, tier, from, to, turn, and the words of the group.
    type Case<'a> = (usize, u8, State, State, Option<Turn>, Option<Vec<(&'a str, &'a str)>>);

    #[track_caller]
    fn check(told: &[Case<'_>], expected: &[&str]) {
        assert_eq!(rows(told), expected);
    }

    fn rows(told: &[Case<'_>]) -> Vec<String> {
        let rules: Vec<Arc<Rule>> = RuleSet::parse(RULES).unwrap().rules.into_iter().map(Arc::new).collect();
        let mut transitions = Transitions::default();
        for (rule, tier, from, to, turn, group) in told {
            let (minute, tier) = (Minute(7), *tier);
            let (from, to, turn) = (*from, *to, *turn);
            let transition = Transition { tier, group: 0, minute, from, to, turn, fired: None, value: 0.0 };
            let told = Told { rule: &rules[*rule], group: GroupName::Series(0), transition };
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            transitions.add(&told, || Dims::new(group.as_ref()?.iter().map(owned).collect()).ok());
        }
        transitions.finish().iter().flat_map(shown).collect()
    }

    fn shown(batch: &v1::Batch) -> Vec<String> {
        let view = BatchView::new(batch).unwrap();
        let row = |at: usize| {
            let row = view.row(at);
            let dim =
                |name: &str| view.dims(row.series).find(|(of, _)| *of == name).map_or("", |(_, value)| value);
            let ours = [RULE, SEVERITY, FROM, TO];
            let rest: Vec<String> = view
                .dims(row.series)
                .filter(|(name, _)| !ours.contains(name))
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            assert_eq!(row.scalars.sum(), Number::Int(row.scalars.count as i64));
            assert!(row.scalars.check().is_ok() && view.metric(row.series) == TRANSITIONS_METRIC);
            let [rule, severity, from, to] = ours.map(dim);
            let (account, rest) = (view.account(), rest.join(" "));
            format!("{account} {} {rule}/{severity} {from}>{to} {rest}: {}", row.minute, row.scalars.count)
        };
        (0..view.rows()).map(row).collect()
    }
}
