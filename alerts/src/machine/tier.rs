//! One severity of a rule: M of N, and the states, by group.
//!
//! A tier that does not fire counts the evaluations that hold its condition; one that fires counts those that hold the
//! clearing one. Each turn starts the other count from nothing, so that a minute is never counted for both.

use model::Minute;

use super::verdict::{Judge, Verdict, silence};
use super::{State, Transition, Turn};
use crate::limits::QUOTA_OF_MAX;
use crate::rules::{Condition, Drift, Quota, Tier};

/// It fires, whatever the state shows.
pub(crate) const FIRING: u8 = 0x80;

/// All groups of one tier, by column.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TierState {
    /// State, and [`FIRING`].
    pub(crate) status: Vec<u8>,
    /// Evaluations that hold: a bit each, the newest lowest; or how many in a row.
    pub(crate) yes: Vec<u32>,
    /// Those that are unknown: a bit each; or how many in a row hold or are unknown.
    pub(crate) unknown: Vec<u32>,
    /// The minute in which it fired; 0 when it does not and did not end just now.
    pub(crate) fired: Vec<u32>,
}

/// One group of one tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) status: u8,
    pub(crate) yes: u32,
    pub(crate) unknown: u32,
    pub(crate) fired: u32,
}

/// What a minute brings, the same for all tiers.
pub(crate) struct Minutely<'a> {
    pub(crate) minute: Minute,
    /// What is compared.
    pub(crate) signal: &'a [f64],
    /// All minutes that the signal is made of are complete.
    pub(crate) signal_complete: bool,
    /// What came in, in this minute alone.
    pub(crate) raw: &'a super::Column,
    /// The last minute with data, by group; 0 of none.
    pub(crate) seen: &'a [u32],
    pub(crate) drift: Drift,
    pub(crate) forget: u32,
}

// === impl Cell ===

impl Cell {
    fn state(self) -> State {
        State::of(self.status & !FIRING).unwrap_or_default()
    }

    fn firing(self) -> bool {
        self.status & FIRING != 0
    }

    /// One evaluation: what fires, what clears, and whether there was anything to compare.
    #[inline]
    fn step(
        self,
        tier: &Tier,
        fires: Verdict,
        clears: Verdict,
        there: bool,
        minute: Minute,
    ) -> (Self, Option<Turn>) {
        let (quota, verdict) = if self.firing() { (tier.clear, clears) } else { (tier.fire, fires) };
        let (yes, unknown) = count(quota, (self.yes, self.unknown), verdict);
        let turns = reached(quota, yes);
        let could_turn = could_reach(quota, yes, unknown);
        match (self.firing(), turns) {
            (false, true) => (
                Self { status: State::Firing as u8 | FIRING, yes: 0, unknown: 0, fired: minute.0 },
                Some(Turn::Fired),
            ),
            (true, true) => {
                (Self { status: State::Resolved as u8, yes: 0, unknown: 0, ..self }, Some(Turn::Cleared))
            }
            (firing, false) => {
                let state = match (could_turn, there, firing) {
                    (true, _, _) => State::Unknown,
                    (_, false, _) => State::NoData,
                    (_, _, true) => State::Firing,
                    _ if nearer(quota, yes) => State::Pending,
                    _ => State::Ok,
                };
                let (status, fired) =
                    if firing { (state as u8 | FIRING, self.fired) } else { (state as u8, 0) };
                (Self { status, yes, unknown, fired }, None)
            }
        }
    }
}

/// Bits hold [`QUOTA_OF_MAX`] evaluations; more are taken only when all must hold, and then a run's length is enough.
fn by_bits(quota: Quota) -> bool {
    quota.of <= QUOTA_OF_MAX
}

fn newest(evaluations: u32) -> u32 {
    u32::MAX >> (u32::BITS - evaluations)
}

#[inline]
fn count(quota: Quota, (yes, unknown): (u32, u32), verdict: Verdict) -> (u32, u32) {
    if by_bits(quota) {
        let shifted = |bits: u32, is: bool| ((bits << 1) | u32::from(is)) & newest(quota.of);
        return (shifted(yes, verdict == Verdict::Yes), shifted(unknown, verdict == Verdict::Unknown));
    }
    let longer = |run: u32, on: bool| if on { run.saturating_add(1).min(quota.of) } else { 0 };
    (longer(yes, verdict == Verdict::Yes), longer(unknown, verdict != Verdict::No))
}

#[inline]
fn reached(quota: Quota, yes: u32) -> bool {
    if by_bits(quota) { yes.count_ones() >= quota.hold } else { yes >= quota.hold }
}

#[inline]
fn could_reach(quota: Quota, yes: u32, unknown: u32) -> bool {
    if by_bits(quota) { (yes | unknown).count_ones() >= quota.hold } else { unknown >= quota.hold }
}

/// Would it turn sooner than from nothing? The newest N − M + 1 are what the next M − 1 do not push out.
#[inline]
fn nearer(quota: Quota, yes: u32) -> bool {
    if by_bits(quota) { yes & newest(quota.of - quota.hold + 1) != 0 } else { yes > 0 }
}

// === impl TierState ===

impl TierState {
    /// Room for so many groups.
    pub(crate) fn grow(&mut self, groups: usize) {
        self.status.resize(groups, State::None as u8);
        self.yes.resize(groups, 0);
        self.unknown.resize(groups, 0);
        self.fired.resize(groups, 0);
    }

    pub(crate) fn get(&self, group: usize) -> Cell {
        Cell {
            status: self.status[group],
            yes: self.yes[group],
            unknown: self.unknown[group],
            fired: self.fired[group],
        }
    }

    pub(crate) fn set(&mut self, group: usize, cell: Cell) {
        self.status[group] = cell.status;
        self.yes[group] = cell.yes;
        self.unknown[group] = cell.unknown;
        self.fired[group] = cell.fired;
    }

    pub(crate) fn state(&self, group: usize) -> State {
        self.get(group).state()
    }

    pub(crate) fn fired(&self, group: usize) -> Option<Minute> {
        let cell = self.get(group);
        (cell.fired != 0).then_some(Minute(cell.fired))
    }

    /// Evaluates every group.
    pub(crate) fn close(
        &mut self,
        number: u8,
        tier: &Tier,
        at: &Minutely<'_>,
        each: &mut dyn FnMut(Transition),
    ) {
        match tier.condition {
            Condition::Compare { fire, clear } => {
                let fire = Judge::new(fire, at.drift, at.signal_complete);
                let clear = Judge::new(clear, at.drift, at.signal_complete);
                let verdicts = |group: usize| {
                    let value = at.signal[group];
                    // Where nothing is there because it may be missing, the verdicts say so.
                    (fire.of(value), clear.of(value), !value.is_nan() || !at.signal_complete)
                };
                self.each_group(number, tier, at, verdicts, each);
            }
            Condition::NoData => {
                let verdicts = |group: usize| {
                    let (fires, clears) = silence(at.raw.value(group), at.raw.complete);
                    (fires, clears, true)
                };
                self.each_group(number, tier, at, verdicts, each);
            }
        }
    }

    fn each_group(
        &mut self,
        number: u8,
        tier: &Tier,
        at: &Minutely<'_>,
        verdicts: impl Fn(usize) -> (Verdict, Verdict, bool),
        each: &mut dyn FnMut(Transition),
    ) {
        for group in 0..self.status.len() {
            let seen = at.seen[group];
            if seen == 0 {
                continue;
            }
            let (fires, clears, there) = verdicts(group);
            let forgotten = at.minute.0 - seen >= at.forget;
            let quiet = self.status[group] == State::Ok as u8 && fires == Verdict::No && there && !forgotten;
            if quiet && self.yes[group] | self.unknown[group] == 0 {
                continue; // as nearly all are nearly always
            }
            let was = self.get(group);
            let (is, turn) = if forgotten {
                (Cell::default(), was.firing().then_some(Turn::Gone))
            } else {
                was.step(tier, fires, clears, there, at.minute)
            };
            self.set(group, is);
            if is.state() != was.state() || turn.is_some() {
                each(transition(number, group, at, (was, is), turn));
            }
        }
    }
}

fn transition(
    tier: u8,
    group: usize,
    at: &Minutely<'_>,
    (was, is): (Cell, Cell),
    turn: Option<Turn>,
) -> Transition {
    let fired = if turn == Some(Turn::Gone) { was.fired } else { is.fired };
    Transition {
        tier,
        group: group as u32,
        minute: at.minute,
        from: was.state(),
        to: is.state(),
        turn,
        fired: (fired != 0).then_some(Minute(fired)),
        value: at.signal[group],
    }
}
