//! A folded day is smaller, answers as before, and is unfolded to the byte for whoever changes something in it.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[allow(dead_code, reason = "each test file uses a part")]
mod rows;

use std::collections::BTreeMap;

use model::{Aggregate, Distinct, MinuteRange, Number, Scalars, Sketches};
use proptest::prelude::*;
use rows::{Asked, Disk, FIRST_HOUR, HOURS, Row, aggregates, asked, minute_of};
use store::{
    Cf, Columns, CompactOptions, Kept, Kv, KvBatch, PartKey, Purge, Scan, SlabColumns, Tier, close_day,
    compact_hour, expire, scan,
};

/// Of the last two hours of which there are rows.
const DAY: u32 = 9;
const FOLDED: u32 = PartKey::FOLDED | DAY;

fn row(id: u32, at: u32, row: Aggregate) -> Row {
    Row { metric: 0, id, minute: minute_of(at), row }
}

fn int(number: i64) -> Aggregate {
    Aggregate::of(Scalars::of(Number::Int(number)))
}

/// Two hours of these series, every five minutes.
fn sparse(series: u32) -> Vec<Row> {
    let at = |at: u32| (0..series).map(move |id| row(id, at, int(i64::from(id * 1_000 + at % 7))));
    (0..120).step_by(5).flat_map(at).collect()
}

fn compacted(rows: &[Row]) -> Disk {
    let mut disk = Disk::default();
    disk.seal(rows).unwrap();
    compact(&disk);
    disk
}

fn compact(disk: &Disk) {
    for hour in FIRST_HOUR..FIRST_HOUR + HOURS {
        while let Some(batch) =
            compact_hour(&*disk.kv.snapshot(), 0, hour, CompactOptions::default()).unwrap()
        {
            disk.kv.commit(batch).unwrap();
        }
    }
}

fn close(disk: &Disk) {
    disk.kv.commit(close_day(&*disk.kv.snapshot(), 0, DAY).unwrap()).unwrap();
}

/// Periods of pages.
fn periods(disk: &Disk) -> Vec<u32> {
    disk.all(Cf::Pages).keys().map(|key| PartKey::from_bytes(key).unwrap().period).collect()
}

fn check_all(disk: &Disk) {
    for step in [1, 7, 60, 1440] {
        for series in [None, Some(vec![1]), Some(vec![40_000])] {
            let range = MinuteRange::new(minute_of(3), minute_of(200));
            disk.check(&Asked { metric: 0, range, step, series, columns: Columns::SUM }).unwrap();
        }
    }
}

#[test]
fn a_day_of_few_series_is_one_page() {
    let disk = compacted(&sparse(8));
    let bytes = |disk: &Disk| -> usize {
        [Cf::Pages, Cf::Hours]
            .into_iter()
            .flat_map(|cf| disk.all(cf).into_values())
            .map(|value| value.len())
            .sum()
    };
    let before = bytes(&disk);
    close(&disk);
    assert_eq!((periods(&disk), disk.count(Cf::Hours), disk.count(Cf::Days)), (vec![FOLDED], 0, 1));
    assert!(bytes(&disk) * 3 < before * 2, "{} of {before} bytes", bytes(&disk));
    check_all(&disk);
}

#[test]
fn an_hour_of_a_folded_day_is_read_from_one_page() {
    let disk = compacted(&sparse(8));
    close(&disk);
    for step_minutes in [1, 60] {
        let minutes = Tier::Hour.range(FIRST_HOUR);
        let wanted = Scan { metric: 0, minutes, step_minutes, wanted: Columns::SUM, series: None };
        let snapshot = disk.kv.snapshot();
        let stats = scan(&*snapshot, &wanted, &mut SlabColumns::new(), &mut |batch| {
            assert_eq!(batch.columns.len(), 8 * 12);
            Ok(std::ops::ControlFlow::Continue(()))
        });
        let stats = stats.unwrap();
        assert_eq!((stats.pages, stats.heads, stats.rows, stats.coarse), (1, 0, 96, None));
    }
}

#[test]
fn what_cannot_be_folded_stays_as_it_is() {
    let stays = |disk: &Disk| {
        close(disk);
        let periods = periods(disk);
        assert!(!periods.is_empty() && periods.iter().all(|period| *period < PartKey::FOLDED), "{periods:?}");
        check_all(disk);
    };
    stays(&compacted(&sparse(33)));
    let mut distinct = Distinct::default();
    distinct.observe("a");
    let sketches = Sketches { distinct: Some(distinct), distribution: None };
    let sketched = Aggregate { sketches: Some(Box::new(sketches)), ..int(5) };
    stays(&compacted(&[sparse(8), vec![row(3, 61, sketched)]].concat()));
    let mut late = compacted(&sparse(8));
    late.seal(&[row(3, 61, int(5))]).unwrap();
    stays(&late);
    let minutes_gone = compacted(&sparse(8));
    let kept = Kept { points_from: minute_of(60), ..Kept::default() };
    while let Some((_, batch)) = expire(&*minutes_gone.kv.snapshot(), 0, kept).unwrap() {
        minutes_gone.kv.commit(batch).unwrap();
    }
    close(&minutes_gone);
    assert_eq!(periods(&minutes_gone), [FIRST_HOUR + 1]);
}

#[test]
fn a_late_row_unfolds_the_day_and_is_folded_in() {
    let mut disk = compacted(&sparse(8));
    close(&disk);
    disk.seal(&[row(3, 61, int(5)), row(9, 2, int(7))]).unwrap();
    check_all(&disk);
    close(&disk);
    assert_eq!(periods(&disk), [FOLDED], "it waits for its late rows");
    compact(&disk);
    assert_eq!(periods(&disk), [FIRST_HOUR, FIRST_HOUR, FIRST_HOUR + 1], "series 9 is new there");
    check_all(&disk);
    close(&disk);
    assert_eq!((periods(&disk), disk.count(Cf::Slabs)), (vec![FOLDED], 0));
    check_all(&disk);
}

#[test]
fn retention_and_purge_unfold_what_they_touch() {
    let folded = || {
        let disk = compacted(&sparse(8));
        close(&disk);
        disk
    };
    let expired = |kept: Kept| {
        let disk = folded();
        while let Some((_, batch)) = expire(&*disk.kv.snapshot(), 0, kept).unwrap() {
            disk.kv.commit(batch).unwrap();
        }
        (periods(&disk), disk.count(Cf::Hours), disk.count(Cf::Days))
    };
    let day = |day: u32| Tier::Day.range(day).from;
    assert_eq!(expired(Kept { points_from: day(DAY), ..Kept::default() }), (vec![FOLDED], 0, 1));
    let hours = Kept { points_from: minute_of(60), ..Kept::default() };
    assert_eq!(expired(hours), (vec![FIRST_HOUR + 1], 2, 1));
    assert_eq!(expired(Kept { points_from: day(DAY + 1), ..Kept::default() }), (vec![], 2, 1));
    let days = Kept { points_from: day(DAY + 1), hours_from: day(DAY + 1), ..Kept::default() };
    assert_eq!(expired(days), (vec![], 0, 1));
    assert_eq!(expired(Kept { days_from: day(DAY + 1), ..Kept::default() }), (vec![], 0, 0));

    let purged = |gone: u32| {
        let (mut disk, mut purge) = (folded(), Purge::new(0));
        while let Some(batch) = purge.step(&*disk.kv.snapshot(), &|id| id == gone).unwrap() {
            disk.kv.commit(batch).unwrap();
        }
        disk.forget(|_, id, _| id == gone);
        check_all(&disk);
        periods(&disk)
    };
    assert_eq!(purged(7), [FIRST_HOUR, FIRST_HOUR + 1]);
    assert_eq!(purged(8), [FOLDED]);
}

#[test]
fn a_damaged_page_keeps_its_day_from_being_folded_and_from_nothing_else() {
    let disk = compacted(&sparse(8));
    let (key, mut page) = disk.only(Cf::Pages);
    page[9] ^= 1;
    let mut batch = KvBatch::new();
    batch.put(Cf::Pages, key, page);
    disk.kv.commit(batch).unwrap();
    close(&disk);
    assert_eq!((disk.count(Cf::Pages), disk.count(Cf::Hours), disk.count(Cf::Days)), (2, 2, 1));
}

proptest! {
    #[test]
    fn unfolded_it_is_as_it_was_to_the_byte(
        rows in prop::collection::vec((0_u32..12, 0..120_u32, aggregates()), 1..80),
        asked in prop::collection::vec(asked(), 4),
    ) {
        let plain = |(id, at, whole): (u32, u32, Aggregate)| row(id, at, Aggregate { sketches: None, ..whole });
        let mut disk = compacted(&rows.into_iter().map(plain).collect::<Vec<_>>());
        let both = |disk: &Disk| -> [BTreeMap<Vec<u8>, Vec<u8>>; 2] { [disk.all(Cf::Pages), disk.all(Cf::Hours)] };
        let before = both(&disk);
        close(&disk);
        prop_assert_eq!(periods(&disk), vec![FOLDED]);
        for asked in &asked {
            disk.check(asked)?;
        }
        // A late row of an hour of the day: the first batch unfolds it.
        disk.seal(&[row(0, 119, int(1))]).unwrap();
        let unfolds = compact_hour(&*disk.kv.snapshot(), 0, FIRST_HOUR + 1, CompactOptions::default()).unwrap();
        disk.kv.commit(unfolds.unwrap()).unwrap();
        prop_assert_eq!(both(&disk), before);
        prop_assert_eq!(disk.count(Cf::Slabs), 1);
    }
}
