//! Rows of deleted series leave the disk, metric by metric.
//!
//! In:    which series are deleted, by which record.
//! Out:   batches of `store::Purge`; at a metric's end, a mark that this has been done.
//! Kept:  the metric at work. Forgotten at a restart, it begins anew: what has been written is found without them.
//! Never: before the island's checkpoint holds the deletion: until then rows of them may still come.

use std::time::{Duration, Instant};

use model::MetricId;
use partition_log::Offset;
use store::{Cf, KvBatch, KvSnapshot, Purge, StoreError};

use crate::expiry::Expiry;
use crate::state_bytes::{StateReader, StateWriter};
use crate::{Deleted, View, state_keys};

/// So long it is not asked again.
const AWAY_FOR: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Default)]
pub(crate) struct Purges {
    at_work: Option<(MetricId, Offset, Purge)>,
    /// The deletions that all metrics have been purged of: how many series.
    done: u64,
    /// The object store did not answer, or a block is of a later version.
    away_until: Option<Instant>,
}

// === impl Purges ===

impl Purges {
    /// The next changes, none perhaps; `None` when no deleted series has a row on disk any more.
    pub(crate) fn step(
        &mut self,
        snapshot: &dyn KvSnapshot,
        view: &View,
        expiry: &mut Expiry,
        now: Instant,
    ) -> Result<Option<KvBatch>, StoreError> {
        if self.away_until.is_some_and(|until| now < until) {
            return Ok(None);
        }
        self.begin(snapshot, view)?;
        let Some((metric, _, purge)) = &mut self.at_work else { return Ok(None) };
        let gone = view.deleted.of(*metric);
        let is_gone = |id| gone.is_some_and(|gone| gone.ids.contains(id));
        match purge.step(snapshot, &is_gone) {
            Ok(None) => {}
            Err(why) if !why.is_final() => {
                tracing::warn!(%why, "rows of deleted series stay there, unseen, until it can be read");
                (self.at_work, self.away_until) = (None, Some(now + AWAY_FOR));
                return Ok(None);
            }
            batch => return batch,
        }
        Ok(self.end(view, expiry))
    }

    fn begin(&mut self, snapshot: &dyn KvSnapshot, view: &View) -> Result<(), StoreError> {
        if self.at_work.is_none() && self.done < view.deleted.series() {
            self.at_work = due(snapshot, &view.deleted)?;
            if self.at_work.is_none() {
                self.done = view.deleted.series();
            }
        }
        Ok(())
    }

    /// The metric at work is purged: a mark says so, and its space is to be reclaimed.
    fn end(&mut self, view: &View, expiry: &mut Expiry) -> Option<KvBatch> {
        let (metric, newest, purge) = self.at_work.take()?;
        let blocks = purge.unreadable();
        if blocks > 0 {
            tracing::warn!(
                metric,
                blocks,
                "damaged blocks may hold rows of deleted series; nobody can read them"
            );
        }
        let (mut batch, mut mark) = (KvBatch::new(), StateWriter::new());
        mark.u64(newest + 1);
        batch.put(Cf::State, state_keys::of_id(state_keys::PURGED, metric), mark.finish());
        for cf in [Cf::Slabs, Cf::Pages, Cf::Hours, Cf::Days] {
            expiry.note_freed(cf, metric, view);
        }
        Some(batch)
    }
}

/// A metric with deletions that it has not been purged of.
fn due(
    snapshot: &dyn KvSnapshot,
    deleted: &Deleted,
) -> Result<Option<(MetricId, Offset, Purge)>, StoreError> {
    for (metric, of_metric) in deleted.iter() {
        if purged_below(snapshot, metric)? <= of_metric.newest {
            return Ok(Some((metric, of_metric.newest, Purge::new(metric))));
        }
    }
    Ok(None)
}

/// Deletions by records below this offset have been done. One that cannot be read is done again.
fn purged_below(snapshot: &dyn KvSnapshot, metric: MetricId) -> Result<Offset, StoreError> {
    let key = state_keys::of_id(state_keys::PURGED, metric);
    let value = match snapshot.get(Cf::State, &key) {
        Err(why) if !why.is_final() => None,
        value => value?,
    };
    let read = value.and_then(|value| StateReader::new(&key, &value).and_then(|mut value| value.u64()).ok());
    Ok(read.unwrap_or(0))
}
