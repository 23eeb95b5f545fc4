//! What must be known in the end, and what is: slow and obviously right.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aggregator::View;
use hints_index::MetricIndex;
use model::{Minute, MinuteRange, Scalars};
use store::{Batch, Cf, Columns, Kv, KvSnapshot, MemoryKv, Scan, SlabColumns, scan};

use crate::Wrong;
use crate::publisher::{ACCOUNT, Publisher, Row};

/// Metric, host, minute.
pub(crate) type Cell = (String, String, u32);

/// Family, key and value.
pub(crate) type Entry = (Cf, Vec<u8>, Vec<u8>);

/// Every minute of every series.
pub(crate) type Totals = BTreeMap<Cell, Scalars>;

/// The rows that were acknowledged, each once.
fn acknowledged(publishers: &[Publisher]) -> impl Iterator<Item = &Row> {
    let sent = publishers.iter().flat_map(|publisher| &publisher.ledger);
    sent.flat_map(|sent| sent.told.iter().flatten().map(|row| &sent.rows[*row as usize]))
}

/// What the publishers were told is there.
pub(crate) fn expected(publishers: &[Publisher]) -> Totals {
    let mut totals = Totals::new();
    for row in acknowledged(publishers) {
        let cell = (row.metric.to_owned(), row.host.clone(), row.minute);
        totals.entry(cell).or_default().record(row.value);
    }
    totals
}

/// How many rows of each minute that is.
pub(crate) fn rows_by_minute(publishers: &[Publisher]) -> BTreeMap<u32, u64> {
    let mut rows = BTreeMap::new();
    for row in acknowledged(publishers) {
        *rows.entry(row.minute).or_default() += 1;
    }
    rows
}

/// Adds what one partition's disk holds, read as a query reads it.
pub(crate) fn add_disk(totals: &mut Totals, view: &View, disk: &MemoryKv) -> Result<(), Wrong> {
    let snapshot = disk.snapshot();
    view.hints.metrics(ACCOUNT).try_for_each(|(_, metric)| add_metric(totals, metric, &*snapshot))
}

fn add_metric(totals: &mut Totals, metric: &MetricIndex, snapshot: &dyn KvSnapshot) -> Result<(), Wrong> {
    let (all, mut columns) = (MinuteRange::new(Minute(0), Minute(u32::MAX)), SlabColumns::new());
    let mut unknown = 0;
    let mut add = |batch: &Batch<'_>| {
        let rows = batch.columns;
        for row in 0..rows.len() {
            let Some(position) = metric.position_of(rows.ids()[row]) else {
                unknown += 1;
                continue;
            };
            let host = metric.dims_of(position).map(|(_, value)| value.to_owned()).collect();
            totals
                .entry((metric.name().to_owned(), host, batch.minute(row).0))
                .or_default()
                .merge(&rows.scalars(row));
        }
        Ok(ControlFlow::Continue(()))
    };
    let whole = Scan {
        metric: metric.metric_id(),
        minutes: all,
        step_minutes: 1,
        wanted: Columns::SCALARS,
        series: None,
    };
    scan(snapshot, &whole, &mut columns, &mut add)?;
    if unknown > 0 { Err(Wrong(format!("{unknown} rows of series that nobody knows"))) } else { Ok(()) }
}

/// Count, sum, min and max of every cell are equal; else the first that is not, by name.
pub(crate) fn compare(got: &Totals, expected: &Totals) -> Result<(), Wrong> {
    for (cell, expected) in expected {
        let got = got.get(cell).copied().unwrap_or_default();
        if plain(&got) != plain(expected) {
            return Err(Wrong(format!("{cell:?} is {}, acknowledged was {}", plain(&got), plain(expected))));
        }
    }
    match got.keys().find(|cell| !expected.contains_key(*cell)) {
        Some(cell) => Err(Wrong(format!("{cell:?} was never acknowledged"))),
        None => Ok(()),
    }
}

/// A float that is whole by the end is the integer: which of the two it is depends on what came last.
fn plain(row: &Scalars) -> String {
    let [sum, min, max] = [row.sum(), row.min(), row.max()].map(|number| number.canonical());
    format!("count {} sum {sum} min {min} max {max}", row.count)
}

/// Every key and value of a disk.
pub(crate) fn dump(disk: &MemoryKv) -> Result<Vec<Entry>, Wrong> {
    let (snapshot, mut all) = (disk.snapshot(), Vec::new());
    for cf in Cf::ALL {
        snapshot.range(cf, &[], &[0xff; 64], &mut |key, value| {
            all.push((cf, key.to_vec(), value.to_vec()));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(all)
}
