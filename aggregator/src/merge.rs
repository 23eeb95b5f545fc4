//! The hot loop: a batch's columns into cells.
//!
//! In:    a checked batch, the local ids of its series.
//! Out:   cells, late rows, rows ahead; counters; what was dropped, by reason.
//! Never: looks at a word, unless something is dropped.

use std::collections::BTreeMap;
use std::iter::Peekable;

use bytes::Bytes;
use model::{Aggregate, Distinct, Distribution, LocalId, Minute, Reason, Scalars, SketchError};
use proto::BatchView;

use crate::PublisherAccount;
use crate::cumulative::PointTime;
use crate::island::Island;
use crate::series_table::REFUSED;

/// Rows that follow each other mostly have the same minute.
struct Run {
    minute: Minute,
    side: Side,
    rows: u64,
}

/// Where the rows of a minute go.
#[derive(Clone, Copy)]
enum Side {
    /// The position among the open minutes.
    Open(usize),
    /// The minute is sealed.
    Late,
    /// As many minutes are open as may be.
    Ahead,
}

/// The batch and what is known of its series.
pub(crate) struct Resolved<'b> {
    pub(crate) batch: &'b BatchView<'b>,
    pub(crate) ids: &'b [LocalId],
    pub(crate) refused: BTreeMap<u32, Reason>,
}

// === impl Island ===

impl Island {
    /// Merges every row of a batch that comes for the first time.
    pub(crate) fn merge_batch(&mut self, resolved: &Resolved<'_>) -> PublisherAccount {
        let batch = resolved.batch;
        if batch.rows() == 0 {
            return PublisherAccount::default();
        }
        let plain =
            batch.distinct().len() == 0 && batch.distribution().len() == 0 && batch.cumulative().len() == 0;
        let dropped = if plain { self.merge_plain(resolved) } else { self.merge_rich(resolved) };
        let applied = batch.rows() as u64 - dropped;
        self.books.counters.rows_applied += applied;
        PublisherAccount { applied, dropped, duplicate: 0 }
    }

    /// Numbers only: nearly every batch.
    fn merge_plain(&mut self, resolved: &Resolved<'_>) -> u64 {
        let (batch, ids) = (resolved.batch, resolved.ids);
        let (mut run, mut dropped) = (self.run(batch.row(0).minute), 0);
        for at in 0..batch.rows() {
            let row = batch.row(at);
            if row.minute != run.minute {
                self.end_run(&run, batch);
                run = self.run(row.minute);
            }
            let id = ids[row.series as usize];
            if id != REFUSED
                && is_sound(&row.scalars)
                && let Side::Open(position) = run.side
            {
                self.open.at(position).merge(id, &row.scalars);
                run.rows += 1;
                continue;
            }
            match self.merge_slowly(resolved, run.side, row.series, row.minute, &Aggregate::of(row.scalars)) {
                Ok(()) => run.rows += 1,
                Err(reason) => dropped += self.drop_row(resolved, row.series, reason),
            }
        }
        self.end_run(&run, batch);
        dropped
    }

    /// Some rows have sketches or are cumulative.
    fn merge_rich(&mut self, resolved: &Resolved<'_>) -> u64 {
        let batch = resolved.batch;
        let (mut run, mut dropped) = (self.run(batch.row(0).minute), 0);
        let (mut distinct, mut distribution) = (batch.distinct().peekable(), batch.distribution().peekable());
        let mut cumulative = batch.cumulative().map(|(row, start, time)| (row, (start, time))).peekable();
        for at in 0..batch.rows() {
            let row = batch.row(at);
            if row.minute != run.minute {
                self.end_run(&run, batch);
                run = self.run(row.minute);
            }
            let bytes = (of_row(&mut distinct, at), of_row(&mut distribution, at));
            let point = of_row(&mut cumulative, at).map(|(start, time)| PointTime { start, time });
            let merged = aggregate(row.scalars, bytes).map_err(|_| Reason::Sketch).and_then(|aggregate| {
                self.merge_point(resolved, run.side, (row.series, row.minute), point, &aggregate)
            });
            match merged {
                Ok(()) => run.rows += 1,
                Err(reason) => dropped += self.drop_row(resolved, row.series, reason),
            }
        }
        self.end_run(&run, batch);
        dropped
    }

    /// What a row adds: itself, or the increase of what it totals. A point that finds no room leaves its series where
    /// it was, so that the next one brings the increase of both.
    fn merge_point(
        &mut self,
        resolved: &Resolved<'_>,
        side: Side,
        (series, minute): (u32, Minute),
        point: Option<PointTime>,
        row: &Aggregate,
    ) -> Result<(), Reason> {
        if let Some(reason) = resolved.refused.get(&series) {
            return Err(*reason);
        }
        if !is_sound(&row.scalars) {
            return Err(Reason::Numbers);
        }
        let Some(at) = point else { return self.merge_slowly(resolved, side, series, minute, row) };
        let id = resolved.ids[series as usize];
        let increase = self.cumulative.increase(id, at, row);
        let merged =
            increase.and_then(|increase| self.merge_slowly(resolved, side, series, minute, &increase));
        if matches!(merged, Ok(()) | Err(Reason::NoStartTime)) {
            self.cumulative.moved(id, at, row);
        }
        merged
    }

    fn merge_slowly(
        &mut self,
        resolved: &Resolved<'_>,
        side: Side,
        series: u32,
        minute: Minute,
        row: &Aggregate,
    ) -> Result<(), Reason> {
        if let Some(reason) = resolved.refused.get(&series) {
            return Err(*reason);
        }
        if row.scalars.is_empty() && resolved.batch.cumulative().len() > 0 {
            return Ok(()); // a histogram that did not grow
        }
        if !is_sound(&row.scalars) {
            return Err(Reason::Numbers);
        }
        let id = resolved.ids[series as usize];
        let metric = self.series.metric_of(id);
        match side {
            Side::Open(position) => self.open.at(position).merge_aggregate(id, row),
            Side::Late => self.late.merge(minute, metric, id, row),
            Side::Ahead => {
                let full = self.ahead.rows() >= self.limits.ahead_rows_max;
                if full && !self.ahead.holds(minute, metric, id) {
                    return Err(Reason::TooFarAhead);
                }
                self.ahead.merge(minute, metric, id, row);
            }
        }
        Ok(())
    }

    fn run(&mut self, minute: Minute) -> Run {
        let side = if self.sealed_through.is_some_and(|sealed| minute <= sealed) {
            Side::Late
        } else {
            self.open.position_of(minute).map_or(Side::Ahead, Side::Open)
        };
        Run { minute, side, rows: 0 }
    }

    fn end_run(&mut self, run: &Run, batch: &BatchView<'_>) {
        if run.rows == 0 {
            return;
        }
        if matches!(run.side, Side::Late) {
            self.books.counters.rows_late += run.rows;
        }
        if batch.declares() {
            self.books.declared_rows(batch.account(), run.minute, run.rows);
        }
    }

    #[cold]
    fn drop_row(&mut self, resolved: &Resolved<'_>, series: u32, reason: Reason) -> u64 {
        let batch = resolved.batch;
        self.books.drop_rows(&self.limits, batch.account(), batch.metric(series), reason, 1);
        1
    }
}

/// May these numbers be merged? As [`Scalars::check`], quicker for whole numbers.
#[inline]
fn is_sound(scalars: &Scalars) -> bool {
    if scalars.kinds.0 == 0 {
        scalars.count > 0 && scalars.min.cast_signed() <= scalars.max.cast_signed()
    } else {
        scalars.check().is_ok()
    }
}

/// The entry of this row, if the next one is.
fn of_row<T>(entries: &mut Peekable<impl Iterator<Item = (u32, T)>>, row: usize) -> Option<T> {
    entries.next_if(|(at, _)| *at as usize == row).map(|(_, entry)| entry)
}

fn aggregate(
    scalars: Scalars,
    (distinct, distribution): (Option<&Bytes>, Option<&Bytes>),
) -> Result<Aggregate, SketchError> {
    let mut row = Aggregate::of(scalars);
    if distinct.is_some() || distribution.is_some() {
        let sketches = row.sketches.get_or_insert_default();
        sketches.distinct = distinct.map(|bytes| Distinct::decode(bytes)).transpose()?;
        sketches.distribution = distribution.map(|bytes| Distribution::decode(bytes)).transpose()?;
    }
    Ok(row)
}
