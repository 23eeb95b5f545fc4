//! Retention: once an hour of sealed time, and when settings change, what is older than a metric keeps is deleted.
//!
//! In:    what each metric keeps, what is sealed.
//! Out:   batches of range deletions; then, once no view is of before them, the families to compact for their space.
//! Kept:  per metric since when it keeps what. Forgotten at a restart, the first pass finds it again.
//! Never: the wall clock: a partition that stands still keeps what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hints_index::MetricIndex;
use model::{MetricId, Minute, Retention};
use partition_log::Offset;
use proto::v1;
use store::{Cf, CompactOptions, Kept, KvBatch, KvSnapshot, StoreError, Tier, expire};

use crate::View;

/// What metrics keep.
pub trait Retentions: Send + Sync {
    /// How long this metric's rows are kept.
    fn of(&self, account: &str, metric: &str) -> Retention;

    /// Another number whenever [`Retentions::of`] may say something else.
    fn version(&self) -> u64;
}

/// Metrics of which one record deletes idle series, 400 bytes each at the most; the next pass finds more.
const IDLE_MAX: usize = 1_000;

/// See the module.
#[derive(Default)]
pub(crate) struct Expiry {
    /// The hour that was sealed, and the version of the settings, at the last pass.
    pass: Option<(u32, u64)>,
    /// What is left of it.
    due: Vec<(MetricId, Kept)>,
    /// What is older has been deleted.
    kept: BTreeMap<MetricId, Kept>,
    /// The pass whose idle series were told.
    idle_of: Option<(u32, u64)>,
    /// Where it lay, since the last pass.
    freed: BTreeSet<(Cf, MetricId)>,
    /// The checkpoint that readers may have had then.
    freed_at: Offset,
}

// === impl Retentions ===

/// The same for every metric.
impl Retentions for Retention {
    fn of(&self, _account: &str, _metric: &str) -> Retention {
        *self
    }

    fn version(&self) -> u64 {
        0
    }
}

// === impl Expiry ===

impl Expiry {
    /// The next deletion; `None` when the pass is over.
    pub(crate) fn step(
        &mut self,
        snapshot: &dyn KvSnapshot,
        view: &View,
        retentions: &dyn Retentions,
    ) -> Result<Option<KvBatch>, StoreError> {
        let Some(sealed) = view.sealed_through else { return Ok(None) };
        self.begin(sealed, view, retentions);
        while let Some((metric, kept)) = self.due.last().copied() {
            match expire(snapshot, metric, kept) {
                Ok(Some((cf, batch))) => {
                    self.freed.insert((cf, metric));
                    self.freed_at = view.position;
                    return Ok(Some(batch));
                }
                Ok(None) => drop(self.kept.insert(metric, kept)),
                Err(why) if why.is_final() => return Err(why),
                // Its hours stay, unmerged, until somebody has looked after the disk.
                Err(why) => {
                    tracing::warn!(metric, %why, "cannot be merged before it is deleted, and stays");
                }
            }
            self.due.pop();
        }
        Ok(None)
    }

    /// What is older than this is gone: hours are compacted accordingly.
    pub(crate) fn options(&self, metric: MetricId) -> CompactOptions {
        self.kept.get(&metric).copied().unwrap_or_default().options()
    }

    /// Series of which nothing is left in any tier, once a pass: the island may forget them, and when the others had
    /// what is gone. `None` when there are none.
    pub(crate) fn idle(&mut self, view: &View) -> Option<v1::Delete> {
        if !self.due.is_empty() || std::mem::replace(&mut self.idle_of, self.pass) == self.pass {
            return None;
        }
        let hints = &view.hints;
        let of_account = |account| hints.metrics(account).map(move |(name, index)| (account, name, index));
        let deletion = |(account, name, index): (&str, &str, &Arc<MetricIndex>)| {
            let before = self.kept.get(&index.metric_id())?.days_from;
            let is_due =
                before > Minute(0) && (index.knows_before(before) || !index.idle_since(before).is_empty());
            is_due.then(|| v1::Deletion {
                account: account.to_owned(),
                metric: name.to_owned(),
                idle_before: before.0,
                ..v1::Deletion::default()
            })
        };
        let deletions =
            hints.accounts().flat_map(of_account).filter_map(deletion).take(IDLE_MAX).collect::<Vec<_>>();
        (!deletions.is_empty()).then_some(v1::Delete { deletions })
    }

    /// A family of a metric that something was deleted of, once every new reader's view is of after that.
    pub(crate) fn freed(&mut self, view: &View) -> Option<(Cf, MetricId)> {
        (self.due.is_empty() && view.position > self.freed_at).then(|| self.freed.pop_first()).flatten()
    }

    /// That something was.
    pub(crate) fn note_freed(&mut self, cf: Cf, metric: MetricId, view: &View) {
        self.freed.insert((cf, metric));
        self.freed_at = view.position;
    }

    fn begin(&mut self, sealed: Minute, view: &View, retentions: &dyn Retentions) {
        let pass = (Tier::Hour.of(sealed), retentions.version());
        if self.pass == Some(pass) {
            return;
        }
        self.pass = Some(pass);
        let hints = &view.hints;
        let of_account = |account| hints.metrics(account).map(move |(name, index)| (account, name, index));
        self.due = hints
            .accounts()
            .flat_map(of_account)
            .map(|(account, name, index)| (index.metric_id(), Kept::of(retentions.of(account, name), sealed)))
            .collect();
    }
}
