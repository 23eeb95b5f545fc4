//! Queries at any moment, through the real coordinator, against the truth of each partition's log.
//!
//! In:    one replica of each partition, up or down, and what the log says that it must know.
//! Out:   nothing, or the first thing in an answer that is not so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Aggregate, Minute, Placement, Sampling};
use partition_log::Offset;
use proto::v1;
use query_coordinator::{Coordinator, Partition, Parts, QueryLimits};
use tokio::runtime::Runtime;

use crate::Wrong;
use crate::facts::{Fact, Truth};
use crate::oracle::{self, Totals};
use crate::publisher::{ACCOUNT, HEARTBEAT, METRICS};
use crate::random::Random;
use crate::room::Room;

/// The house at one moment.
pub(crate) struct Moment<'a> {
    pub(crate) now_ms: u64,
    pub(crate) placement: Placement,
    /// By partition.
    pub(crate) sights: Vec<Sight<'a>>,
}

/// One partition: what a query finds there, and what the house knows of it.
pub(crate) struct Sight<'a> {
    pub(crate) room: Arc<Room>,
    /// Records that the replica has applied; `None` while its machine is down, whatever the room says.
    pub(crate) applied: Option<Offset>,
    /// All that its log says.
    pub(crate) facts: &'a [Fact],
}

/// One question.
#[derive(Debug)]
struct Ask {
    metric: &'static str,
    by: Option<&'static str>,
    rank: &'static str,
    n: u32,
    bottom: bool,
    from: u32,
    to: u32,
    step: u32,
    include_open: bool,
}

/// What must be in the answer.
struct Expected {
    /// By group: the host, or nothing when all are one; and by minute.
    groups: BTreeMap<String, BTreeMap<u32, Aggregate>>,
    declared: BTreeMap<u32, u64>,
    applied: BTreeMap<u32, u64>,
    /// A partition that is down holds some of it.
    misses: bool,
}

const RANKS: [&str; 9] = ["sum", "count", "min", "max", "avg", "rate", "distinct", "p50", "p99"];

// === impl Ask ===

impl Ask {
    fn random(now: Minute, random: &mut Random) -> Self {
        let from = now.minus(random.below(90) as u32);
        let metric = if random.percent(5) { HEARTBEAT } else { METRICS[random.below(METRICS.len())] };
        Self {
            metric,
            by: [Some("host"), Some("*"), None][random.below(3)],
            rank: RANKS[random.below(RANKS.len())],
            n: random.between(1, 9).unsigned_abs() as u32,
            bottom: random.percent(50),
            from: from.0,
            to: from.0 + random.between(1, 95).unsigned_abs() as u32,
            step: [1, 3, 60][random.below(3)],
            include_open: random.percent(50),
        }
    }

    fn request(&self) -> v1::TopRequest {
        v1::TopRequest {
            account: ACCOUNT.into(),
            metric: self.metric.into(),
            by: self.by.map(str::to_owned).into_iter().collect(),
            rank: self.rank.into(),
            n: self.n,
            order: if self.bottom { "bottom".into() } else { String::new() },
            r#where: Vec::new(),
            from: u64::from(self.from) * 60,
            to: u64::from(self.to) * 60,
            pivot: Vec::new(),
            points: true,
            step_seconds: self.step * 60,
            include_open: self.include_open,
        }
    }
}

// === impl Moment ===

impl Moment<'_> {
    /// Asks one thing.
    pub(crate) fn ask(&self, runtime: &Runtime, random: &mut Random) -> Result<(), Wrong> {
        let ask = Ask::random(Minute::of_unix_millis(self.now_ms), random);
        let sampling: Sampling = ask.rank.parse().map_err(|_| Wrong(format!("no sampling {}", ask.rank)))?;
        let reply = runtime.block_on(self.coordinator().top(ask.request()));
        let reply = reply.map_err(|why| Wrong(format!("{ask:?}: {why}")))?;
        let expected = self.expected(&ask);
        let checked = check_rows(&ask, sampling, &reply, &expected)
            .and_then(|()| check_completeness(&reply.completeness.unwrap_or_default(), &expected));
        checked.map_err(|why| Wrong(format!("{ask:?}: {why}")))
    }

    /// Every reading holds what the log says, cell by cell.
    pub(crate) fn compare_views(&self) -> Result<(), Wrong> {
        for Sight { room, applied, facts } in &self.sights {
            let Some(applied) = *applied else { continue };
            let truth = Truth::of(&facts[..at(applied)]);
            for include_open in [true, false] {
                let shown = room
                    .shown(include_open)
                    .ok_or_else(|| Wrong("a machine that is up is said to be down".into()))?;
                let mut got = Totals::new();
                oracle::add_reading(&mut got, &**shown)?;
                let mut expected = truth.cells.clone();
                expected.retain(|(_, _, minute), _| include_open || truth.is_sealed(*minute));
                oracle::compare(&got, &expected)
                    .map_err(|why| Wrong(format!("a view (open: {include_open}): {why}")))?;
            }
        }
        Ok(())
    }

    fn coordinator(&self) -> Coordinator {
        let now = self.now_ms / 1000;
        let partitions =
            self.sights.iter().map(|sight| Arc::<Room>::clone(&sight.room) as Arc<dyn Partition>);
        Coordinator::new(Parts {
            placement: self.placement,
            partitions: (0..).zip(partitions).collect(),
            limits: QueryLimits::default(),
            now: Arc::new(move || now),
            counters: Arc::new(Vec::new),
            version: String::new(),
            started: 0,
        })
    }

    fn expected(&self, ask: &Ask) -> Expected {
        let (groups, declared, applied) = <_>::default();
        let mut expected = Expected { groups, declared, applied, misses: false };
        for Sight { room, applied, facts } in &self.sights {
            let wanted =
                |metric: &str, minute: u32| metric == ask.metric && (ask.from..ask.to).contains(&minute);
            let (Some(position), Some(shown)) = (*applied, room.shown(ask.include_open)) else {
                let cells = Truth::of(facts).cells;
                expected.misses |= cells.keys().any(|(metric, _, minute)| wanted(metric, *minute));
                continue;
            };
            let truth = Truth::of(&facts[..at(position)]);
            for ((metric, host, minute), aggregate) in &truth.cells {
                if !ask.include_open && !truth.is_sealed(*minute) {
                    continue;
                }
                if wanted(metric, *minute) {
                    let group = ask.by.map(|_| host.clone()).unwrap_or_default();
                    expected.groups.entry(group).or_default().entry(*minute).or_default().merge(aggregate);
                }
                if metric == HEARTBEAT {
                    *expected.declared.entry(*minute).or_default() += aggregate.scalars.sum().to_f64() as u64;
                }
            }
            for (minute, rows) in Truth::of(&facts[..at(shown.counted)]).applied {
                *expected.applied.entry(minute).or_default() += rows;
            }
        }
        expected
    }
}

/// Positions are counted from 0 and fit.
fn at(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

// === an answer ===

fn check_rows(ask: &Ask, sampling: Sampling, reply: &v1::TopReply, expected: &Expected) -> Result<(), Wrong> {
    let seconds = u64::from(ask.to - ask.from) * 60;
    let read = |minutes: &BTreeMap<u32, Aggregate>| sampling.read(&merged(minutes.values()), seconds);
    let mut ranked: Vec<(f64, &String)> =
        expected.groups.iter().filter_map(|(group, minutes)| Some((read(minutes)?, group))).collect();
    ranked.sort_by(|one, other| {
        let by_rank = one.0.total_cmp(&other.0);
        if ask.bottom { by_rank } else { by_rank.reverse() }.then_with(|| one.1.cmp(other.1))
    });
    ranked.truncate(ask.n as usize);

    let host = |row: &v1::TopRow| row.dims.get("host").cloned().unwrap_or_default();
    let got: Vec<(f64, String)> = reply.rows.iter().map(|row| (row.rank, host(row))).collect();
    let must: Vec<(f64, String)> = ranked.iter().map(|(rank, group)| (*rank, (*group).clone())).collect();
    same("rows", &got, &must)?;
    for (row, (_, group)) in reply.rows.iter().zip(&ranked) {
        let got: Vec<_> = row.points.iter().map(|point| (point.time, point.value)).collect();
        same("points", &got, &points(ask, sampling, &expected.groups[*group]))?;
    }
    let winners: BTreeSet<&String> = ranked.iter().map(|(_, group)| *group).collect();
    let losers = || expected.groups.iter().filter(|(group, _)| !winners.contains(group));
    let rest = merged(losers().flat_map(|(_, minutes)| minutes.values()));
    let others = reply.others.unwrap_or_default();
    let must = (losers().count() as u64, sampling.read(&rest, seconds));
    same("others", &(others.groups, others.rank), &must)
}

fn points(ask: &Ask, sampling: Sampling, minutes: &BTreeMap<u32, Aggregate>) -> Vec<(u64, Option<f64>)> {
    let starts = (ask.from..ask.to).step_by(ask.step as usize);
    let point = |start: u32| {
        let end = (start + ask.step).min(ask.to);
        let inside = merged(minutes.range(start..end).map(|(_, aggregate)| aggregate));
        (u64::from(start) * 60, sampling.read(&inside, u64::from(end - start) * 60))
    };
    starts.map(point).collect()
}

/// It never says more than is so: a partition that is missing counts, and so does every row that was declared and is
/// not there.
fn check_completeness(said: &v1::Completeness, expected: &Expected) -> Result<(), Wrong> {
    let share = f64::from(said.partitions_answered) / f64::from(said.partitions_asked.max(1));
    if said.ratio > share || (expected.misses && !(said.partial && said.ratio < 1.0)) {
        return Err(Wrong(format!("it is said to be complete to {}, and a partition is down", said.ratio)));
    }
    for minute in said.minutes.iter().filter(|minute| minute.state != "ahead") {
        let at = (minute.time / 60) as u32;
        let of = |rows: &BTreeMap<u32, u64>| rows.get(&at).copied().unwrap_or(0);
        let (declared, applied) = (of(&expected.declared), of(&expected.applied));
        same(
            "rows declared and applied",
            &(minute.rows_declared, minute.rows_applied),
            &(declared, applied),
        )?;
        if declared > 0 && minute.ratio > applied as f64 / declared as f64 {
            return Err(Wrong(format!("minute {at} is {} complete: {applied} of {declared}", minute.ratio)));
        }
    }
    Ok(())
}

fn merged<'a>(aggregates: impl Iterator<Item = &'a Aggregate>) -> Aggregate {
    let mut all = Aggregate::default();
    aggregates.for_each(|aggregate| all.merge(aggregate));
    all
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, must: &T) -> Result<(), Wrong> {
    if got == must { Ok(()) } else { Err(Wrong(format!("{what}: {got:?}, must be {must:?}"))) }
}
