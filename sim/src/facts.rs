//! What the records of a log mean, read slowly: the truth at any position of it.
//!
//! In:    durable records, in order.
//! Out:   what a partition must know once it has applied the first so many of them.
//! Kept:  all of it, although the log has long released them.
//! Never: the island's own code. Records are decoded and aggregates merged by `proto` and `model`; all else is here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::{Aggregate, Distinct, Distribution, Minute, Number, Scalars};
use proto::{BatchView, Record, decode_record};

use crate::Wrong;
use crate::oracle::{Cell, Totals};

/// Publisher, epoch and sequence.
type Name = (u128, u64, u64);

/// What one record says.
#[derive(Debug)]
pub(crate) enum Fact {
    Rows(Vec<Told>),
    Seal(Minute),
    /// It cannot be read.
    Nothing,
}

/// One batch.
#[derive(Debug)]
pub(crate) struct Told {
    name: Option<Name>,
    rows: Vec<ToldRow>,
}

#[derive(Debug)]
struct ToldRow {
    cell: Cell,
    aggregate: Aggregate,
    /// Since when and as of when it is a total.
    point: Option<Reading>,
}

/// A running total.
#[derive(Clone, Copy, Debug)]
struct Reading {
    start: u64,
    time: u64,
    total: Number,
}

/// What a partition must know.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) cells: Totals,
    pub(crate) sealed_through: Option<Minute>,
    /// Rows that count, by minute.
    pub(crate) applied: BTreeMap<u32, u64>,
    /// Readings of running totals that came out of order.
    pub(crate) dropped: u64,
    seen: BTreeSet<Name>,
    last: BTreeMap<String, Reading>,
}

// === impl Fact ===

impl Fact {
    pub(crate) fn of(record: &Bytes) -> Result<Self, Wrong> {
        match decode_record(record.clone()) {
            Ok(Record::Seal(minute)) => Ok(Self::Seal(minute)),
            Ok(Record::Rows(batches)) => {
                let told = |batch| Told::of(&BatchView::new(batch).map_err(|why| Wrong(why.to_string()))?);
                batches.iter().map(told).collect::<Result<_, Wrong>>().map(Self::Rows)
            }
            // No alert is looked at here, and what is deleted has its own reckoning.
            Ok(Record::Rules(_) | Record::Delete(_) | Record::Delivered(_)) | Err(_) => Ok(Self::Nothing),
        }
    }
}

// === impl Told ===

impl Told {
    fn of(batch: &BatchView<'_>) -> Result<Self, Wrong> {
        let mut rows: Vec<ToldRow> = (0..batch.rows()).map(|at| row(batch, at)).collect();
        for (row, bytes) in batch.distinct() {
            let sketch = Distinct::decode(bytes).map_err(|why| Wrong(why.to_string()))?;
            rows[row as usize].aggregate.sketches.get_or_insert_default().distinct = Some(sketch);
        }
        for (row, bytes) in batch.distribution() {
            let sketch = Distribution::decode(bytes).map_err(|why| Wrong(why.to_string()))?;
            rows[row as usize].aggregate.sketches.get_or_insert_default().distribution = Some(sketch);
        }
        for (row, start, time) in batch.cumulative() {
            let row = &mut rows[row as usize];
            row.point = Some(Reading { start, time, total: row.aggregate.scalars.sum() });
        }
        let name = batch.stamp().map(|stamp| (stamp.publisher.0, stamp.epoch, stamp.sequence));
        Ok(Self { name, rows })
    }
}

fn row(batch: &BatchView<'_>, at: usize) -> ToldRow {
    let row = batch.row(at);
    let host = batch.dims(row.series).map(|(_, value)| value).collect();
    let cell = (batch.metric(row.series).to_owned(), host, row.minute.0);
    ToldRow { cell, aggregate: Aggregate::of(row.scalars), point: None }
}

// === impl Truth ===

impl Truth {
    pub(crate) fn of(facts: &[Fact]) -> Self {
        let mut truth = Self::default();
        for fact in facts {
            match fact {
                Fact::Rows(batches) => batches.iter().for_each(|batch| truth.add(batch)),
                Fact::Seal(minute) => truth.sealed_through = truth.sealed_through.max(Some(*minute)),
                Fact::Nothing => {}
            }
        }
        truth
    }

    /// What another partition knows besides.
    pub(crate) fn extend(&mut self, other: Self) {
        for (cell, aggregate) in other.cells {
            self.cells.entry(cell).or_default().merge(&aggregate);
        }
        for (minute, rows) in other.applied {
            *self.applied.entry(minute).or_default() += rows;
        }
        self.dropped += other.dropped;
    }

    pub(crate) fn is_sealed(&self, minute: u32) -> bool {
        self.sealed_through.is_some_and(|sealed| minute <= sealed.0)
    }

    fn add(&mut self, batch: &Told) {
        if batch.name.is_some_and(|name| !self.seen.insert(name)) {
            return;
        }
        for row in &batch.rows {
            let increase = row.point.map(|point| self.increase(&row.cell.1, point));
            let aggregate = match increase {
                None => row.aggregate.clone(),
                Some(Some(increase)) => Aggregate::of(Scalars::of(increase)),
                Some(None) => {
                    self.dropped += 1;
                    continue;
                }
            };
            self.cells.entry(row.cell.clone()).or_default().merge(&aggregate);
            *self.applied.entry(row.cell.2).or_default() += 1;
        }
    }

    /// By how much the total has grown; all of it when its source has begun again. `None` of one that comes too late.
    fn increase(&mut self, host: &str, now: Reading) -> Option<Number> {
        let last = self.last.get(host).copied();
        if last.is_some_and(|last| now.start < last.start || now.time <= last.time) {
            return None;
        }
        self.last.insert(host.to_owned(), now);
        match last {
            Some(last) if now.start == last.start => match (now.total, last.total) {
                (Number::Int(now), Number::Int(last)) => Some(Number::Int(now - last)),
                _ => Some(now.total), // totals are whole numbers here
            },
            _ => Some(now.total),
        }
    }
}
