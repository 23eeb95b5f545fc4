//! All that is known of one rule.

use std::sync::Arc;

use model::Minute;

use super::ring::{Ring, reduce};
use super::tier::{Minutely, TierState};
use super::{Column, State, Transition, signal};
use crate::rules::{Rule, Signal};

/// See the module.
#[derive(Debug)]
pub struct RuleState {
    pub(super) rule: Arc<Rule>,
    /// The newest minute that was evaluated.
    pub(super) through: Option<Minute>,
    /// The last minute with data, by group; 0 of none.
    pub(super) seen: Vec<u32>,
    /// One for each of the rule's.
    pub(super) tiers: Vec<TierState>,
    /// The operand's last minutes.
    pub(super) operand: Ring,
    /// Those of what it is divided by.
    pub(super) other: Ring,
    /// The signal's last values, of a deviation.
    pub(super) baseline: Ring,
    /// Columns that came since the last checkpoint, and those that went.
    pub(super) changes: super::bytes::Changes,
    scratch: Scratch,
}

/// Room that is used again each minute.
#[derive(Debug, Default)]
struct Scratch {
    signal: Vec<f64>,
    other: Vec<f64>,
    counts: Vec<f64>,
}

// === impl RuleState ===

impl RuleState {
    /// Of a rule that holds from the next minute on.
    #[must_use]
    pub fn new(rule: Arc<Rule>) -> Self {
        let before = rule.window - 1; // this minute's own column is at hand
        let (back, other, over) = match rule.signal {
            Signal::Value => (0, 0, 0),
            Signal::Ratio(_) => (0, before, 0),
            Signal::Change { back, .. } => (back, 0, 0),
            Signal::Deviation { over } => (0, 0, over),
        };
        Self {
            through: None,
            seen: Vec::new(),
            tiers: rule.tiers.iter().map(|_| TierState::default()).collect(),
            operand: Ring::new(before + back),
            other: Ring::new(other),
            baseline: Ring::new(over),
            changes: super::bytes::Changes::default(),
            scratch: Scratch::default(),
            rule,
        }
    }

    /// The rule.
    #[must_use]
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// The same rule with other texts.
    pub(crate) fn reword(&mut self, rule: Arc<Rule>) {
        debug_assert_eq!(rule.fingerprint, self.rule.fingerprint, "BUG: this is another rule");
        self.rule = rule;
    }

    /// The newest minute that was evaluated.
    #[must_use]
    pub fn through(&self) -> Option<Minute> {
        self.through
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.seen.len()
    }

    /// What a tier says of a group, and when it fired.
    #[must_use]
    pub fn state(&self, tier: usize, group: usize) -> (State, Option<Minute>) {
        let tier = &self.tiers[tier];
        (tier.state(group), tier.fired(group))
    }

    /// What was compared in the newest minute; NaN when there was nothing, or after a restart. For people: no part of the
    /// state.
    #[must_use]
    pub fn value(&self, group: usize) -> f64 {
        self.scratch.signal.get(group).copied().unwrap_or(f64::NAN)
    }

    /// Evaluates a minute: the operand's column, and that of what a ratio divides by. A minute is taken once and in order;
    /// another one is a bug of the caller, and nothing is done.
    pub fn close(
        &mut self,
        minute: Minute,
        operand: &Column,
        other: &Column,
        each: &mut dyn FnMut(Transition),
    ) {
        if self.through.is_some_and(|through| minute <= through) {
            debug_assert!(false, "BUG: minute {minute} was evaluated before");
            return;
        }
        self.through = Some(minute);
        self.grow(operand.values.len());
        for (seen, value) in self.seen.iter_mut().zip(&operand.values) {
            *seen = if value.is_nan() { *seen } else { minute.0 };
        }
        self.expire(minute);
        let mut scratch = std::mem::take(&mut self.scratch);
        let signal_complete = self.signal(minute, operand, other, &mut scratch);
        let at = Minutely {
            minute,
            signal: &scratch.signal,
            signal_complete,
            raw: operand,
            seen: &self.seen,
            drift: self.rule.drift(),
            forget: self.rule.forget,
        };
        for (number, (state, tier)) in (0..).zip(self.tiers.iter_mut().zip(&self.rule.tiers)) {
            state.close(number, tier, &at, each);
        }
        let forget = self.rule.forget;
        self.seen.iter_mut().for_each(|seen| *seen = if minute.0 - *seen >= forget { 0 } else { *seen });
        self.keep(minute, operand, other, &scratch.other);
        self.scratch = scratch;
    }

    /// What later minutes need of this one.
    fn keep(&mut self, minute: Minute, operand: &Column, other: &Column, plain: &[f64]) {
        let complete = operand.complete && self.window(minute).all(|column| column.complete);
        let baseline = || Column { values: plain.to_vec(), counts: Vec::new(), complete };
        self.baseline.push(minute, baseline);
        self.operand.push(minute, || operand.clone());
        self.other.push(minute, || other.clone());
        self.expire(minute.next());
    }

    /// What is kept of the window that ends with this minute.
    fn window(&self, minute: Minute) -> impl Iterator<Item = &Column> + Clone {
        self.operand.window(minute, self.rule.window)
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.seen.len() {
            self.seen.resize(groups, 0);
            self.tiers.iter_mut().for_each(|tier| tier.grow(groups));
        }
    }

    fn expire(&mut self, next: Minute) {
        let changes = &mut self.changes;
        for (number, ring) in (0..).zip([&mut self.operand, &mut self.other, &mut self.baseline]) {
            ring.expire(next, |minute| changes.gone(number, minute));
        }
    }

    /// What is compared, into the scratch; whether all it is made of is complete.
    fn signal(&self, minute: Minute, operand: &Column, other: &Column, scratch: &mut Scratch) -> bool {
        let (rule, groups) = (&self.rule, self.seen.len());
        let Scratch { signal, other: second, counts } = scratch;
        signal.resize(groups, 0.0);
        second.resize(groups, 0.0);
        let (sampling, seconds) = (rule.operand.sampling, rule.window * 60);
        let complete = operand.complete && self.window(minute).all(|column| column.complete);
        reduce(self.window(minute).chain([operand]), sampling, seconds, signal, counts);
        if let Some(value) = rule.absent_as.filter(|_| complete) {
            signal.iter_mut().for_each(|one| *one = if one.is_nan() { value } else { *one });
        }
        match &rule.signal {
            Signal::Value => complete,
            Signal::Ratio(below) => {
                let mut columns = self.other.window(minute, rule.window).chain([other]);
                reduce(columns.clone(), below.sampling, seconds, second, counts);
                signal::ratio(signal, second);
                complete && columns.all(|one| one.complete)
            }
            Signal::Change { back, kind } => {
                let mut columns = self.window(minute.minus(*back));
                reduce(columns.clone(), sampling, seconds, second, counts);
                signal::change(signal, second, *kind);
                complete && columns.all(|one| one.complete)
            }
            Signal::Deviation { over } => {
                second.clone_from(signal); // the plain value is what later minutes are held against
                let mut columns = self.baseline.window(minute, over + 1);
                signal::deviation(signal, columns.clone(), signal::baseline_least(*over));
                complete && columns.all(|one| one.complete)
            }
        }
    }
}
