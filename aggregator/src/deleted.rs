//! Which series are deleted. Their ids are never given again, so this is for ever: a bit or two each.
//!
//! In:    ids, and the record that deleted them.
//! Out:   tombstones for the checkpoint; what upkeep still has to take off the disk.

use std::collections::BTreeMap;

use model::{LocalId, MetricId};
use partition_log::Offset;
use roaring::RoaringBitmap;
use store::{Cf, KvBatch, KvSnapshot};

use crate::recover::each_of;
use crate::state_bytes::{StateReader, StateWriter};
use crate::{StateError, state_keys};

/// By metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deleted {
    metrics: BTreeMap<MetricId, DeletedOfMetric>,
    series: u64,
}

/// Of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeletedOfMetric {
    /// The newest record that deleted some. Blocks that came with later ones hold no row of any.
    pub newest: Offset,
    /// All of them.
    pub ids: RoaringBitmap,
}

// === impl Deleted ===

impl Deleted {
    /// Metrics that series were deleted of.
    pub fn iter(&self) -> impl Iterator<Item = (MetricId, &DeletedOfMetric)> {
        self.metrics.iter().map(|(metric, deleted)| (*metric, deleted))
    }

    /// Of this metric.
    #[must_use]
    pub fn of(&self, metric: MetricId) -> Option<&DeletedOfMetric> {
        self.metrics.get(&metric)
    }

    /// How many series, over all metrics.
    #[must_use]
    pub fn series(&self) -> u64 {
        self.series
    }

    pub(crate) fn contains(&self, metric: MetricId, id: LocalId) -> bool {
        self.of(metric).is_some_and(|deleted| deleted.ids.contains(id))
    }

    pub(crate) fn add(&mut self, metric: MetricId, ids: &[LocalId], by: Offset) {
        let deleted = self.metrics.entry(metric).or_default();
        let before = deleted.ids.len();
        deleted.ids.extend(ids);
        deleted.newest = by;
        self.series += deleted.ids.len() - before;
    }

    /// The tombstones of a metric, for the checkpoint.
    pub(crate) fn put(&self, metric: MetricId, batch: &mut KvBatch) {
        let Some(deleted) = self.of(metric) else { return };
        let mut bytes = Vec::with_capacity(deleted.ids.serialized_size());
        deleted.ids.serialize_into(&mut bytes).expect("a Vec takes everything");
        let mut out = StateWriter::new();
        out.u64(deleted.newest).bytes(&bytes);
        batch.put(Cf::State, state_keys::of_id(state_keys::DELETED, metric), out.finish());
    }

    /// What checkpoints have written.
    pub(crate) fn load(snapshot: &dyn KvSnapshot) -> Result<Self, StateError> {
        let mut all = Self::default();
        each_of(snapshot, state_keys::DELETED, &mut |key, value| all.read(key, value))?;
        Ok(all)
    }

    fn read(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        let metric = state_keys::read_u32(key).ok_or_else(|| StateError::bad_key(key))?;
        let mut value = StateReader::new(key, value)?;
        let (newest, bytes) = (value.u64()?, value.bytes()?);
        value.end()?;
        let ids = RoaringBitmap::deserialize_from(bytes).map_err(|_| value.damaged("is no bitmap"))?;
        self.series += ids.len();
        self.metrics.insert(metric, DeletedOfMetric { newest, ids });
        Ok(())
    }
}
