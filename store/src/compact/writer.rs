//! Cuts series, in ascending order, into parts and puts these into a batch.

use model::{Aggregate, LocalId, MetricId};

use crate::keys::PartKey;
use crate::{Cf, KvBatch, PageBlock, SlabBlock, StoreError, Tier};

/// Parts of one metric's hour or day. What was pushed last is written by [`PartWriter::flush`].
pub(super) struct PartWriter<'a> {
    metric: MetricId,
    tier: Tier,
    period: u32,
    batch: &'a mut KvBatch,
    /// A row a series.
    block: SlabBlock,
    /// Their minutes; empty where these are not kept.
    page: PageBlock,
    last: LocalId,
}

// === impl PartWriter ===

impl<'a> PartWriter<'a> {
    pub(super) fn new(metric: MetricId, tier: Tier, period: u32, batch: &'a mut KvBatch) -> Self {
        Self { metric, tier, period, batch, block: SlabBlock::new(), page: PageBlock::new(), last: 0 }
    }

    /// A series with its minutes.
    pub(super) fn push_minutes(
        &mut self,
        id: LocalId,
        minutes: &[(u8, Aggregate)],
    ) -> Result<(), StoreError> {
        debug_assert_eq!(self.tier, Tier::Hour, "BUG: only an hour has pages");
        self.page.push(id, minutes);
        self.push(id, &merged(minutes))
    }

    /// A series as one row.
    pub(super) fn push(&mut self, id: LocalId, row: &Aggregate) -> Result<(), StoreError> {
        self.block.push_aggregate(id, row);
        self.last = id;
        let full = self.block.len() >= PageBlock::SERIES_MAX
            || self.block.sketch_bytes() >= PageBlock::SKETCH_BYTES_MAX
            || self.page.is_full();
        if full { self.flush() } else { Ok(()) }
    }

    /// Ends the part.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let key = PartKey { metric: self.metric, period: self.period, last: self.last }.to_bytes();
        self.batch.put(self.tier.cf(), key, self.block.encode()?);
        if !self.page.is_empty() {
            self.batch.put(Cf::Pages, key, self.page.encode()?);
        }
        self.block.clear();
        self.page.clear();
        Ok(())
    }
}

/// All of them as one.
pub(super) fn merged(minutes: &[(u8, Aggregate)]) -> Aggregate {
    let mut all = Aggregate::default();
    minutes.iter().for_each(|(_, row)| all.merge(row));
    all
}
