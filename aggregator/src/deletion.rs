//! Deletion: series leave the island, with all that it knows of them.
//!
//! In:    a Delete record.
//! Out:   a checkpoint, so that readers see the series no more from then on; tombstones.
//! Kept:  the ids, which are never given again. A row that comes later makes a new series.
//! Never: the books. What was received, applied, dropped or a duplicate stays so, and a retry of a batch that was
//!        applied before is still a duplicate: nothing that was deleted comes back by itself.

use std::collections::BTreeSet;

use hints_index::MetricIndex;
use model::{LocalId, Matcher, MetricId, Minute};
use partition_log::Offset;
use proto::v1;
use roaring::RoaringBitmap;
use store::{Cf, KvBatch, StoreError};

use crate::checkpoint::Checkpoint;
use crate::island::Island;
use crate::state_keys;

/// The series of one metric that go.
type Going = (MetricId, Vec<LocalId>);

// === impl Island ===

impl Island {
    /// What a Delete record means. What cannot be understood of it is said, and the rest is done.
    pub(crate) fn delete(
        &mut self,
        offset: Offset,
        delete: &v1::Delete,
    ) -> Result<(Checkpoint, Vec<String>), StoreError> {
        let mut skipped = Vec::new();
        let mut batch = KvBatch::new();
        for deletion in &delete.deletions {
            match going(self, deletion) {
                Ok(all) => {
                    all.iter().for_each(|going| self.remove(&deletion.account, offset, going, &mut batch));
                }
                Err(why) => skipped.push(format!("a deletion of account {:?}: {why}", deletion.account)),
            }
        }
        Ok((self.checkpoint(offset, &[], batch)?, skipped))
    }

    fn remove(&mut self, account: &str, by: Offset, (metric, ids): &Going, batch: &mut KvBatch) {
        self.series.delete(account, *metric, ids, by);
        for id in ids.iter().filter(|id| self.cumulative.remove(**id)) {
            batch.delete(Cf::State, state_keys::of_id(state_keys::CUMULATIVE, *id));
        }
        let gone = |metric, id| self.series.deleted().contains(metric, id);
        let emptied = self.open.remove(ids).into_iter().map(|minute| (state_keys::OPEN_MINUTE, minute));
        let before = minutes(self.ahead.iter().map(|((minute, ..), _)| *minute));
        self.late.retain(|metric, id| !gone(metric, id));
        self.ahead.retain(|metric, id| !gone(metric, id));
        let after = minutes(self.ahead.iter().map(|((minute, ..), _)| *minute));
        let waited = before.difference(&after).map(|minute| (state_keys::AHEAD_MINUTE, *minute));
        for (tag, minute) in emptied.chain(waited) {
            batch.delete(Cf::State, state_keys::minute(tag, minute));
        }
    }

    /// The series that have a row which no seal has taken yet.
    fn unsealed(&self) -> RoaringBitmap {
        let open = self.open.iter().flat_map(|(_, cells)| cells.iter().map(|(id, _)| id));
        let side = self.late.iter().chain(self.ahead.iter()).map(|((_, _, id), _)| *id);
        open.chain(side).collect()
    }
}

/// Which series a deletion is for.
fn going(island: &mut Island, deletion: &v1::Deletion) -> Result<Vec<Going>, String> {
    let matchers = deletion
        .r#where
        .iter()
        .map(|one| Matcher::new(one.dim.clone(), &one.op, one.values.clone()).map_err(|why| why.to_string()));
    let matchers = matchers.collect::<Result<Vec<_>, _>>()?;
    let hints = island.series.hints();
    let metrics = hints.metrics(&deletion.account);
    let is_named = |name: &str| deletion.metric.is_empty() || deletion.metric == name;
    let of_metric = |index: &MetricIndex| -> Vec<LocalId> {
        let mut ids: Vec<LocalId> =
            index.select(&matchers).iter().map(|position| index.local_ids().get(position)).collect();
        if deletion.idle_before > 0 {
            let idle = index.idle_since(Minute(deletion.idle_before));
            ids.retain(|id| idle.binary_search(id).is_ok());
        }
        ids
    };
    let named = metrics.filter(|(name, _)| is_named(name));
    let mut all: Vec<Going> = named.map(|(_, index)| (index.metric_id(), of_metric(index))).collect();
    if deletion.idle_before > 0 {
        let unsealed = island.unsealed();
        for (metric, ids) in &mut all {
            ids.retain(|id| !unsealed.contains(*id));
            island.series.forget_before(*metric, Minute(deletion.idle_before));
        }
    }
    all.retain(|(_, ids)| !ids.is_empty());
    Ok(all)
}

fn minutes(all: impl Iterator<Item = Minute>) -> BTreeSet<Minute> {
    all.collect()
}
