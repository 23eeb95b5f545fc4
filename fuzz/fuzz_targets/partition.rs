//! Any keys and values as a partition's disk: checking it, scanning it and compacting it end with what is wrong named,
//! and a block that is damaged hides no other one.
#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use model::{Minute, MinuteRange};
use sluice_fuzz::{Entry, disk, entries};
use store::{
    Cf, Columns, CompactOptions, Kv as _, MemoryKv, PartKey, Scan, SlabColumns, SlabKey, Tier, close_day,
    compact_hour, read_dictionary, scan, verify,
};

/// As many as one query may ask for.
const TEN_YEARS: u32 = 3_653 * 24 * 60;

fuzz_target!(|data: &[u8]| {
    let disk = disk(entries(data));
    let found = verify(&*disk.snapshot(), &mut |_| {});
    let keys: u64 = found.families.iter().map(|family| family.keys).sum();
    assert!(keys <= entries(data).count() as u64);
    assert!(found.damage.len() as u64 <= found.damaged);
    let readable = read_dictionary(&*disk.snapshot(), 0, &mut |_| Ok(())).is_ok();
    assert!(readable || found.damaged > 0);
    for (metric, hour) in entries(data).filter_map(|entry| place(&entry)).take(4) {
        check(&disk, metric, hour);
    }
});

/// The metric and the first hour of a block.
fn place(entry: &Entry<'_>) -> Option<(u32, u32)> {
    match entry.cf {
        Cf::Slabs => SlabKey::from_bytes(entry.key).map(|key| (key.metric, key.minute.0 / 60)),
        Cf::Pages | Cf::Hours | Cf::Days => {
            PartKey::from_bytes(entry.key).map(|key| (key.metric, Tier::Hour.of(key.span(entry.cf).from)))
        }
        Cf::Series | Cf::State | Cf::Hints => None,
    }
}

/// Scanned, compacted, scanned again. How many rows there are may change either way: hours that contradict their pages, as
/// these may, are made anew from them.
fn check(disk: &MemoryKv, metric: u32, hour: u32) {
    let from = Minute(hour.saturating_mul(60));
    let minutes = MinuteRange::new(from, Minute(from.0.saturating_add(TEN_YEARS)));
    scan_all(disk, metric, minutes);
    let options =
        CompactOptions { points_from: Minute(0), hours_from: Minute(0), ..CompactOptions::default() };
    if let Ok(Some(batch)) = compact_hour(&*disk.snapshot(), metric, hour, options) {
        disk.commit(batch).expect("a disk in memory takes everything");
        scan_all(disk, metric, minutes);
    }
    let _ = close_day(&*disk.snapshot(), metric, hour / 24);
}

fn scan_all(disk: &MemoryKv, metric: u32, minutes: MinuteRange) {
    let wanted = Scan { metric, minutes, step_minutes: 60, wanted: Columns::ALL, series: None };
    let each = &mut |_: &store::Batch<'_>| Ok(ControlFlow::Continue(()));
    let _ = scan(&*disk.snapshot(), &wanted, &mut SlabColumns::new(), each);
}
