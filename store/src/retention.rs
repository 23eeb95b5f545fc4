//! What is older than retention goes.

use model::{MetricId, Minute};

use crate::{Cf, KvBatch, SlabKey};

/// Adds to a batch the deletion of all slabs of these metrics of minutes before `before`. One range a metric: its
/// cost does not depend on how much lies in it.
pub fn delete_slabs_before(batch: &mut KvBatch, metrics: impl IntoIterator<Item = MetricId>, before: Minute) {
    for metric in metrics {
        let from = SlabKey::first(metric, Minute(0)).to_bytes();
        batch.delete_range(Cf::Slabs, from, SlabKey::first(metric, before).to_bytes());
    }
}
