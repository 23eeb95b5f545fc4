//! The slab blocks of an hour, side by side, series by series.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, RangeInclusive};

use model::{Aggregate, LocalId, MetricId, Minute};

use crate::{Cf, Columns, KvSnapshot, SlabColumns, SlabKey, StoreError, Tier};

/// What a decoded row takes, its share of buffers included: id 4, kinds 2, count, sum, min, max 32, scratch 24.
const ROW_BYTES: usize = 64;

/// A block on disk.
pub(super) struct SlabOnDisk {
    pub(super) key: SlabKey,
    rows: usize,
    bytes: usize,
}

/// Decoded blocks, read in step: all rows of the least id that is left, then of the next.
pub(super) struct SlabRows {
    hour: Minute,
    /// By minute and seal.
    blocks: Vec<OneSlab>,
    next: Option<LocalId>,
}

struct OneSlab {
    minute: Minute,
    columns: SlabColumns,
    at: usize,
}

/// Ids by the thousand: fine enough to cut passes at.
const BUCKET: LocalId = 1024;

/// The blocks of a metric's hour, by minute and seal.
pub(super) fn slabs_of(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    hour: u32,
) -> Result<Vec<SlabOnDisk>, StoreError> {
    let mut slabs = Vec::new();
    let minutes = Tier::Hour.range(hour);
    let (from, to) = (SlabKey::first(metric, minutes.from), SlabKey::first(metric, minutes.to));
    snapshot.range(Cf::Slabs, &from.to_bytes(), &to.to_bytes(), &mut |key, value| {
        let key = SlabKey::read(key)?;
        let rows = SlabColumns::rows_of(value).map_err(|why| why.within(|| key.to_string()))?;
        slabs.push(SlabOnDisk { key, rows, bytes: value.len() });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(slabs)
}

/// Ranges of ids, ascending and without gaps, of each of which all rows take about `work_bytes_max`. `round_up` moves
/// a cut to where the caller can make one.
pub(super) fn passes(
    snapshot: &dyn KvSnapshot,
    slabs: &[SlabOnDisk],
    work_bytes_max: usize,
    round_up: impl Fn(LocalId) -> Result<LocalId, StoreError>,
) -> Result<Vec<RangeInclusive<LocalId>>, StoreError> {
    let work: usize = slabs.iter().map(|slab| slab.rows * ROW_BYTES + slab.bytes).sum();
    let rows: usize = slabs.iter().map(|slab| slab.rows).sum();
    let rows_a_pass = rows / work.div_ceil(work_bytes_max).max(1);
    if rows_a_pass == rows {
        return Ok(vec![0..=LocalId::MAX]);
    }
    let (mut passes, mut start, mut gathered) = (Vec::new(), 0, 0);
    for (bucket, rows) in buckets(snapshot, slabs)? {
        let end = bucket.saturating_mul(BUCKET).saturating_add(BUCKET - 1);
        gathered += rows;
        if gathered >= rows_a_pass && end >= start {
            let cut = round_up(end)?;
            passes.push(start..=cut);
            let Some(next) = cut.checked_add(1) else { return Ok(passes) };
            (start, gathered) = (next, 0);
        }
    }
    passes.push(start..=LocalId::MAX);
    Ok(passes)
}

/// How many rows there are by thousand of ids.
fn buckets(snapshot: &dyn KvSnapshot, slabs: &[SlabOnDisk]) -> Result<BTreeMap<LocalId, usize>, StoreError> {
    let (mut buckets, mut columns) = (BTreeMap::new(), SlabColumns::new());
    for slab in slabs {
        read(snapshot, slab.key, Columns::IDS, &mut columns)?;
        for run in columns.ids().chunk_by(|one, other| one / BUCKET == other / BUCKET) {
            *buckets.entry(run[0] / BUCKET).or_default() += run.len();
        }
    }
    Ok(buckets)
}

fn read(
    snapshot: &dyn KvSnapshot,
    key: SlabKey,
    wanted: Columns,
    columns: &mut SlabColumns,
) -> Result<(), StoreError> {
    let bytes = snapshot.get(Cf::Slabs, &key.to_bytes())?;
    let bytes = bytes.ok_or_else(|| StoreError::damaged(key.to_string(), "it is gone from its snapshot"))?;
    columns.read(&bytes, wanted).map_err(|why| why.within(|| key.to_string()))
}

// === impl SlabRows ===

impl SlabRows {
    /// Of these blocks the rows with these ids.
    pub(super) fn load(
        snapshot: &dyn KvSnapshot,
        hour: u32,
        slabs: &[SlabOnDisk],
        ids: &RangeInclusive<LocalId>,
    ) -> Result<Self, StoreError> {
        let mut blocks = Vec::with_capacity(slabs.len());
        for slab in slabs {
            let mut columns = SlabColumns::new();
            read(snapshot, slab.key, Columns::WHOLE_ROWS, &mut columns)?;
            if *ids != (0..=LocalId::MAX) {
                columns.retain(&columns.ids().iter().map(|id| ids.contains(id)).collect::<Vec<_>>());
            }
            columns.release();
            blocks.push(OneSlab { minute: slab.key.minute, columns, at: 0 });
        }
        let next = blocks.iter().filter_map(OneSlab::id).min();
        Ok(Self { hour: Tier::Hour.range(hour).from, blocks, next })
    }

    /// The least id that is left.
    pub(super) fn next_id(&self) -> Option<LocalId> {
        self.next
    }

    /// Appends the rows of this id, if it is the least that is left, and goes on to the next. Minutes ascend; one that
    /// several seals brought rows of comes several times.
    pub(super) fn take(&mut self, id: LocalId, out: &mut Vec<(u8, Aggregate)>) -> Result<(), StoreError> {
        if self.next != Some(id) {
            return Ok(());
        }
        self.next = None;
        for block in &mut self.blocks {
            if block.id() == Some(id) {
                out.push(((block.minute.0 - self.hour.0) as u8, block.columns.aggregate(block.at)?)); // below 60
                block.at += 1;
            }
            self.next = match (self.next, block.id()) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        Ok(())
    }
}

// === impl OneSlab ===

impl OneSlab {
    fn id(&self) -> Option<LocalId> {
        self.columns.ids().get(self.at).copied()
    }
}
