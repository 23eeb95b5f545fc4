//! Groups, ranked: the best of a partition and all others as one, or all of them when other partitions hold parts too.

use model::{Aggregate, Number, Sampling};
use store::Columns;

use super::Job;
use crate::best::best;
use crate::budget::{Budget, JobError};
use crate::cells::{Cells, columns_of};
use crate::fold::fold;
use crate::groups::Groups;
use crate::keys::Keys;
use crate::partition::Reading;
use crate::request::Scope;
use crate::tuple::{By, Tuple};
use crate::window::Steps;

/// Groups, ranked.
#[derive(Clone, Debug)]
pub(crate) struct RankJob {
    pub(crate) scope: Scope,
    pub(crate) by: By,
    /// Absent: all groups with data rank the same, so that the first tuples win.
    pub(crate) rank: Option<Sampling>,
    pub(crate) n: usize,
    pub(crate) bottom: bool,
    /// No other partition holds a part of any of these groups.
    pub(crate) local: bool,
}

/// What a partition knows of the groups.
#[derive(Debug)]
pub(crate) struct RankPartial {
    /// Does the partition know the metric at all?
    pub(crate) known: bool,
    pub(crate) groups: PartialGroups,
}

/// Groups that leave a worker.
#[derive(Debug)]
pub(crate) enum PartialGroups {
    /// The best of them, best first, and all others as one.
    Best { best: Vec<Ranked>, rest: Rest },
    /// All of them.
    All { keys: Keys, aggregates: Vec<Aggregate> },
}

/// A group with its name and place.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub(crate) tuple: Tuple,
    pub(crate) aggregate: Aggregate,
    pub(crate) rank: Number,
}

/// Everything the best do not hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest {
    pub(crate) aggregate: Aggregate,
    pub(crate) groups: u64,
    /// Of these groups: how many have data but not what the ranking reads.
    pub(crate) unranked: u64,
}

// === impl RankJob ===

impl Job for RankJob {
    type Answer = RankPartial;

    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<RankPartial, JobError> {
        rank(reading, self, budget)
    }
}

fn rank(reading: &dyn Reading, job: &RankJob, budget: &Budget) -> Result<RankPartial, JobError> {
    let scope = &job.scope;
    let Some(index) = reading.hints().metric(&scope.account, &scope.metric) else {
        return Ok(RankPartial { known: false, groups: PartialGroups::nothing() });
    };
    let selection = index.select(&scope.matchers);
    budget.count_series(selection.len());
    let groups = Groups::of(index, &job.by, &selection, budget)?;
    let wanted = job.rank.map_or(Columns::IDS, columns_of);
    let cells = fold(reading, index, &groups, Steps::one(scope.range), wanted, budget)?;
    let groups = match &job.by {
        By::Dims(names) if !job.local => all_groups(cells, |keys, group| {
            keys.push(index, names, groups.representative(group));
        }),
        by => {
            let position = |group: u32| groups.representative(group);
            let compare = |a: u32, b: u32| by.compare(index, position(a), position(b));
            best_groups(cells, job, compare, |group| by.tuple(index, position(group)))
        }
    };
    Ok(RankPartial { known: true, groups })
}

fn all_groups(mut cells: Cells, mut push: impl FnMut(&mut Keys, u32)) -> PartialGroups {
    let (mut keys, mut aggregates) = (Keys::default(), Vec::new());
    for (cell, group) in (0..cells.len()).zip(0_u32..) {
        if cells.is_present(cell) {
            push(&mut keys, group);
            aggregates.push(cells.take(cell));
        }
    }
    PartialGroups::All { keys, aggregates }
}

fn best_groups(
    mut cells: Cells,
    job: &RankJob,
    compare: impl Fn(u32, u32) -> std::cmp::Ordering,
    tuple: impl Fn(u32) -> Tuple,
) -> PartialGroups {
    let seconds = u64::from(job.scope.range.len()) * 60;
    let ranked = (0..cells.len())
        .zip(0_u32..)
        .filter_map(|(cell, group)| Some((cells.rank_by(cell, job.rank, seconds)?, group)));
    let winners = best(job.n, ranked, |one, other| {
        order(job.bottom, one.0, other.0).then_with(|| compare(one.1, other.1))
    });
    let best = winners
        .into_iter()
        .map(|(rank, group)| Ranked { tuple: tuple(group), aggregate: cells.take(group as usize), rank })
        .collect();
    PartialGroups::Best { best, rest: rest(&cells, job.rank, seconds) }
}

/// What is left when the winners' cells are empty.
fn rest(cells: &Cells, sampling: Option<Sampling>, seconds: u64) -> Rest {
    if let Some((aggregate, groups)) = cells.total_of_sums() {
        return Rest { aggregate, groups, unranked: 0 };
    }
    let mut rest = Rest::default();
    for cell in 0..cells.len() {
        let is_ranked = cells.rank_by(cell, sampling, seconds).is_some();
        rest.add(|all| cells.merge_into(cell, all), is_ranked);
    }
    rest
}

/// Best first.
pub(crate) fn order(bottom: bool, one: Number, other: Number) -> std::cmp::Ordering {
    if bottom { one.total_cmp(other) } else { other.total_cmp(one) }
}

// === impl PartialGroups ===

impl PartialGroups {
    pub(crate) fn nothing() -> Self {
        Self::Best { best: Vec::new(), rest: Rest::default() }
    }
}

// === impl Rest ===

impl Rest {
    /// One more group, if `merge` says that it holds data.
    pub(crate) fn add(&mut self, merge: impl FnOnce(&mut Aggregate) -> bool, is_ranked: bool) {
        if merge(&mut self.aggregate) {
            self.groups += 1;
            self.unranked += u64::from(!is_ranked);
        }
    }

    /// The rest of another partition, of other groups.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.aggregate.merge(&other.aggregate);
        self.groups += other.groups;
        self.unranked += other.unranked;
    }
}
