//! Merges what the workers found into one answer. The same as sorting all groups of all partitions.

use model::Aggregate;

use crate::QueryError;
use crate::best::best;
use crate::budget::Budget;
use crate::cells::rank;
use crate::jobs::{PartialGroups, RankJob, RankPartial, Ranked, Rest, order};
use crate::keys::{KeyTable, Keys};
use crate::tuple::{By, compare};

/// The winners, best first, and exactly everything else.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Does any partition know the metric, or may one?
    pub(crate) known: bool,
    pub(crate) winners: Vec<Ranked>,
    pub(crate) rest: Rest,
}

/// See the module.
pub(crate) fn gather(
    job: &RankJob,
    partials: Vec<RankPartial>,
    budget: &Budget,
) -> Result<Outcome, QueryError> {
    let mut outcome = Outcome::default();
    let mut merged = Merged::default();
    for partial in partials {
        outcome.known |= partial.known;
        match partial.groups {
            PartialGroups::Best { best, rest } => {
                outcome.winners.extend(best);
                outcome.rest.merge(&rest);
            }
            PartialGroups::All { keys, aggregates } => merged.add(&keys, aggregates, budget)?,
        }
    }
    if let By::Dims(names) = &job.by
        && merged.table.keys().len() > 0
    {
        merged.finish(job, names, &mut outcome);
    }
    let by_rank = |one: &Ranked, other: &Ranked| order(job.bottom, one.rank, other.rank);
    outcome.winners.sort_by(|one, other| by_rank(one, other).then_with(|| compare(&one.tuple, &other.tuple)));
    for loser in outcome.winners.split_off(job.n.min(outcome.winners.len())) {
        outcome.rest.add(|all| merge(all, &loser.aggregate), true);
    }
    Ok(outcome)
}

fn merge(all: &mut Aggregate, one: &Aggregate) -> bool {
    all.merge(one);
    !one.scalars.is_empty()
}

/// Groups that several partitions hold parts of.
#[derive(Default)]
struct Merged {
    table: KeyTable,
    aggregates: Vec<Aggregate>,
}

// === impl Merged ===

impl Merged {
    fn add(&mut self, keys: &Keys, aggregates: Vec<Aggregate>, budget: &Budget) -> Result<(), QueryError> {
        for (at, aggregate) in aggregates.into_iter().enumerate() {
            let number = self.table.number(keys.get(at));
            match self.aggregates.get_mut(number) {
                Some(have) => have.merge(&aggregate),
                None => self.aggregates.push(aggregate),
            }
        }
        budget.check_groups(self.aggregates.len())
    }

    fn finish(mut self, job: &RankJob, names: &[String], outcome: &mut Outcome) {
        let seconds = u64::from(job.scope.range.len()) * 60;
        let read = |aggregate: &Aggregate| match job.rank {
            Some(sampling) => rank(sampling, aggregate, seconds),
            None => Some(model::Number::Int(0)),
        };
        let keys = self.table.keys();
        let ranked = self.aggregates.iter().enumerate().filter_map(|(at, one)| Some((read(one)?, at)));
        let winners = best(job.n, ranked, |one, other| {
            order(job.bottom, one.0, other.0).then_with(|| keys.compare(one.1, other.1))
        });
        for (rank, at) in winners {
            let aggregate = std::mem::take(&mut self.aggregates[at]);
            outcome.winners.push(Ranked { tuple: keys.tuple(at, names), aggregate, rank });
        }
        for one in &self.aggregates {
            outcome.rest.add(|all| merge(all, one), read(one).is_some());
        }
    }
}
