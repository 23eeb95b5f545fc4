//! The state machine against a slow and obviously right one, which looks at the whole history anew for every
//! (tier, group, minute); restarts in between change nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alerts::{
    ChangeKind, Column, ColumnPiece, Comparison, Condition, Drift, Operator, Quota, Rule, RuleSet, RuleState,
    Signal, State, Turn, Verdict,
};
use model::{Minute, Sampling};
use proptest::prelude::*;

const GROUPS: usize = 3;
const FIRST: u32 = 1_000;

/// What a rule says beside its metric; the two tiers see every kind of condition.
const SIGNALS: [&str; 12] = [
    "sampling: sum",
    "sampling: sum, non_negative: true, window: 3m",
    "sampling: count, window: 2m",
    "sampling: min, window: 4m",
    "sampling: max",
    "sampling: avg, window: 3m",
    "sampling: rate, window: 2m, absent_as: 0",
    "sampling: p99",
    "ratio_to: {metric: n}, window: 2m",
    "change: {against: 5m, as: difference}, window: 2m",
    "change: {against: 5m}, absent_as: 1",
    "deviation: {over: 6m}, window: 2m",
];
const LONG: &str = "when: '> 1', for: 33m, clear_for: 34m";
const TIERS: [&str; 8] = [
    "when: '> 2'",
    "when: '>= 2', for: 2 of 3, clear_when: '< 1', clear_for: 2 of 2",
    "when: '< 1', for: 3 of 5, clear_for: 2 of 3",
    "when: '!= 0', for: 2 of 2",
    "when: 'beyond 1', clear_when: 'within 0.5', clear_for: 2 of 4",
    LONG,
    "when: no data",
    "when: no data for 3m, clear_for: 2 of 2",
];

/// One minute: how many are skipped before it, what comes in by group, what of it is missing.
#[derive(Clone, Debug)]
struct Step {
    skip: u32,
    operand: Vec<Option<(i8, u8)>>,
    other: Vec<Option<(i8, u8)>>,
    complete: (bool, bool),
    restart: bool,
}

/// How often a value is there, how often a minute is complete, and how many minutes there are.
fn steps(there: f64, least: i8, complete: f64, minutes: usize) -> impl Strategy<Value = Vec<Step>> {
    let values =
        move || prop::collection::vec(prop::option::weighted(there, (least..5, 1_u8..4)), 0..=GROUPS);
    let step = (
        prop_oneof![8 => Just(0_u32), 1 => 1_u32..4, 1 => Just(100)],
        (values(), values()),
        (prop::bool::weighted(complete), prop::bool::weighted(complete)),
        prop::bool::weighted(0.2),
    );
    let step = step.prop_map(|(skip, (operand, other), complete, restart)| Step {
        skip,
        operand,
        other,
        complete,
        restart,
    });
    prop::collection::vec(step, 1..minutes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn verdicts_are_those_of_the_whole_history(
        signal in 0..SIGNALS.len(), tiers in (0..TIERS.len(), 0..TIERS.len()), steps in steps(0.8, -1, 0.9, 80),
    ) {
        check(&rule(SIGNALS[signal], TIERS[tiers.0], TIERS[tiers.1]), &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// Values that nearly always hold, so that counts above a word's bits fill up.
    #[test]
    fn long_runs_too(steps in steps(0.999, 2, 0.98, 160)) {
        check(&rule("sampling: max", LONG, "when: '< 3', for: 40m"), &steps)?;
        check(&rule("sampling: avg", LONG, "when: no data for 34m"), &steps)?;
    }
}

fn rule(signal: &str, first: &str, second: &str) -> Arc<Rule> {
    let text = format!(
        "alerts: [{{name: r, metric: m, forget: 1h, {signal}, tiers: [{{severity: a, {first}}}, {{severity: b, {second}}}]}}]"
    );
    Arc::new(RuleSet::parse(&text).unwrap().rules.remove(0))
}

fn check(rule: &Arc<Rule>, steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut state, mut disk) = (RuleState::new(Arc::clone(rule)), Disk::default());
    let (mut unbroken, mut untouched_disk) = (RuleState::new(Arc::clone(rule)), Disk::default());
    let mut oracle = Oracle { rule: Arc::clone(rule), history: Vec::new() };
    let mut minute = FIRST;
    for step in steps {
        minute += 1 + step.skip;
        let (operand, other) =
            (column(rule, &step.operand, step.complete.0), column(rule, &step.other, step.complete.1));
        let mut told = Vec::new();
        state.close(Minute(minute), &operand, &other, &mut |transition| told.push(transition));
        let mut also = Vec::new();
        unbroken.close(Minute(minute), &operand, &other, &mut |transition| also.push(transition));
        prop_assert_eq!(format!("{told:?}"), format!("{also:?}"));
        oracle.history.push(Past { minute, operand, other });

        for tier in 0..2 {
            for group in 0..state.groups() {
                let expected = oracle.told(tier, group);
                prop_assert_eq!(
                    state.state(tier, group),
                    (expected.state, expected.fired),
                    "tier {} group {} minute {}",
                    tier,
                    group,
                    minute
                );
                let turn =
                    told.iter().find(|one| (usize::from(one.tier), one.group as usize) == (tier, group));
                prop_assert_eq!(turn.and_then(|one| one.turn), expected.turn);
            }
        }
        disk.write(&mut state);
        untouched_disk.write(&mut unbroken);
        let needed = |ring: u8| {
            if ring == 2 || matches!(rule.signal, Signal::Change { .. }) { 8 } else { rule.window }
        };
        prop_assert!(
            disk.columns.keys().all(|(ring, kept)| kept.0 + needed(*ring) > minute + 1),
            "kept too long"
        );
        if step.restart {
            state = disk.read(rule);
        }
    }
    prop_assert_eq!(disk, untouched_disk, "restarts left traces");
    Ok(())
}

/// Trailing groups may be left out, as series that come later are.
fn column(rule: &Rule, values: &[Option<(i8, u8)>], complete: bool) -> Column {
    let of = |value: &Option<(i8, u8)>| value.map_or(f64::NAN, |(value, _)| f64::from(value));
    let count = |value: &Option<(i8, u8)>| value.map_or(0.0, |(_, count)| f64::from(count));
    let averages = rule.operand.sampling == Sampling::Avg;
    let counts = if averages { values.iter().map(count).collect() } else { Vec::new() };
    Column { values: values.iter().map(of).collect(), counts, complete }
}

/// What checkpoints leave on a disk.
#[derive(Debug, Default, PartialEq)]
struct Disk {
    status: Vec<u8>,
    columns: BTreeMap<(u8, Minute), Vec<u8>>,
}

impl Disk {
    fn write(&mut self, state: &mut RuleState) {
        let pieces = state.checkpoint();
        self.status = pieces.status;
        for piece in pieces.put {
            assert!(
                self.columns.insert((piece.ring, piece.minute), piece.bytes).is_none(),
                "a column is written once"
            );
        }
        for key in pieces.delete {
            assert!(self.columns.remove(&key).is_some(), "only what was written is deleted");
        }
    }

    fn read(&self, rule: &Arc<Rule>) -> RuleState {
        let columns = self.columns.iter().map(|((ring, minute), bytes)| ColumnPiece {
            ring: *ring,
            minute: *minute,
            bytes: bytes.clone(),
        });
        RuleState::load(Arc::clone(rule), &self.status, &columns.collect::<Vec<_>>()).unwrap()
    }
}

/// Everything that was ever fed.
struct Oracle {
    rule: Arc<Rule>,
    history: Vec<Past>,
}

struct Past {
    minute: u32,
    operand: Column,
    other: Column,
}

#[derive(Debug)]
struct Told {
    state: State,
    fired: Option<Minute>,
    turn: Option<Turn>,
}

impl Oracle {
    /// From the first minute on, for one group of one tier.
    fn told(&self, tier: usize, group: usize) -> Told {
        let tier = &self.rule.tiers[tier];
        let mut told = Told { state: State::None, fired: None, turn: None };
        let (mut seen, mut firing, mut verdicts) = (None, None, Vec::new());
        for past in &self.history {
            let value = past.operand.values.get(group).copied().filter(|value| !value.is_nan());
            seen = value.map(|_| past.minute).or(seen);
            told = Told { state: State::None, fired: None, turn: None };
            let Some(last) = seen else { continue };
            if past.minute - last >= self.rule.forget {
                told.turn = firing.map(|_| Turn::Gone);
                (seen, firing) = (None, None);
                verdicts.clear();
                continue;
            }
            let (verdict, there) = self.verdict(tier, group, past, firing.is_some());
            verdicts.push(verdict);
            let quota = if firing.is_some() { tier.clear } else { tier.fire };
            let turns = of_last(&verdicts, quota, |one| one == Verdict::Yes) >= quota.hold;
            let could = of_last(&verdicts, quota, |one| one != Verdict::No) >= quota.hold;
            match (firing, turns) {
                (None, true) => {
                    firing = Some(past.minute);
                    told = Told { state: State::Firing, fired: firing.map(Minute), turn: Some(Turn::Fired) };
                    verdicts.clear();
                }
                (Some(since), true) => {
                    firing = None;
                    told = Told {
                        state: State::Resolved,
                        fired: Some(Minute(since)),
                        turn: Some(Turn::Cleared),
                    };
                    verdicts.clear();
                }
                (_, false) => {
                    told.fired = firing.map(Minute);
                    told.state = if could {
                        State::Unknown
                    } else if !there {
                        State::NoData
                    } else if firing.is_some() {
                        State::Firing
                    } else if sooner(&verdicts, quota) {
                        State::Pending
                    } else {
                        State::Ok
                    };
                }
            }
        }
        told
    }

    /// What this minute says to a tier that fires, or does not; and whether there was anything to say it of.
    fn verdict(&self, tier: &alerts::Tier, group: usize, past: &Past, firing: bool) -> (Verdict, bool) {
        let of_operand = |past: &Past| past.operand.clone();
        match tier.condition {
            Condition::NoData => {
                let there = past.operand.values.get(group).is_some_and(|value| !value.is_nan());
                let verdict = match (there, past.operand.complete) {
                    (false, false) => Verdict::Unknown,
                    (there, _) if there == firing => Verdict::Yes,
                    _ => Verdict::No,
                };
                (verdict, true)
            }
            Condition::Compare { fire, clear } => {
                let comparison = if firing { clear } else { fire };
                let mut complete = self.complete(past.minute, self.rule.window, &of_operand);
                let plain = self.plain(group, past.minute);
                let second = |sampling| {
                    self.reduced(group, past.minute, self.rule.window, sampling, &|past: &Past| {
                        past.other.clone()
                    })
                };
                let other_complete =
                    || self.complete(past.minute, self.rule.window, &|past: &Past| past.other.clone());
                let value = match &self.rule.signal {
                    Signal::Value => plain,
                    Signal::Ratio(below) => {
                        complete &= other_complete();
                        plain
                            .zip(second(below.sampling))
                            .filter(|(_, below)| *below != 0.0)
                            .map(|(a, b)| a / b)
                    }
                    Signal::Change { back, kind } => {
                        let (then, window) = (past.minute - back, self.rule.window);
                        complete &= self.complete(then, window, &of_operand);
                        let before =
                            self.reduced(group, then, window, self.rule.operand.sampling, &of_operand);
                        let both = plain.zip(before);
                        both.and_then(|(now, before)| match kind {
                            ChangeKind::Difference => Some(now - before),
                            _ if before == 0.0 => None,
                            ChangeKind::Percent => Some(100.0 * (now - before) / before.abs()),
                            ChangeKind::Factor => Some(now / before),
                        })
                    }
                    Signal::Deviation { over } => {
                        let before = self
                            .history
                            .iter()
                            .filter(|old| old.minute < past.minute && old.minute + over >= past.minute);
                        let before: Vec<&Past> = before.collect();
                        complete &=
                            before.iter().all(|old| self.complete(old.minute, self.rule.window, &of_operand));
                        let values: Vec<f64> =
                            before.iter().filter_map(|old| self.plain(group, old.minute)).collect();
                        plain.and_then(|value| deviation(value, &values, *over))
                    }
                };
                (judge(comparison, value, self.rule.drift(), complete), value.is_some() || !complete)
            }
        }
    }

    fn plain(&self, group: usize, minute: u32) -> Option<f64> {
        let operand = |past: &Past| past.operand.clone();
        let value = self.reduced(group, minute, self.rule.window, self.rule.operand.sampling, &operand);
        let known = self.complete(minute, self.rule.window, &operand);
        value.or(self.rule.absent_as.filter(|_| known))
    }

    fn complete(&self, minute: u32, window: u32, of: &dyn Fn(&Past) -> Column) -> bool {
        self.within(minute, window).all(|past| of(past).complete)
    }

    fn within(&self, minute: u32, window: u32) -> impl Iterator<Item = &Past> {
        self.history.iter().filter(move |past| past.minute <= minute && past.minute + window > minute)
    }

    fn reduced(
        &self,
        group: usize,
        minute: u32,
        window: u32,
        sampling: Sampling,
        of: &dyn Fn(&Past) -> Column,
    ) -> Option<f64> {
        let (mut values, mut counts) = (Vec::new(), Vec::new());
        for past in self.within(minute, window) {
            let column = of(past);
            values.extend(column.values.get(group).copied().filter(|value| !value.is_nan()));
            counts.extend(column.counts.get(group).copied());
        }
        let first = values.first().copied()?;
        let sum = || values.iter().skip(1).fold(first, |sum, value| sum + value);
        Some(match sampling {
            Sampling::Min => values.iter().copied().fold(first, f64::min),
            Sampling::Sum | Sampling::Count => sum(),
            Sampling::Rate => sum() / (f64::from(window) * 60.0),
            Sampling::Avg => sum() / counts.iter().sum::<f64>(),
            _ => values.iter().copied().fold(first, f64::max),
        })
    }
}

fn deviation(value: f64, before: &[f64], over: u32) -> Option<f64> {
    if before.len() < 2 || before.len() * 2 < over as usize {
        return None;
    }
    let n = before.len() as f64;
    let mean = before.iter().sum::<f64>() / n;
    let sigma = (before.iter().map(|one| (one - mean) * (one - mean)).sum::<f64>() / n).sqrt();
    Some(if value == mean { 0.0 } else { (value - mean) / sigma })
}

/// Tries every later value that the drift allows.
fn judge(comparison: Comparison, value: Option<f64>, drift: Drift, complete: bool) -> Verdict {
    let holds = |value: f64| if comparison.holds(value) { Verdict::Yes } else { Verdict::No };
    let Some(value) = value else { return if complete { Verdict::No } else { Verdict::Unknown } };
    if complete {
        return holds(value);
    }
    let ordered = !matches!(
        comparison.operator,
        Operator::Equal | Operator::NotEqual | Operator::Beyond | Operator::Within
    );
    // Of the others none is taken to stand, though some do: `beyond 5` of a value that only rises above 5.
    let later: BTreeSet<bool> = [f64::MIN, value, f64::MAX]
        .into_iter()
        .filter(|later| match drift {
            Drift::Up => *later >= value,
            Drift::Down => *later <= value,
            Drift::Any => true,
        })
        .map(|later| comparison.holds(later))
        .collect();
    if later.len() == 1 && ordered { holds(value) } else { Verdict::Unknown }
}

fn of_last(verdicts: &[Verdict], quota: Quota, counts: impl Fn(Verdict) -> bool) -> u32 {
    verdicts.iter().rev().take(quota.of as usize).filter(|one| counts(**one)).count() as u32
}

/// Would M − 1 more that hold be enough?
fn sooner(verdicts: &[Verdict], quota: Quota) -> bool {
    let mut more = verdicts.to_vec();
    more.extend(vec![Verdict::Yes; quota.hold as usize - 1]);
    of_last(&more, quota, |one| one == Verdict::Yes) >= quota.hold
}
