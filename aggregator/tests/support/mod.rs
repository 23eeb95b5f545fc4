//! Records for tests, and what a disk and an island hold in plain form.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aggregator::{Island, IslandLimits};
use bytes::Bytes;
use hints_index::MetricIndex;
use model::{Aggregate, MetricId, Minute, MinuteRange, PublisherId, Scalars, Stamp};
use proto::{BatchBuilder, encode_rows, encode_seal};
use store::{Batch, Cf, Columns, Kv, KvSnapshot, MemoryKv, Scan, SlabColumns};

/// A row of a test: series number, minute, value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TestRow {
    pub(crate) series: u32,
    pub(crate) minute: u32,
    pub(crate) value: f64,
}

/// Name and dimensions of a series number: three metrics, so that blocks are many.
pub(crate) fn metric_of(series: u32) -> &'static str {
    ["cpu", "latency", "requests"][series as usize % 3]
}

pub(crate) fn builder(stamp: Option<(u128, u64, u64)>) -> BatchBuilder {
    let builder = BatchBuilder::new("acme").declares(true);
    match stamp {
        None => builder,
        Some((publisher, epoch, sequence)) => {
            builder.publisher(Stamp { publisher: PublisherId(publisher), epoch, sequence })
        }
    }
}

pub(crate) fn batch(stamp: Option<(u128, u64, u64)>, rows: &[TestRow]) -> proto::v1::Batch {
    let mut builder = builder(stamp);
    for row in rows {
        let scalars = Scalars::of(model::Number::from_f64(row.value).unwrap());
        let host = row.series.to_string();
        builder.add(metric_of(row.series), [("host", &*host)], Minute(row.minute), &Aggregate::of(scalars));
    }
    builder.build()
}

pub(crate) fn rows_record(stamp: Option<(u128, u64, u64)>, rows: &[TestRow]) -> Bytes {
    encode_rows(&[batch(stamp, rows)])
}

pub(crate) fn seal_record(minute: u32) -> Bytes {
    encode_seal(Minute(minute))
}

/// (metric, host, minute) → scalars.
pub(crate) type Totals = BTreeMap<(String, String, u32), Scalars>;

/// Adds every row of a disk, as a query reads it.
pub(crate) fn add_disk(totals: &mut Totals, island: &Island, snapshot: &dyn KvSnapshot) {
    let view = island.view();
    for (_, index) in view.hints.metrics("acme") {
        let scan = Scan {
            metric: index.metric_id(),
            minutes: MinuteRange::new(Minute(0), Minute(u32::MAX)),
            step_minutes: 1,
            wanted: Columns::SCALARS,
            series: None,
        };
        let each = &mut |batch: &Batch<'_>| {
            add_rows(totals, index, batch);
            Ok(ControlFlow::Continue(()))
        };
        store::scan(snapshot, &scan, &mut SlabColumns::new(), each).unwrap();
    }
}

/// Adds one block.
pub(crate) fn add_block(
    totals: &mut Totals,
    island: &Island,
    metric: MetricId,
    minute: Minute,
    bytes: &[u8],
) {
    let view = island.view();
    let (_, index) = view.hints.metrics("acme").find(|(_, index)| index.metric_id() == metric).unwrap();
    let mut columns = SlabColumns::new();
    columns.read(bytes, Columns::SCALARS).unwrap();
    add_rows(totals, index, &Batch { minutes: MinuteRange::new(minute, minute.next()), columns: &columns });
}

fn add_rows(totals: &mut Totals, index: &MetricIndex, batch: &Batch<'_>) {
    for (row, &id) in batch.columns.ids().iter().enumerate() {
        let position = index.position_of(id).unwrap();
        if index.is_deleted(position) {
            continue; // as a query, which selects what is not deleted
        }
        let host = index.dims_of(position).map(|(_, value)| value.to_owned()).collect::<String>();
        let cell = (index.name().to_owned(), host, batch.minute(row).0);
        totals.entry(cell).or_default().merge(&batch.columns.scalars(row));
    }
}

/// All that an island knows: disk and memory.
pub(crate) fn totals(island: &Island, disk: &MemoryKv) -> Totals {
    let mut totals = Totals::new();
    add_disk(&mut totals, island, &*disk.snapshot());
    for block in island.open_view(&[]).unwrap().blocks {
        add_block(&mut totals, island, block.metric, block.minute, &block.bytes);
    }
    totals
}

/// Every key and value of a disk.
pub(crate) fn dump(disk: &MemoryKv) -> Vec<(Cf, Vec<u8>, Vec<u8>)> {
    let (snapshot, mut all) = (disk.snapshot(), Vec::new());
    for cf in Cf::ALL {
        snapshot
            .range(cf, &[], &[0xff; 64], &mut |key, value| {
                all.push((cf, key.to_vec(), value.to_vec()));
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
    }
    all
}

/// Applies records from the island's position on, committing what has to be.
pub(crate) fn replay(island: &mut Island, log: &[Bytes], disk: &MemoryKv) {
    while let Some(record) = log.get(usize::try_from(island.position()).unwrap()) {
        let applied = island.apply(island.position(), record).unwrap();
        assert!(island.counters().balanced(), "{:?}", island.counters());
        if let Some(checkpoint) = applied.checkpoint {
            disk.commit(checkpoint.batch).unwrap();
        }
    }
}

pub(crate) fn load(limits: IslandLimits, disk: &MemoryKv) -> Island {
    Island::load(limits, &*disk.snapshot()).unwrap()
}
