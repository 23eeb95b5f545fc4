//! What must be known in the end, and what is: slow and obviously right.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use hints_index::MetricIndex;
use model::{Aggregate, Minute, MinuteRange};
use query_coordinator::Reading;
use store::{Cf, Columns, Kv, MemoryKv, Scan};

use crate::Wrong;
use crate::publisher::{ACCOUNT, Publisher, Row};

/// Metric, host, minute.
pub(crate) type Cell = (String, String, u32);

/// Family, key and value.
pub(crate) type Entry = (Cf, Vec<u8>, Vec<u8>);

/// Every minute of every series.
pub(crate) type Totals = BTreeMap<Cell, Aggregate>;

/// The rows that were acknowledged, each once.
pub(crate) fn acknowledged(publishers: &[Publisher]) -> impl Iterator<Item = &Row> {
    let sent = publishers.iter().flat_map(|publisher| &publisher.ledger);
    sent.flat_map(|sent| sent.told.iter().flatten().map(|row| &sent.rows[*row as usize]))
}

/// What the publishers were told is there. What a running total adds depends on what came before it in the log, so of
/// these it is not said here but by the log.
pub(crate) fn expected(publishers: &[Publisher]) -> Totals {
    let mut totals = Totals::new();
    for row in acknowledged(publishers).filter(|row| row.point.is_none()) {
        let cell = (row.metric.to_owned(), row.host.clone(), row.minute);
        totals.entry(cell).or_default().merge(&row.aggregate);
    }
    totals
}

/// Adds what one partition holds, read as a query reads it.
pub(crate) fn add_reading(totals: &mut Totals, reading: &dyn Reading) -> Result<(), Wrong> {
    reading.hints().metrics(ACCOUNT).try_for_each(|(_, metric)| add_metric(totals, metric, reading))
}

fn add_metric(totals: &mut Totals, metric: &MetricIndex, reading: &dyn Reading) -> Result<(), Wrong> {
    let mut unknown = 0;
    let whole = Scan {
        metric: metric.metric_id(),
        minutes: MinuteRange::new(Minute(0), Minute(u32::MAX)),
        step_minutes: 1,
        wanted: Columns::WHOLE_ROWS,
        series: None,
    };
    reading.scan(&whole, &mut |batch| {
        let rows = batch.columns;
        for row in 0..rows.len() {
            let Some(position) = metric.position_of(rows.ids()[row]) else {
                unknown += 1;
                continue;
            };
            if metric.is_deleted(position) {
                continue; // as a query, which selects what is not deleted
            }
            let host = metric.dims_of(position).map(|(_, value)| value.to_owned()).collect();
            let cell = (metric.name().to_owned(), host, batch.minute(row).0);
            totals.entry(cell).or_default().merge(&rows.aggregate(row)?);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if unknown > 0 { Err(Wrong(format!("{unknown} rows of series that nobody knows"))) } else { Ok(()) }
}

/// Every cell is equal, with its sketches; else the first that is not, by name.
pub(crate) fn compare(got: &Totals, expected: &Totals) -> Result<(), Wrong> {
    for (cell, expected) in expected {
        let got = got.get(cell).cloned().unwrap_or_default();
        if plain(&got) != plain(expected) {
            return Err(Wrong(format!("{cell:?} is {}, must be {}", plain(&got), plain(expected))));
        }
        if sketches(&got) != sketches(expected) {
            return Err(Wrong(format!("{cell:?} has other sketches than its rows had")));
        }
    }
    match got.keys().find(|cell| !expected.contains_key(*cell)) {
        Some(cell) => Err(Wrong(format!("{cell:?} was never acknowledged"))),
        None => Ok(()),
    }
}

/// A float that is whole by the end is the integer: which of the two it is depends on what came last.
fn plain(row: &Aggregate) -> String {
    let row = &row.scalars;
    let [sum, min, max] = [row.sum(), row.min(), row.max()].map(|number| number.canonical());
    format!("count {} sum {sum} min {min} max {max}", row.count)
}

fn sketches(row: &Aggregate) -> [Vec<u8>; 2] {
    let mut bytes = [Vec::new(), Vec::new()];
    if let Some(distinct) = row.distinct() {
        distinct.encode(&mut bytes[0]);
    }
    if let Some(distribution) = row.distribution() {
        distribution.encode(&mut bytes[1]);
    }
    bytes
}

/// Every key and value of a disk that does not depend on when its upkeep came round.
pub(crate) fn dump(disk: &MemoryKv) -> Result<Vec<Entry>, Wrong> {
    let (snapshot, mut all) = (disk.snapshot(), Vec::new());
    for cf in [Cf::Series, Cf::State, Cf::Hints] {
        snapshot.range(cf, &[], &[0xff; 64], &mut |key, value| {
            all.push((cf, key.to_vec(), value.to_vec()));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(all)
}
