//! One hour of one metric.

use model::{Aggregate, LocalId, MetricId, Minute};

use crate::parts::{self, any_part, part_at};
use crate::tier::HOURS_A_DAY;
use crate::{Cf, Columns, KvBatch, KvSnapshot, SlabBlock, SlabColumns, StoreError, Tier, cold};

use super::day::fold;
use super::fold::unfold_day;
use super::slabs::{SlabOnDisk, SlabRows, passes, slabs_of};
use super::writer::{PartWriter, merged};

/// How an hour is compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactOptions {
    /// Since when minutes are kept: what is older, retention has taken or is about to.
    pub points_from: Minute,
    /// Since when hours are kept.
    pub hours_from: Minute,
    /// Bytes of rows that are decoded at once. An hour with more is done in several passes over its blocks, each with
    /// the series of a range of ids.
    pub work_bytes_max: usize,
}

/// Two million rows at 64 bytes, or 35,000 series of a whole hour in each pass.
const WORK_BYTES_MAX: usize = 128 << 20;

/// An hour at work.
struct Work<'a> {
    snapshot: &'a dyn KvSnapshot,
    metric: MetricId,
    hour: u32,
    slabs: &'a [SlabOnDisk],
    options: CompactOptions,
}

/// Turns the slab blocks of a metric's hour into pages and hour blocks, with what earlier compactions made of that
/// hour. `None` when there is no slab block. To be committed as it is, and by the only writer of these families. Of a
/// folded day it is what unfolds that, and the slab blocks are still there for the next call.
///
/// # Errors
/// When the disk cannot be read, a block is damaged, which is named, or a part is too large for one value.
pub fn compact_hour(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    hour: u32,
    options: CompactOptions,
) -> Result<Option<KvBatch>, StoreError> {
    let slabs = slabs_of(snapshot, metric, hour)?;
    if slabs.is_empty() {
        return Ok(None);
    }
    let day = Tier::Day.of(Tier::Hour.range(hour).from);
    if let Some(unfolds) = unfold_day(snapshot, metric, day)? {
        return Ok(Some(unfolds));
    }
    let work = Work { snapshot, metric, hour, slabs: &slabs, options };
    let mut batch = KvBatch::new();
    let has_day = any_part(snapshot, Cf::Days, metric, day..day + 1, None)?.is_some();
    let form = Form::of(&work, has_day)?;
    let mut fresh = (has_day || form != Form::Pages).then(SlabBlock::new);
    match form {
        Form::Pages => work.rewrite(&mut batch, fresh.as_mut())?,
        Form::Hours | Form::Days => work.gather(fresh.get_or_insert_default())?,
    }
    if let Some(fresh) = fresh {
        let mut rows = SlabColumns::new();
        rows.read(&fresh.encode()?, Columns::WHOLE_ROWS)?;
        if form == Form::Hours {
            fold(snapshot, metric, Tier::Hour, hour, &rows, &mut batch)?;
        }
        if has_day || form == Form::Days {
            fold(snapshot, metric, Tier::Day, day, &rows, &mut batch)?;
        }
    }
    slabs.iter().for_each(|slab| batch.delete(Cf::Slabs, slab.key.to_bytes()));
    Ok(Some(batch))
}

/// What rows of an hour become.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Pages, and hour blocks beside them.
    Pages,
    /// The minutes are not kept any more.
    Hours,
    /// The hours neither.
    Days,
}

// === impl CompactOptions ===

impl Default for CompactOptions {
    /// Everything is kept.
    fn default() -> Self {
        Self { points_from: Minute(0), hours_from: Minute(0), work_bytes_max: WORK_BYTES_MAX }
    }
}

// === impl Form ===

impl Form {
    /// Retention may have become longer since: what is gone stays so, and a page of the late rows alone would lie, as
    /// would an hour of them.
    fn of(work: &Work<'_>, has_day: bool) -> Result<Self, StoreError> {
        let from = Tier::Hour.range(work.hour).from;
        let hours = Tier::Day.of(from) * HOURS_A_DAY..(Tier::Day.of(from) + 1) * HOURS_A_DAY;
        let has_hours = || any_part(work.snapshot, Cf::Hours, work.metric, hours, None);
        if from < work.options.hours_from || (has_day && has_hours()?.is_none()) {
            return Ok(Self::Days);
        }
        let hour = work.hour..work.hour + 1;
        let any =
            |cf| any_part(work.snapshot, cf, work.metric, hour.clone(), None).map(|found| found.is_some());
        let gone = from < work.options.points_from || (any(Cf::Hours)? && !any(Cf::Pages)?);
        Ok(if gone { Self::Hours } else { Self::Pages })
    }
}

// === impl Work ===

impl Work<'_> {
    /// Writes the parts anew that have new rows. `fresh` takes each series' new rows, merged.
    fn rewrite(&self, batch: &mut KvBatch, mut fresh: Option<&mut SlabBlock>) -> Result<(), StoreError> {
        let part_end =
            |id| part_at(self.snapshot, Cf::Hours, self.metric, self.hour, id, |key, _| Ok(key.last));
        let round_up = |id| Ok(part_end(id)?.unwrap_or(id));
        let mut writer = PartWriter::new(self.metric, Tier::Hour, self.hour, batch);
        for ids in passes(self.snapshot, self.slabs, self.options.work_bytes_max, round_up)? {
            let mut rows = SlabRows::load(self.snapshot, self.hour, self.slabs, &ids)?;
            while let Some(id) = rows.next_id() {
                let end = part_end(id)?;
                let page = self.page(id)?;
                merge_part(&page, &mut rows, end.unwrap_or(LocalId::MAX), &mut writer, fresh.as_deref_mut())?;
                if end.is_some() {
                    writer.flush()?; // its last series is the one that names it, as before
                }
            }
        }
        writer.flush()
    }

    /// Each series' new rows, merged.
    fn gather(&self, fresh: &mut SlabBlock) -> Result<(), StoreError> {
        for ids in passes(self.snapshot, self.slabs, self.options.work_bytes_max, Ok)? {
            let mut rows = SlabRows::load(self.snapshot, self.hour, self.slabs, &ids)?;
            let mut minutes = Vec::new();
            while let Some(id) = rows.next_id() {
                minutes.clear();
                rows.take(id, &mut minutes)?;
                fresh.push_aggregate(id, &merged(&minutes));
            }
        }
        Ok(())
    }

    /// The page that holds a series, or no rows.
    fn page(&self, id: LocalId) -> Result<SlabColumns, StoreError> {
        let page = part_at(self.snapshot, Cf::Pages, self.metric, self.hour, id, |key, value| {
            let mut page = SlabColumns::new();
            let read = cold::page(self.snapshot, value)
                .and_then(|value| page.read_page(&value, key.span(Cf::Pages), Columns::WHOLE_ROWS));
            read.map(|()| page).map_err(|why| why.within(|| parts::name(Cf::Pages, key)))
        })?;
        Ok(page.unwrap_or_default())
    }
}

/// Merges a page with the new rows of series up to `end`, series by series.
fn merge_part(
    page: &SlabColumns,
    rows: &mut SlabRows,
    end: LocalId,
    writer: &mut PartWriter<'_>,
    mut fresh: Option<&mut SlabBlock>,
) -> Result<(), StoreError> {
    let (mut at, mut minutes) = (0, Vec::new());
    loop {
        let old = page.ids().get(at).copied();
        let new = rows.next_id().filter(|id| *id <= end);
        let Some(id) = old.into_iter().chain(new).min() else { return Ok(()) };
        minutes.clear();
        rows.take(id, &mut minutes)?;
        if let (Some(fresh), false) = (&mut fresh, minutes.is_empty()) {
            fresh.push_aggregate(id, &merged(&minutes));
        }
        while page.ids().get(at) == Some(&id) {
            minutes.push(((page.minutes()[at].0 % Tier::Hour.minutes()) as u8, page.aggregate(at)?)); // below 60
            at += 1;
        }
        fold_minutes(&mut minutes);
        writer.push_minutes(id, &minutes)?;
    }
}

/// Each minute once, ascending.
fn fold_minutes(minutes: &mut Vec<(u8, Aggregate)>) {
    if minutes.is_sorted_by(|(one, _), (other, _)| one < other) {
        return; // as seals bring them
    }
    minutes.sort_by_key(|(minute, _)| *minute);
    minutes.dedup_by(|(minute, row), (kept, all)| {
        let same = minute == kept;
        if same {
            all.merge(row);
        }
        same
    });
}
