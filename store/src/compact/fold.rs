//! Days of few series, each folded into one page: its heads, its levels and the tables of its columns are there once and
//! not 24 times, and its hours need no blocks, for a scan merges so few minutes as quickly as it finds them.
//!
//! Only a reader knows of a folded day. Whoever is to change something in it unfolds it first, in a batch of its own; that
//! gives the pages and hour blocks back as they were, to the byte where an hour was one part. The day is folded again when
//! that is done.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};

use model::{Aggregate, LocalId, MetricId};

use crate::keys::PartKey;
use crate::parts::{self, each_part, part_at};
use crate::tier::HOURS_A_DAY;
use crate::{Cf, Columns, KvBatch, KvSnapshot, PageBlock, SlabColumns, SlabKey, StoreError, Tier, cold};

use super::writer::PartWriter;

/// Of a folded day: 46,000 rows, which decode in less than a tenth of a millisecond a column, whoever wants one hour of
/// them. From some hundreds of series on an hour's page is no larger than its part of a day's.
pub(super) const SERIES_MAX: usize = 32;

const RUNS_MAX: usize = SERIES_MAX * HOURS_A_DAY as usize;

/// Rows by series and hour, or by hour and series.
type Runs<K> = BTreeMap<K, Vec<(u8, Aggregate)>>;

/// Adds to the batch what folds a metric's day, if it can be: few series without sketches, all hours with their pages, which
/// lie here, and no slab block that would unfold it again.
pub(super) fn fold_day(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    day: u32,
    batch: &mut KvBatch,
) -> Result<(), StoreError> {
    let mut runs = Runs::new();
    let Some(hours) = hours(snapshot, metric, day, &mut runs)? else { return Ok(()) };
    let Some((&(last, _), _)) = runs.last_key_value() else { return Ok(()) };
    if runs.keys().map(|(id, _)| id).collect::<BTreeSet<_>>().len() > SERIES_MAX {
        return Ok(());
    }
    let mut page = PageBlock::new();
    runs.iter().for_each(|((id, hour), rows)| page.push_hour(*id, *hour, rows));
    batch.put(Cf::Pages, PartKey { metric, period: PartKey::FOLDED | day, last }.to_bytes(), page.encode()?);
    for key in hours {
        batch.delete(Cf::Pages, key.to_bytes());
        batch.delete(Cf::Hours, key.to_bytes());
    }
    Ok(())
}

/// What makes pages and hour blocks of a folded day again; `None` when the day is not folded.
///
/// # Errors
/// When the disk cannot be read, or the page is damaged or cannot be fetched.
pub(crate) fn unfold_day(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    day: u32,
) -> Result<Option<KvBatch>, StoreError> {
    let (mut runs, mut batch) = (Runs::new(), KvBatch::new());
    each_part(snapshot, Cf::Pages, metric, folded(day..day + 1), None, &mut |key, value| {
        read(snapshot, key, value, |id, hour| (hour, id), &mut runs)?;
        batch.delete(Cf::Pages, key.to_bytes());
        Ok(ControlFlow::Continue(()))
    })?;
    let runs: Vec<_> = runs.into_iter().collect();
    for of_hour in runs.chunk_by(|((hour, _), _), ((next, _), _)| hour == next) {
        let hour = day * HOURS_A_DAY + u32::from(of_hour[0].0.0);
        let mut writer = PartWriter::new(metric, Tier::Hour, hour, &mut batch);
        of_hour.iter().try_for_each(|((_, id), rows)| writer.push_minutes(*id, rows))?;
        writer.flush()?;
    }
    Ok((!batch.is_empty()).then_some(batch))
}

/// The periods of pages of folded days.
pub(crate) fn folded(days: Range<u32>) -> Range<u32> {
    PartKey::FOLDED | days.start..PartKey::FOLDED | days.end
}

/// Might be folded: what a day's first hour says of it.
pub(super) fn is_small(snapshot: &dyn KvSnapshot, hour: PartKey) -> Result<bool, StoreError> {
    let series = |_, block: &[u8]| SlabColumns::rows_of(block);
    let series = part_at(snapshot, Cf::Hours, hour.metric, hour.period, hour.last, series);
    Ok(series.is_ok_and(|series| series.is_some_and(|series| series <= SERIES_MAX)))
}

/// Every hour of the day and, in `runs`, its rows; `None` when one of them cannot be folded.
fn hours(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    day: u32,
    runs: &mut Runs<(LocalId, u8)>,
) -> Result<Option<Vec<PartKey>>, StoreError> {
    let (mut hours, mut fits) = (Vec::new(), !has_slabs(snapshot, metric, day)?);
    let periods = day * HOURS_A_DAY..(day + 1) * HOURS_A_DAY;
    each_part(snapshot, Cf::Hours, metric, periods, None, &mut |key, block| {
        let page = snapshot.get(Cf::Pages, &key.to_bytes())?;
        match page.filter(|page| fits && !cold::is_reference(page)) {
            Some(page) if SlabColumns::rows_of(block)? <= SERIES_MAX => {
                fits = read(snapshot, key, &page, |id, hour| (id, hour), runs)? && runs.len() <= RUNS_MAX;
                hours.push(key);
            }
            _ => fits = false,
        }
        Ok(if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(fits.then_some(hours))
}

/// Rows of a page by runs. False when there are sketches among them, which are merged more cheaply once than by each reader.
fn read<K: Ord>(
    snapshot: &dyn KvSnapshot,
    key: PartKey,
    value: &[u8],
    run: impl Fn(LocalId, u8) -> K,
    runs: &mut Runs<K>,
) -> Result<bool, StoreError> {
    let mut columns = SlabColumns::new();
    let read = cold::page(snapshot, value)
        .and_then(|page| columns.read_page(&page, key.span(Cf::Pages), Columns::ALL));
    read.map_err(|why| why.within(|| parts::name(Cf::Pages, key)))?;
    for (at, (id, minute)) in columns.ids().iter().zip(columns.minutes()).enumerate() {
        let (hour, minute) = (minute.0 / Tier::Hour.minutes() % HOURS_A_DAY, minute.0 % Tier::Hour.minutes());
        runs.entry(run(*id, hour as u8)).or_default().push((minute as u8, columns.aggregate(at)?)); // below 24, 60
    }
    Ok(columns.distinct_rows().is_empty() && columns.distribution_rows().is_empty())
}

fn has_slabs(snapshot: &dyn KvSnapshot, metric: MetricId, day: u32) -> Result<bool, StoreError> {
    let (span, mut found) = (Tier::Day.range(day), false);
    let (from, to) =
        (SlabKey::first(metric, span.from).to_bytes(), SlabKey::first(metric, span.to).to_bytes());
    snapshot.range(Cf::Slabs, &from, &to, &mut |_, _| {
        found = true;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}
