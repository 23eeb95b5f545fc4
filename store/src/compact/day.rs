//! Days, and late rows of what is kept merged.

use model::{LocalId, MetricId};

use crate::parts::{self, any_part, part_at};
use crate::tier::HOURS_A_DAY;
use crate::{Cf, Columns, KvBatch, KvSnapshot, SlabColumns, StoreError, Tier};

use super::fold::fold_day;
use super::writer::PartWriter;

/// The blocks of a metric's hour or day, part after part.
struct BlockRows<'a> {
    snapshot: &'a dyn KvSnapshot,
    metric: MetricId,
    tier: Tier,
    period: u32,
    /// The part at hand.
    columns: SlabColumns,
    at: usize,
}

/// Merges the hour blocks of a metric's day into day blocks. Empty when there is no hour. To be committed only where
/// the day has no blocks yet: those may hold what the hours have lost to retention.
///
/// # Errors
/// When the disk cannot be read, a block is damaged, which is named, or a part is too large for one value.
pub(crate) fn build_day(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    day: u32,
) -> Result<KvBatch, StoreError> {
    let mut batch = KvBatch::new();
    let mut writer = PartWriter::new(metric, Tier::Day, day, &mut batch);
    let first = day.saturating_mul(HOURS_A_DAY);
    let hours = first..first.saturating_add(HOURS_A_DAY);
    let hours = hours.map(|hour| BlockRows::open(snapshot, metric, Tier::Hour, hour));
    let mut hours: Vec<BlockRows<'_>> = hours.collect::<Result<_, _>>()?;
    while let Some(id) = hours.iter().filter_map(BlockRows::id).min() {
        let mut all = model::Aggregate::default();
        for hour in hours.iter_mut().filter(|hour| hour.id() == Some(id)) {
            all.merge(&hour.columns.aggregate(hour.at)?);
            hour.advance()?;
        }
        writer.push(id, &all)?;
    }
    writer.flush()?;
    Ok(batch)
}

/// What is left to do for a metric's day that is over: its blocks, where it has none, and folding it, where it has few
/// series. Empty when there is nothing. A damaged page keeps its day from being folded and from nothing else.
///
/// Not while rows of the metric are being purged: they are looked for by the hour.
///
/// # Errors
/// When the disk cannot be read, a block is damaged, which is named, or a part is too large for one value.
pub fn close_day(snapshot: &dyn KvSnapshot, metric: MetricId, day: u32) -> Result<KvBatch, StoreError> {
    let is_built = any_part(snapshot, Cf::Days, metric, day..day + 1, None)?.is_some();
    let mut batch = if is_built { KvBatch::new() } else { build_day(snapshot, metric, day)? };
    match fold_day(snapshot, metric, day, &mut batch) {
        Err(why) if !why.is_damage() => Err(why),
        _ => Ok(batch),
    }
}

/// Merges rows into the blocks of an hour or day; parts without a new row stay as they are.
pub(super) fn fold(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    tier: Tier,
    period: u32,
    fresh: &SlabColumns,
    batch: &mut KvBatch,
) -> Result<(), StoreError> {
    let mut writer = PartWriter::new(metric, tier, period, batch);
    let mut new = 0;
    while let Some(&first) = fresh.ids().get(new) {
        let part = read_part(snapshot, metric, tier, period, first)?;
        let (have, mut old) = (part.unwrap_or_default(), 0);
        let end = have.ids().last().copied().unwrap_or(LocalId::MAX);
        loop {
            let theirs = fresh.ids().get(new).copied().filter(|id| *id <= end);
            let ours = have.ids().get(old).copied();
            let Some(id) = ours.into_iter().chain(theirs).min() else { break };
            let mut all = model::Aggregate::default();
            if ours == Some(id) {
                all.merge(&have.aggregate(old)?);
                old += 1;
            }
            if theirs == Some(id) {
                all.merge(&fresh.aggregate(new)?);
                new += 1;
            }
            writer.push(id, &all)?;
        }
        writer.flush()?;
    }
    Ok(())
}

/// The part that holds a series if any does.
fn read_part(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    tier: Tier,
    period: u32,
    id: LocalId,
) -> Result<Option<SlabColumns>, StoreError> {
    part_at(snapshot, tier.cf(), metric, period, id, |key, value| {
        let mut columns = SlabColumns::new();
        let read = columns.read(value, Columns::WHOLE_ROWS);
        read.map(|()| columns).map_err(|why| why.within(|| parts::name(tier.cf(), key)))
    })
}

// === impl BlockRows ===

impl<'a> BlockRows<'a> {
    fn open(
        snapshot: &'a dyn KvSnapshot,
        metric: MetricId,
        tier: Tier,
        period: u32,
    ) -> Result<Self, StoreError> {
        let columns = read_part(snapshot, metric, tier, period, 0)?.unwrap_or_default();
        Ok(Self { snapshot, metric, tier, period, columns, at: 0 })
    }

    fn id(&self) -> Option<LocalId> {
        self.columns.ids().get(self.at).copied()
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        self.at += 1;
        if self.at == self.columns.len()
            && let Some(next) = self.columns.ids().last().and_then(|last| last.checked_add(1))
        {
            let part = read_part(self.snapshot, self.metric, self.tier, self.period, next)?;
            (self.columns, self.at) = (part.unwrap_or_default(), 0);
        }
        Ok(())
    }
}
