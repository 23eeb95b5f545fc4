//! The one operator that reads: the rows of a metric over a range of minutes, by columns, out of slabs, pages, hours
//! and days.
//!
//! In:    what is wanted: minutes, and how finely rows must be told apart by time; columns; series.
//! Out:   batches of rows. Each row of the range comes once, alone or merged with others of its series and step.
//! Kept:  one decoded block.
//! Never: a row that is only kept merged with rows outside of the range or of another step: it is left out, and the
//!        stats say so.

mod cut;

use std::ops::{ControlFlow, Range};

use model::{LocalId, MetricId, Minute, MinuteRange};

use crate::compact::folded;
use crate::parts::{self, any_part, each_part};
use crate::past_damage::{Damage, PastDamage};
use crate::tier::HOURS_A_DAY;
use crate::{Cf, Columns, KvSnapshot, PartKey, SlabColumns, SlabKey, StoreError, Tier, cold};
use cut::{Grain, cut};

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// Of which metric.
    pub metric: MetricId,
    /// When.
    pub minutes: MinuteRange,
    /// Rows of the same step need not be told apart by time: so many minutes from the beginning of the range, and so
    /// on. The last step ends with the range. 1 tells every minute apart.
    pub step_minutes: u32,
    /// Which columns.
    pub wanted: Columns,
    /// Of which series, ascending: what is known to hold none of them is not read, others may come along. Absent: all.
    pub series: Option<&'a [LocalId]>,
}

/// Some rows.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// When its rows are. They are of one step, but where each row of `columns` has its own minute.
    pub minutes: MinuteRange,
    /// The rows.
    pub columns: &'a SlabColumns,
}

/// What a scan calls with each batch, until it breaks.
pub type EachBatch<'a> = &'a mut dyn FnMut(&Batch<'_>) -> Result<ControlFlow<()>, StoreError>;

/// What a scan has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Slab blocks.
    pub slabs: u64,
    /// Pages.
    pub pages: u64,
    /// Blocks of hours and days.
    pub heads: u64,
    /// Rows of them.
    pub rows: u64,
    /// Bytes of their values on disk.
    pub bytes_read: u64,
    /// In these minutes there are rows that are only kept merged, over longer than what was asked for. They were left
    /// out. From the first to the last of them; other rows in between were found.
    pub coarse: Option<MinuteRange>,
    /// What could not be read and was left out.
    pub damage: Damage,
}

/// A scan at work.
struct Work<'a, 'b> {
    snapshot: &'a dyn KvSnapshot,
    scan: &'a Scan<'a>,
    columns: &'a mut SlabColumns,
    each: EachBatch<'b>,
    stats: ScanStats,
    stopped: bool,
}

/// Calls `each` with every batch, in no order of time, until it breaks. `columns` is the buffer, so that a scan
/// allocates nothing once it has grown.
///
/// # Errors
/// When the disk cannot be read, a block is of a later version, or what `each` returned. A damaged block is none: it is
/// left out, and [`ScanStats::damage`] names it.
pub fn scan(
    snapshot: &dyn KvSnapshot,
    scan: &Scan<'_>,
    columns: &mut SlabColumns,
    each: EachBatch<'_>,
) -> Result<ScanStats, StoreError> {
    let past_damage = PastDamage::new(snapshot);
    let mut work =
        Work { snapshot: &past_damage, scan, columns, each, stats: ScanStats::default(), stopped: false };
    work.slabs()?;
    for (grain, minutes) in cut(scan.minutes, scan.step_minutes) {
        match grain {
            Grain::Days => work.days(minutes)?,
            Grain::Hours => work.hours(minutes)?,
            Grain::Minutes => work.pages(minutes)?,
        }
    }
    let mut stats = work.stats;
    stats.damage.merge(&past_damage.into_lost());
    Ok(stats)
}

// === impl Work ===

impl Work<'_, '_> {
    fn slabs(&mut self) -> Result<(), StoreError> {
        let Scan { metric, minutes, .. } = *self.scan;
        let from = SlabKey::first(metric, minutes.from).to_bytes();
        let to = SlabKey::first(metric, minutes.to).to_bytes();
        self.snapshot.range(Cf::Slabs, &from, &to, &mut |key, value| {
            let key = SlabKey::read(key)?;
            if let Err(why) = self.columns.read(value, self.scan.wanted) {
                return self.leave_out(why.within(|| key.to_string()));
            }
            self.stats.slabs += 1;
            self.give(MinuteRange::new(key.minute, key.minute.next()), value.len())
        })
    }

    /// Whole days within one step. One that has no blocks yet is read by the hour.
    fn days(&mut self, minutes: MinuteRange) -> Result<(), StoreError> {
        let missing = self.parts(Cf::Days, periods_of(Tier::Day, minutes), minutes)?;
        missing.into_iter().try_for_each(|days| self.hours(range_of(Tier::Day, days)))
    }

    /// Whole hours within one step each.
    fn hours(&mut self, minutes: MinuteRange) -> Result<(), StoreError> {
        let missing = self.hours_or_folded(Cf::Hours, minutes)?;
        missing.into_iter().try_for_each(|hours| self.note_days_without_hours(hours))
    }

    /// Minutes. Those that lie in slabs were read already.
    fn pages(&mut self, minutes: MinuteRange) -> Result<(), StoreError> {
        for hours in self.hours_or_folded(Cf::Pages, minutes)? {
            let Scan { metric, series, .. } = *self.scan;
            if let Some(hour) = any_part(self.snapshot, Cf::Hours, metric, hours.clone(), series)? {
                self.note_coarse(range_of(Tier::Hour, hour.period..hours.end));
            }
            self.note_days_without_hours(hours)?;
        }
        Ok(())
    }

    /// Every part of a family by the hour within these minutes, and where there is none the day's page if it is folded.
    /// Returns the hours that have neither.
    fn hours_or_folded(&mut self, cf: Cf, minutes: MinuteRange) -> Result<Vec<Range<u32>>, StoreError> {
        let mut left = Vec::new();
        for hours in self.parts(cf, periods_of(Tier::Hour, minutes), minutes)? {
            let within = range_of(Tier::Hour, hours.clone()).intersection(minutes);
            let days = self.parts(Cf::Pages, folded(periods_of(Tier::Day, within)), within)?;
            let hours_of = |day: u32| (day & !PartKey::FOLDED) * HOURS_A_DAY;
            left.extend(
                days.into_iter()
                    .map(|days| hours_of(days.start).max(hours.start)..hours_of(days.end).min(hours.end)),
            );
        }
        Ok(left)
    }

    /// Every part of a family within these minutes. Returns the periods that have none.
    fn parts(
        &mut self,
        cf: Cf,
        periods: Range<u32>,
        minutes: MinuteRange,
    ) -> Result<Vec<Range<u32>>, StoreError> {
        if self.stopped || minutes.is_empty() {
            return Ok(Vec::new());
        }
        let Scan { metric, series, .. } = *self.scan;
        let (mut missing, mut due) = (Vec::new(), periods.start);
        each_part(self.snapshot, cf, metric, periods.clone(), series, &mut |key, value| {
            if key.period > due {
                missing.push(due..key.period);
            }
            due = key.period + 1;
            let span = key.span(cf);
            if let Err(why) = self.read_part(cf, span, minutes, value) {
                return self.leave_out(why.within(|| parts::name(cf, key)));
            }
            self.give(span.intersection(minutes), value.len())
        })?;
        if due < periods.end {
            missing.push(due..periods.end);
        }
        Ok(if self.stopped { Vec::new() } else { missing })
    }

    fn read_part(
        &mut self,
        cf: Cf,
        span: MinuteRange,
        minutes: MinuteRange,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let wanted = self.scan.wanted;
        if cf != Cf::Pages {
            self.stats.heads += 1;
            return self.columns.read(value, wanted);
        }
        self.stats.pages += 1;
        let page = cold::page(self.snapshot, value)?;
        self.columns.read_page(&page, span, wanted)?;
        if span.intersection(minutes) != span {
            let inside: Vec<bool> = self.columns.minutes().iter().map(|at| minutes.contains(*at)).collect();
            self.columns.retain(&inside);
        }
        Ok(())
    }

    fn leave_out(&mut self, why: StoreError) -> Result<ControlFlow<()>, StoreError> {
        self.stats.damage.add(why)?;
        Ok(ControlFlow::Continue(()))
    }

    fn give(&mut self, minutes: MinuteRange, bytes: usize) -> Result<ControlFlow<()>, StoreError> {
        self.stats.rows += self.columns.len() as u64;
        self.stats.bytes_read += bytes as u64;
        if self.columns.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let flow = (self.each)(&Batch { minutes, columns: self.columns })?;
        self.stopped = flow.is_break();
        Ok(flow)
    }

    /// A day that has blocks and not one hour has lost its hours: an hour without rows is nothing strange.
    fn note_days_without_hours(&mut self, hours: Range<u32>) -> Result<(), StoreError> {
        let Scan { metric, series, .. } = *self.scan;
        let mut days = hours.start / HOURS_A_DAY..hours.end.div_ceil(HOURS_A_DAY);
        while let Some(day) = any_part(self.snapshot, Cf::Days, metric, days.clone(), series)? {
            let its_hours = day.period * HOURS_A_DAY..(day.period + 1) * HOURS_A_DAY;
            if any_part(self.snapshot, Cf::Hours, metric, its_hours, series)?.is_none() {
                self.note_coarse(Tier::Day.range(day.period));
            }
            days.start = day.period + 1;
        }
        Ok(())
    }

    fn note_coarse(&mut self, minutes: MinuteRange) {
        let minutes = minutes.intersection(self.scan.minutes);
        let all = self.stats.coarse.get_or_insert(minutes);
        (all.from, all.to) = (all.from.min(minutes.from), all.to.max(minutes.to));
    }
}

/// Which hours or days hold minutes of a range.
fn periods_of(tier: Tier, minutes: MinuteRange) -> Range<u32> {
    if minutes.is_empty() { 0..0 } else { tier.of(minutes.from)..tier.of(minutes.to.previous()) + 1 }
}

fn range_of(tier: Tier, periods: Range<u32>) -> MinuteRange {
    MinuteRange::new(tier.range(periods.start).from, tier.range(periods.end).from)
}

// === impl Batch ===

impl Batch<'_> {
    /// A minute of the step that a row belongs to.
    #[must_use]
    pub fn minute(&self, row: usize) -> Minute {
        self.columns.minutes().get(row).copied().unwrap_or(self.minutes.from)
    }
}
