//! What is older than retention goes, tier by tier: minutes first, hours later, days last. Ranges of keys: what a step
//! costs does not depend on how much lies in them.
//!
//! What is taken here is still there merged: pages go once they have hours, which they always have, and hours go with
//! the day that is built of them in the same batch if it was not before.

use model::{MetricId, Minute, Retention};

use crate::compact::{build_day, folded, unfold_day};
use crate::parts::any_part;
use crate::tier::HOURS_A_DAY;
use crate::{Cf, CompactOptions, KvBatch, KvSnapshot, PartKey, SlabKey, StoreError, Tier};

/// Since when a metric's rows are kept, in whole hours and days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// By the minute. The beginning of an hour.
    pub points_from: Minute,
    /// By the hour. The beginning of a day, as are those below.
    pub hours_from: Minute,
    /// By the day.
    pub days_from: Minute,
}

// === impl Kept ===

impl Kept {
    /// What this retention keeps when `sealed` is the newest minute that is sealed.
    #[must_use]
    pub fn of(retention: Retention, sealed: Minute) -> Self {
        let from = |reach, tier: Tier| tier.range(tier.of(Retention::first_kept(reach, sealed))).from;
        Self {
            points_from: from(retention.minutes, Tier::Hour),
            hours_from: from(retention.hours, Tier::Day),
            days_from: from(retention.days, Tier::Day),
        }
    }

    /// How hours are compacted from now on.
    #[must_use]
    pub fn options(self) -> CompactOptions {
        CompactOptions {
            points_from: self.points_from,
            hours_from: self.hours_from,
            ..CompactOptions::default()
        }
    }
}

/// The next thing of a metric that is older than what is kept: a batch that deletes it, and where. `None` when there is
/// nothing any more. Hours are compacted with [`Kept::options`] of the same only after that: what they add to an hour
/// whose minutes are about to go would be missing in the minutes until then.
///
/// # Errors
/// When the disk cannot be read, or an hour of a day that has to be built is damaged: it stays as it is.
pub fn expire(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    kept: Kept,
) -> Result<Option<(Cf, KvBatch)>, StoreError> {
    let hours_end = |before| Tier::Hour.of(before);
    let days_end = Tier::Day.of(kept.days_from);
    if has_slabs(snapshot, metric, kept.days_from)? {
        return Ok(Some(slabs_before(metric, kept.days_from)));
    }
    if let Some(batch) = folded_days(snapshot, metric, kept)? {
        return Ok(Some((Cf::Pages, batch)));
    }
    // Beyond the last tier nothing needs to be merged first.
    for (cf, end) in [
        (Cf::Pages, hours_end(kept.points_from.max(kept.days_from))),
        (Cf::Hours, hours_end(kept.days_from)),
        (Cf::Days, days_end),
    ] {
        if any_part(snapshot, cf, metric, 0..end, None)?.is_some() {
            let mut batch = KvBatch::new();
            delete_parts_before(&mut batch, cf, metric, end);
            return Ok(Some((cf, batch)));
        }
    }
    let oldest = any_part(snapshot, Cf::Hours, metric, 0..hours_end(kept.hours_from), None)?;
    oldest.map(|hour| hours_of_day(snapshot, metric, hour.period / HOURS_A_DAY)).transpose()
}

/// The oldest folded day that something is to be taken of: all of it goes, or it is unfolded.
fn folded_days(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    kept: Kept,
) -> Result<Option<KvBatch>, StoreError> {
    let (gone, touched) =
        (Tier::Day.of(kept.days_from), kept.points_from.max(kept.hours_from).max(kept.days_from));
    let end = Tier::Day.of(touched.plus(Tier::Day.minutes() - 1));
    let Some(oldest) = any_part(snapshot, Cf::Pages, metric, folded(0..end), None)? else { return Ok(None) };
    let day = oldest.period & !PartKey::FOLDED;
    if day >= gone {
        return unfold_day(snapshot, metric, day);
    }
    let (mut batch, key) = (KvBatch::new(), |period| PartKey { metric, period, last: 0 }.to_bytes());
    batch.delete_range(Cf::Pages, key(PartKey::FOLDED), key(PartKey::FOLDED | gone));
    Ok(Some(batch))
}

/// The hours of a day go, and the day is there.
fn hours_of_day(snapshot: &dyn KvSnapshot, metric: MetricId, day: u32) -> Result<(Cf, KvBatch), StoreError> {
    let is_built = any_part(snapshot, Cf::Days, metric, day..day + 1, None)?.is_some();
    let mut batch = if is_built { KvBatch::new() } else { build_day(snapshot, metric, day)? };
    // All before it went in a call before this one.
    delete_parts_before(&mut batch, Cf::Hours, metric, (day + 1) * HOURS_A_DAY);
    Ok((Cf::Hours, batch))
}

fn has_slabs(snapshot: &dyn KvSnapshot, metric: MetricId, before: Minute) -> Result<bool, StoreError> {
    let (from, to) = slab_keys(metric, before);
    let mut found = false;
    snapshot.range(Cf::Slabs, &from, &to, &mut |_, _| {
        found = true;
        Ok(std::ops::ControlFlow::Break(()))
    })?;
    Ok(found)
}

fn slabs_before(metric: MetricId, before: Minute) -> (Cf, KvBatch) {
    let ((from, to), mut batch) = (slab_keys(metric, before), KvBatch::new());
    batch.delete_range(Cf::Slabs, from, to);
    (Cf::Slabs, batch)
}

fn slab_keys(metric: MetricId, before: Minute) -> ([u8; SlabKey::BYTES], [u8; SlabKey::BYTES]) {
    let key = |minute| SlabKey::first(metric, minute).to_bytes();
    (key(Minute(0)), key(before))
}

fn delete_parts_before(batch: &mut KvBatch, cf: Cf, metric: MetricId, period: u32) {
    let key = |period| PartKey { metric, period, last: 0 }.to_bytes();
    batch.delete_range(cf, key(0), key(period));
}
