//! Rows of deleted series leave the disk: blocks that hold any are written anew without them.
//!
//! In:    a metric, and which of its series are deleted. No block that is written from now on holds a row of them.
//! Out:   batches, each of blocks that change together: a page and its hour.
//! Kept:  where it is. Forgotten in a crash, it begins anew and finds less.
//! Never: reads all at once: [`WALK_BYTES`] a step.
//!
//! Folded days first: those with deleted rows are unfolded, and no day is folded while this goes on. Then slabs: compaction may turn one round into a page at any time, but what has been purged brings no deleted row
//! into a page any more. Then pages with their hours, then the days that are built of hours; but a day's rows go with an
//! hour that goes as a whole, for a day without hours is one whose hours retention has taken, and gets no more.

use std::ops::ControlFlow;

use model::{Aggregate, LocalId, MetricId};

use crate::compact::unfold_day;
use crate::keys::{PartKey, metric_keys};
use crate::kv::Each;
use crate::parts::{each_part, part_at};
use crate::salvage::range_past_damage;
use crate::{Cf, Columns, KvBatch, KvSnapshot, PageBlock, SlabBlock, SlabColumns, StoreError, Tier, cold};

/// What a step reads, about: a moment's work for a disk and the decoder. One block may be larger.
const WALK_BYTES: usize = 4 << 20;

/// The purge of a metric.
#[derive(Debug)]
pub struct Purge {
    metric: MetricId,
    stage: Cf,
    /// The first key that was not looked at.
    next: Vec<u8>,
    /// Blocks that could not be read. Nobody else can read them either.
    unreadable: u64,
}

/// Is this series deleted?
pub type IsGone<'a> = &'a dyn Fn(LocalId) -> bool;

// === impl Purge ===

impl Purge {
    /// From the beginning.
    #[must_use]
    pub fn new(metric: MetricId) -> Self {
        // Of the pages only those of folded days: the others go with their hours.
        let next = PartKey { metric, period: PartKey::FOLDED, last: 0 }.to_bytes().to_vec();
        Self { metric, stage: Cf::Pages, next, unreadable: 0 }
    }

    /// Blocks, or stretches of them, that it had to leave as they are, because they are damaged.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The next changes, none perhaps, and `None` when the metric is purged. To be committed before the next call, which
    /// is given a snapshot of the state after.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn step(
        &mut self,
        snapshot: &dyn KvSnapshot,
        is_gone: IsGone<'_>,
    ) -> Result<Option<KvBatch>, StoreError> {
        let mut batch = KvBatch::new();
        if self.walk(snapshot, is_gone, &mut batch)?.is_continue() {
            self.stage = match self.stage {
                Cf::Pages => Cf::Slabs,
                Cf::Slabs => Cf::Hours,
                Cf::Hours => Cf::Days,
                _ => return Ok((!batch.is_empty()).then_some(batch)),
            };
            self.next = metric_keys(self.metric).0;
        }
        Ok(Some(batch))
    }

    /// Breaks when it has read enough.
    fn walk(
        &mut self,
        snapshot: &dyn KvSnapshot,
        is_gone: IsGone<'_>,
        batch: &mut KvBatch,
    ) -> Result<ControlFlow<()>, StoreError> {
        let (cf, to, mut read) = (self.stage, metric_keys(self.metric).1, 0);
        let (mut columns, mut next, mut damaged, mut unreadable) = (SlabColumns::new(), None, 0, 0);
        let each: Each<'_> = &mut |key, value| {
            if read >= WALK_BYTES {
                next = Some(key.to_vec());
                return Ok(ControlFlow::Break(()));
            }
            read += value.len();
            let done = match cf {
                Cf::Pages => unfold(snapshot, key, is_gone, &mut columns, batch),
                _ => without(snapshot, cf, (key, value), is_gone, &mut columns, batch),
            };
            match done {
                Err(why) if why.is_damage() => damaged += 1,
                done => done?,
            }
            Ok(ControlFlow::Continue(()))
        };
        range_past_damage(snapshot, cf, &self.next, &to, each, &mut |_, _, _| {
            unreadable += 1;
            Ok(())
        })?;
        self.unreadable += damaged + unreadable;
        let Some(next) = next else { return Ok(ControlFlow::Continue(())) };
        self.next = next;
        Ok(ControlFlow::Break(()))
    }
}

/// Unfolds a day whose block has a deleted series.
fn unfold(
    snapshot: &dyn KvSnapshot,
    key: &[u8],
    is_gone: IsGone<'_>,
    columns: &mut SlabColumns,
    batch: &mut KvBatch,
) -> Result<(), StoreError> {
    let Some(part) = PartKey::from_bytes(key) else { return Ok(()) };
    let day = part.period & !PartKey::FOLDED;
    let ids = |_, block: &[u8]| columns.read(block, Columns::IDS);
    let found = part_at(snapshot, Cf::Days, part.metric, day, part.last, ids)?;
    if found.is_none() || columns.ids().iter().any(|id| is_gone(*id)) {
        batch.append(unfold_day(snapshot, part.metric, day)?.unwrap_or_default());
    }
    Ok(())
}

/// One block, and the page that belongs to it.
fn without(
    snapshot: &dyn KvSnapshot,
    cf: Cf,
    (key, value): (&[u8], &[u8]),
    is_gone: IsGone<'_>,
    columns: &mut SlabColumns,
    batch: &mut KvBatch,
) -> Result<(), StoreError> {
    columns.read(value, Columns::IDS)?;
    if !columns.ids().iter().any(|id| is_gone(*id)) {
        return Ok(());
    }
    columns.read(value, Columns::WHOLE_ROWS)?;
    let mut block = SlabBlock::new();
    let mut last = None;
    for (at, id) in columns.ids().iter().enumerate().filter(|(_, id)| !is_gone(**id)) {
        block.push_aggregate(*id, &columns.aggregate(at)?);
        last = Some(*id);
    }
    // A part is named by its last series, which may be one that goes.
    let renamed = |last| PartKey::from_bytes(key).map(|part| PartKey { last, ..part }.to_bytes().to_vec());
    let new_key = last.map(|last| renamed(last).unwrap_or_else(|| key.to_vec()));
    let block = if block.is_empty() { None } else { Some(block.encode()?) };
    let page = if cf == Cf::Hours { page(snapshot, key, is_gone, columns)? } else { None };
    if let (Cf::Hours, None, Some(part)) = (cf, &block, PartKey::from_bytes(key)) {
        day(snapshot, part, is_gone, columns, batch)?;
    }
    let mut replace = |cf, bytes: Option<Vec<u8>>| {
        batch.delete(cf, key);
        if let (Some(key), Some(bytes)) = (&new_key, bytes) {
            batch.put(cf, key.clone(), bytes);
        }
    };
    replace(cf, block);
    if let Some(page) = page {
        replace(Cf::Pages, page);
    }
    Ok(())
}

/// The day of an hour. What cannot be read of it is met, and counted, again when all days are looked at.
fn day(
    snapshot: &dyn KvSnapshot,
    hour: PartKey,
    is_gone: IsGone<'_>,
    columns: &mut SlabColumns,
    batch: &mut KvBatch,
) -> Result<(), StoreError> {
    let day = Tier::Day.of(Tier::Hour.range(hour.period).from);
    let done = each_part(snapshot, Cf::Days, hour.metric, day..day + 1, None, &mut |part, value| {
        without(snapshot, Cf::Days, (&part.to_bytes(), value), is_gone, columns, batch)?;
        Ok(ControlFlow::Continue(()))
    });
    done.or_else(|why| if why.is_damage() { Ok(()) } else { Err(why) })
}

/// The page of the same name without the deleted series: `Some(None)` when nothing is left, `None` when there is none.
fn page(
    snapshot: &dyn KvSnapshot,
    key: &[u8],
    is_gone: IsGone<'_>,
    columns: &mut SlabColumns,
) -> Result<Option<Option<Vec<u8>>>, StoreError> {
    let Some(value) = snapshot.get(Cf::Pages, key)? else { return Ok(None) };
    let Some(part) = PartKey::from_bytes(key) else { return Ok(None) };
    let value = cold::page(snapshot, &value)?;
    columns.read_page(&value, part.span(Cf::Pages), Columns::WHOLE_ROWS)?;
    let (mut page, mut at) = (PageBlock::new(), 0);
    for of_series in columns.ids().chunk_by(|one, other| one == other) {
        let rows = at..at + of_series.len();
        at = rows.end;
        if !is_gone(of_series[0]) {
            let row = |at: usize| Ok((minute_of_hour(columns, at), columns.aggregate(at)?));
            let rows: Vec<(u8, Aggregate)> = rows.map(row).collect::<Result<_, StoreError>>()?;
            page.push(of_series[0], &rows);
        }
    }
    Ok(Some(if page.is_empty() { None } else { Some(page.encode()?) }))
}

fn minute_of_hour(columns: &SlabColumns, at: usize) -> u8 {
    (columns.minutes()[at].0 % Tier::Hour.minutes()) as u8 // below 60
}
