//! What is older than retention goes, tier by tier. Ranges of keys: the cost does not depend on how much lies in them.

use model::{MetricId, Minute};

use crate::{Cf, KvBatch, PartKey, Tier};

/// Adds to a batch the deletion of the pages of a metric before the hour that holds `before`: its hours and days stay.
/// Slabs go by compaction, which merges them into those.
pub fn delete_pages_before(batch: &mut KvBatch, metric: MetricId, before: Minute) {
    delete_parts_before(batch, Cf::Pages, metric, Tier::Hour.of(before));
}

/// The same of its hours before the day that holds `before`.
pub fn delete_hours_before(batch: &mut KvBatch, metric: MetricId, before: Minute) {
    let day = Tier::Day.range(Tier::Day.of(before)).from;
    delete_parts_before(batch, Cf::Hours, metric, Tier::Hour.of(day));
}

/// The same of its days.
pub fn delete_days_before(batch: &mut KvBatch, metric: MetricId, before: Minute) {
    delete_parts_before(batch, Cf::Days, metric, Tier::Day.of(before));
}

fn delete_parts_before(batch: &mut KvBatch, cf: Cf, metric: MetricId, period: u32) {
    let key = |period| PartKey { metric, period, last: 0 }.to_bytes();
    batch.delete_range(cf, key(0), key(period));
}
