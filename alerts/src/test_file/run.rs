//! Runs tests through the very code that the island runs.

use std::sync::Arc;

use model::{Dims, LocalId, Minute, Sampling};

use super::expect::{Expected, Outcome};
use super::parse::{Sample, Test, TestFile};
use crate::members::{GroupName, Members, Readers};
use crate::problem::{Problem, Problems};
use crate::rules::{RuleSet, Signal};
use crate::{Column, RuleState, State};

/// The first minute of a test: any, so long as a change can look back on what was before.
const START: u32 = 100_000;

// === impl TestFile ===

impl TestFile {
    /// Runs all tests; `others` are the rules of the files that it names.
    ///
    /// # Errors
    /// What is wrong with the tests themselves. Tests that fail are no error.
    pub fn run(&self, others: &RuleSet) -> Result<Vec<Outcome>, Problems> {
        let tests = self.tests(others)?;
        let outcomes: Result<Vec<_>, Problem> = tests.iter().map(run).collect();
        Ok(outcomes?)
    }
}

fn run(test: &Test) -> Result<Outcome, Problem> {
    let members = members(test);
    let states = states(test, &members)?;
    let mut outcome = Outcome { name: test.name.clone(), compared: 0, mismatches: Vec::new() };
    for expected in &test.expect {
        let got = of(test, &members, expected, &states)?;
        outcome.compared += got.len();
        outcome.mismatches.extend(expected.against(got));
    }
    Ok(outcome)
}

/// Every sample is a series; those of before are the same series, and have its id.
fn members(test: &Test) -> Members {
    let mut members = Members::default();
    for (id, sample) in (0..).zip(&test.series) {
        let dims: Vec<(&str, &str)> =
            sample.dims.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        members.offer(&test.rule, id, &test.rule.account, &sample.metric, &dims);
    }
    members
}

/// By minute, tier and group.
fn states(test: &Test, members: &Members) -> Result<Vec<Vec<Vec<State>>>, Problem> {
    let mut state = RuleState::new(Arc::clone(&test.rule));
    let sampling = test.rule.operand.sampling;
    if let Signal::Change { back, .. } = test.rule.signal {
        let before = before(test)?;
        for at in 0..test.minutes.min(back as usize) {
            let operand = column(members.operand(), &before, at, sampling, true)?;
            state.close(Minute(START - back + at as u32), &operand, &Column::default(), &mut |_| {});
        }
    }
    let rows: Vec<(LocalId, &Sample)> = (0..).zip(&test.series).collect();
    let mut minutes = Vec::new();
    for at in 0..test.minutes {
        let complete = !test.incomplete[at];
        let mut operand = column(members.operand(), &rows, at, sampling, complete)?;
        operand.values.resize(members.groups(), f64::NAN);
        let other = match &test.rule.signal {
            Signal::Ratio(below) => column(members.other(), &rows, at, below.sampling, complete)?,
            Signal::Value | Signal::Change { .. } | Signal::Deviation { .. } => Column::default(),
        };
        state.close(Minute(START + at as u32), &operand, &other, &mut |_| {});
        let of_tier = |tier| (0..members.groups()).map(|group| state.state(tier, group).0).collect();
        minutes.push((0..test.rule.tiers.len()).map(of_tier).collect());
    }
    Ok(minutes)
}

/// What each series was before, by its id.
fn before(test: &Test) -> Result<Vec<(LocalId, &Sample)>, Problem> {
    let id_of = |sample: &Sample| {
        let same = |one: &Sample| (&one.metric, &one.dims) == (&sample.metric, &sample.dims);
        (0..).zip(&test.series).find(|(_, one)| same(one)).map(|(id, _)| id).ok_or_else(|| Problem {
            what: "before names a series that is not among the series".to_owned(),
            ..sample.at.clone()
        })
    };
    let mut rows: Vec<(LocalId, &Sample)> =
        test.before.iter().map(|sample| Ok((id_of(sample)?, sample))).collect::<Result<_, Problem>>()?;
    rows.sort_by_key(|(id, _)| *id);
    Ok(rows)
}

fn column(
    readers: &Readers,
    rows: &[(LocalId, &Sample)],
    at: usize,
    sampling: Sampling,
    complete: bool,
) -> Result<Column, Problem> {
    let mut column = Column { complete, ..Column::default() };
    for (group, id) in readers.iter() {
        let Ok(row) = rows.binary_search_by_key(&id, |(id, _)| *id) else { continue };
        let (_, sample) = rows[row];
        let Some(value) = sample.values.get(at).copied().flatten() else { continue };
        if !column.add_reading(group, sampling, value) {
            let what = format!(
                "two series of one group have a {sampling} in minute {}: give the merged one",
                at + 1
            );
            return Err(Problem { what, ..sample.at.clone() });
        }
    }
    Ok(column)
}

/// The states of the expected tier and group, by minute.
fn of(
    test: &Test,
    members: &Members,
    expected: &Expected,
    states: &[Vec<Vec<State>>],
) -> Result<Vec<State>, Problem> {
    let words = |name: GroupName<'_>| -> Dims {
        match name {
            GroupName::Words(words) => words.clone(),
            GroupName::Series(id) => test.series[id as usize].dims.clone(),
        }
    };
    let groups = 0..members.groups() as u32;
    let group =
        groups.into_iter().find(|group| members.name(*group).map(words).as_ref() == Some(&expected.dims));
    let tier = test.rule.tiers.iter().position(|tier| tier.severity == expected.severity);
    let (Some(group), Some(tier)) = (group, tier) else {
        let what = "no series that the rule looks at is in this group".to_owned();
        return Err(Problem { what, ..expected.at.clone() });
    };
    Ok(states.iter().map(|minute| minute[tier][group as usize]).collect())
}
