//! `RankJob` and what it finds.

use model::Number;
use prost::Message as _;
use proto::v1;
use proto::v1::job::Job as Kind;
use proto::v1::rank_answer::Groups;

use super::aggregates::{aggregates_from_wire, aggregates_to_wire};
use super::scope::{by_from_wire, by_to_wire, sampling, scope_from_wire, scope_to_wire};
use super::texts::{tuples_from_wire, tuples_to_wire};
use super::{Wire, WireError, message, same_len, wrong};
use crate::QueryLimits;
use crate::jobs::{PartialGroups, RankJob, RankPartial, Ranked, Rest};
use crate::keys::Keys;
use crate::limits::N_MAX;
use crate::tuple::By;

// === impl RankJob ===

impl Wire for RankJob {
    fn to_wire(&self) -> Kind {
        Kind::Rank(v1::RankJob {
            scope: Some(scope_to_wire(&self.scope)),
            by: Some(by_to_wire(&self.by)),
            rank: self.rank.map(|rank| rank.to_string()),
            n: self.n as u64,
            bottom: self.bottom,
            local: self.local,
        })
    }

    fn answer_to_wire(answer: RankPartial) -> Vec<u8> {
        let groups = match answer.groups {
            PartialGroups::Best { best, rest } => Groups::Best(best_to_wire(&best, &rest)),
            PartialGroups::All { keys, aggregates } => {
                let (keys, key_lengths) = keys.into_parts();
                let aggregates = Some(aggregates_to_wire(aggregates.iter()));
                Groups::All(v1::AllGroups { keys, key_lengths, aggregates })
            }
        };
        v1::RankAnswer { known: answer.known, groups: Some(groups) }.encode_to_vec()
    }

    fn answer_from_wire(&self, bytes: &[u8]) -> Result<RankPartial, WireError> {
        let answer: v1::RankAnswer = message(bytes)?;
        let groups = match answer.groups.ok_or_else(|| wrong("groups", "are missing"))? {
            Groups::Best(best) => best_from_wire(best)?,
            Groups::All(all) => self.all_from_wire(all)?,
        };
        Ok(RankPartial { known: answer.known, groups })
    }
}

impl RankJob {
    pub(super) fn from_wire(job: v1::RankJob, limits: &QueryLimits) -> Result<Self, WireError> {
        let n_max = limits.series_max.max(N_MAX as usize);
        let n = usize::try_from(job.n).unwrap_or(usize::MAX);
        if n == 0 || n > n_max {
            return Err(wrong("n", format!("is {n}, must be 1 to {n_max}")));
        }
        Ok(Self {
            scope: scope_from_wire(job.scope)?,
            by: by_from_wire(job.by)?,
            rank: job.rank.as_deref().map(sampling).transpose()?,
            n,
            bottom: job.bottom,
            local: job.local,
        })
    }

    fn all_from_wire(&self, all: v1::AllGroups) -> Result<PartialGroups, WireError> {
        let By::Dims(names) = &self.by else { return Err(wrong("groups", "are of another grouping")) };
        let keys = Keys::from_parts(all.keys, &all.key_lengths, names.len());
        let keys = keys.ok_or_else(|| wrong("keys", format!("are not of {} values each", names.len())))?;
        let aggregates = aggregates_from_wire(all.aggregates, keys.len())?;
        Ok(PartialGroups::All { keys, aggregates })
    }
}

fn best_to_wire(best: &[Ranked], rest: &Rest) -> v1::BestGroups {
    let (ranks, rank_kinds) =
        best.iter().map(|one| one.rank.to_bits()).map(|(bits, is_float)| (bits, u8::from(is_float))).unzip();
    v1::BestGroups {
        tuples: Some(tuples_to_wire(best.iter().map(|one| &one.tuple))),
        aggregates: Some(aggregates_to_wire(best.iter().map(|one| &one.aggregate))),
        ranks,
        rank_kinds,
        rest: Some(aggregates_to_wire(std::iter::once(&rest.aggregate))),
        rest_groups: rest.groups,
        rest_unranked: rest.unranked,
    }
}

fn best_from_wire(best: v1::BestGroups) -> Result<PartialGroups, WireError> {
    let tuples = tuples_from_wire(best.tuples)?;
    let rows = tuples.len();
    let aggregates = aggregates_from_wire(best.aggregates, rows)?;
    same_len("ranks", best.ranks.len(), rows)?;
    same_len("rank_kinds", best.rank_kinds.len(), rows)?;
    let ranks =
        best.ranks.into_iter().zip(best.rank_kinds).map(|(bits, kind)| Number::from_bits(bits, kind != 0));
    let ranked = tuples.into_iter().zip(aggregates).zip(ranks);
    let best_groups = ranked.map(|((tuple, aggregate), rank)| Ranked { tuple, aggregate, rank }).collect();
    let rest = aggregates_from_wire(best.rest, 1)?.pop().unwrap_or_default();
    let rest = Rest { aggregate: rest, groups: best.rest_groups, unranked: best.rest_unranked };
    Ok(PartialGroups::Best { best: best_groups, rest })
}
