//! One rule at work on a partition: who its members are, and the state of each.
//!
//! In:    the series and rows of a [`Partition`], minute by minute.
//! Out:   transitions with the words of their group.
//! Kept:  members and state. A rule that a new set repeats word for word keeps both.

use std::sync::Arc;

use model::{Aggregate, LocalId, Minute, Sampling, Scalars, Sketches};

use crate::machine::{Column, ColumnPiece, RuleState, State, StateBytesError, Transition, Turn};
use crate::members::{GroupName, Members, Readers};
use crate::rules::{Rule, Signal};

/// Is given a series and its dimensions.
pub type EachSeries<'a> = &'a mut dyn FnMut(LocalId, &[(&str, &str)]);

/// What a partition tells of its series and of a minute's rows.
pub trait Partition {
    /// Series of a metric, without the first `skip`, by ascending id, with dimensions sorted by name.
    fn series(&self, account: &str, metric: &str, skip: usize, each: EachSeries<'_>);
    /// A series' row of the minute that closes; a count of 0 is none.
    fn row(&self, id: LocalId) -> (&Scalars, Option<&Sketches>);
    /// Rows of this metric that were dropped so far and may have been of a minute that closed.
    fn dropped(&self, account: &str, metric: &str) -> u64;
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) members: Members,
    pub(crate) state: RuleState,
    /// Series of the operand's metric, and of the one that a ratio divides by, that were offered.
    offered: [usize; 2],
    /// Rows dropped until the last seal.
    pub(crate) dropped: u64,
}

/// What checkpoints have written of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedRule {
    /// Rows dropped until the last seal.
    pub dropped: u64,
    /// The newest status.
    pub status: Vec<u8>,
    /// All columns that were put and not deleted, by ring and minute.
    pub columns: Vec<ColumnPiece>,
}

/// What somebody has to be told, in words.
#[derive(Debug)]
pub struct Told<'a> {
    /// The rule.
    pub rule: &'a Arc<Rule>,
    /// What its group is called.
    pub group: GroupName<'a>,
    /// What became of it.
    pub transition: Transition,
}

/// A (rule, tier, group) that is not just ok.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// The rule.
    pub rule: &'a Arc<Rule>,
    /// Which of its tiers.
    pub tier: usize,
    /// The group's number, and what it is called.
    pub number: u32,
    /// See `number`.
    pub group: GroupName<'a>,
    /// Its state.
    pub state: State,
    /// It fires since, whatever the state shows; or fired, when it resolved just now.
    pub fired: Option<Minute>,
    /// What was compared in the newest minute; NaN when there was nothing, or after a restart.
    pub value: f64,
}

// === impl Watched ===

impl Watched {
    pub(crate) fn new(rule: Arc<Rule>) -> Self {
        Self { members: Members::default(), state: RuleState::new(rule), offered: [0; 2], dropped: 0 }
    }

    /// Back from what checkpoints have written; its series are to be offered.
    pub(crate) fn load(
        rule: Arc<Rule>,
        saved: &SavedRule,
        sealed: Option<Minute>,
    ) -> Result<Self, StateBytesError> {
        let state = RuleState::load(Arc::clone(&rule), &saved.status, &saved.columns)?;
        if state.through() > sealed {
            return Err(StateBytesError("has evaluated a minute that is not sealed"));
        }
        Ok(Self { dropped: saved.dropped, state, ..Self::new(rule) })
    }

    /// The same rule with other texts.
    pub(crate) fn with(mut self, rule: Arc<Rule>) -> Self {
        self.state.reword(rule);
        self
    }

    pub(crate) fn close<P: Partition>(
        &mut self,
        minute: Minute,
        partition: &P,
        each: &mut dyn FnMut(Told<'_>),
    ) {
        self.offer(partition);
        let rule = Arc::clone(self.state.rule());
        let dropped = partition.dropped(&rule.account, &rule.operand.metric);
        let complete = dropped == std::mem::replace(&mut self.dropped, dropped);
        let operand = column(self.members.operand(), rule.operand.sampling, complete, partition);
        let other = match &rule.signal {
            Signal::Ratio(below) => column(self.members.other(), below.sampling, complete, partition),
            Signal::Value | Signal::Change { .. } | Signal::Deviation { .. } => Column::default(),
        };
        let members = &self.members;
        self.state.close(minute, &operand, &other, &mut |transition| {
            if let Some(group) = members.name(transition.group) {
                each(Told { rule: &rule, group, transition });
            }
        });
    }

    /// New series, in order of their ids whichever metric they are of: groups are numbered alike after a restart.
    pub(crate) fn offer<P: Partition>(&mut self, partition: &P) {
        let rule = Arc::clone(self.state.rule());
        let Self { members, offered: [operand, below], .. } = self;
        let second = match &rule.signal {
            Signal::Ratio(second) if second.metric != rule.operand.metric => &second.metric,
            _ => {
                // One metric: its series come in order by themselves.
                return partition.series(&rule.account, &rule.operand.metric, *operand, &mut |id, dims| {
                    *operand += 1;
                    members.offer(&rule, id, &rule.account, &rule.operand.metric, dims);
                });
            }
        };
        let mut new = Vec::new();
        for (metric, offered) in [(&rule.operand.metric, operand), (second, below)] {
            partition.series(&rule.account, metric, *offered, &mut |id, dims| {
                *offered += 1;
                let owned = dims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                new.push((id, metric, owned.collect::<Vec<(String, String)>>()));
            });
        }
        new.sort_by_key(|(id, ..)| *id);
        for (id, metric, dims) in &new {
            let dims: Vec<(&str, &str)> = dims.iter().map(|(name, value)| (&**name, &**value)).collect();
            members.offer(&rule, *id, &rule.account, metric, &dims);
        }
    }

    /// The rule holds no more: what fires is over.
    pub(crate) fn end(&self, minute: Minute, each: &mut dyn FnMut(Told<'_>)) {
        let rule = self.state.rule();
        for standing in self.standing().filter(|one| one.fired.is_some() && one.state != State::Resolved) {
            let transition = Transition {
                tier: standing.tier as u8,
                group: standing.number,
                minute,
                from: standing.state,
                to: State::None,
                turn: Some(Turn::Gone),
                fired: standing.fired,
                value: f64::NAN,
            };
            each(Told { rule, group: standing.group, transition });
        }
    }

    pub(crate) fn standing(&self) -> impl Iterator<Item = Standing<'_>> {
        let groups = self.state.groups();
        let all = (0..self.state.rule().tiers.len())
            .flat_map(move |tier| (0..groups).map(move |group| (tier, group)));
        all.filter_map(|(tier, group)| {
            let (state, fired) = self.state.state(tier, group);
            let interesting = !matches!(state, State::None | State::Ok);
            let number = group as u32;
            let name = interesting.then(|| self.members.name(number)).flatten()?;
            let value = self.state.value(group);
            Some(Standing { value, rule: self.state.rule(), tier, number, group: name, state, fired })
        })
    }
}

/// What came in for each group.
fn column<P: Partition>(readers: &Readers, sampling: Sampling, complete: bool, partition: &P) -> Column {
    if sampling.needs_distinct() || sampling.needs_distribution() {
        return sketched(readers, sampling, complete, partition);
    }
    let mut column = Column::empty(complete);
    for (group, id) in readers.iter() {
        let (row, _) = partition.row(id);
        if row.count > 0 {
            column.add(group, sampling, row);
        }
    }
    column
}

/// The same of sketches, which are merged before anything is read off them.
fn sketched<P: Partition>(readers: &Readers, sampling: Sampling, complete: bool, partition: &P) -> Column {
    let mut merged: Vec<Option<Aggregate>> = Vec::new();
    for (group, id) in readers.iter() {
        let (row, sketches) = partition.row(id);
        if row.count == 0 {
            continue;
        }
        if merged.len() <= group {
            merged.resize(group + 1, None);
        }
        let row = Aggregate { scalars: *row, sketches: sketches.cloned().map(Box::new) };
        match &mut merged[group] {
            Some(all) => all.merge(&row),
            none => *none = Some(row),
        }
    }
    let read =
        |row: &Option<Aggregate>| row.as_ref().and_then(|row| sampling.read(row, 60)).unwrap_or(f64::NAN);
    Column { values: merged.iter().map(read).collect(), counts: Vec::new(), complete }
}
