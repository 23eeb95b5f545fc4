//! Compaction changes how rows are kept and never what a reader sees: random rows, late ones, compactions and days
//! in between, against a map of all rows.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[allow(dead_code, reason = "each test file uses a part")]
mod rows;

use std::ops::ControlFlow;

use model::{Aggregate, Minute, MinuteRange, Number, Scalars};
use proptest::prelude::*;
use rows::{Asked, Disk, FIRST_HOUR, HOURS, Row, aggregates, asked, minute_of};
use store::{
    Cf, Chore, Columns, CompactOptions, CrashPoint, Kept, Kv, KvBatch, MemoryKv, PartKey, Planner, RocksKv,
    Scan, Settled, SlabColumns, StoreError, Tier, close_day, compact_hour, expire, scan,
};

/// What happens to a disk.
#[derive(Clone, Debug)]
enum Step {
    /// A seal brings rows.
    Seal(Vec<Row>),
    Compact(u32),
    CloseDay(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ids = prop_oneof![4 => 0_u32..6, 1 => 2_000_u32..2_003, 1 => Just(u32::MAX)];
    let row = (0_u32..2, ids, 0..HOURS * 60, aggregates()).prop_map(|(metric, id, at, row)| Row {
        metric,
        id,
        minute: minute_of(at),
        row,
    });
    let step = prop_oneof![
        4 => prop::collection::vec(row, 1..25).prop_map(Step::Seal),
        3 => (FIRST_HOUR..FIRST_HOUR + HOURS).prop_map(Step::Compact),
        1 => (9_u32..11).prop_map(Step::CloseDay),
    ];
    // In half of the cases no row has a sketch, so that days can be folded.
    (prop::collection::vec(step, 1..14), any::<bool>()).prop_map(|(mut steps, plain)| {
        for step in steps.iter_mut().filter(|_| plain) {
            if let Step::Seal(rows) = step {
                rows.iter_mut().for_each(|row| row.row.sketches = None);
            }
        }
        steps
    })
}

fn options() -> impl Strategy<Value = CompactOptions> {
    // One pass, or one for each thousand of ids.
    prop::bool::ANY.prop_map(|small| match small {
        true => CompactOptions { work_bytes_max: 1, ..CompactOptions::default() },
        false => CompactOptions::default(),
    })
}

/// Does a step, and returns whether the disk has changed.
fn apply(disk: &mut Disk, step: &Step, options: CompactOptions) -> Result<(), StoreError> {
    match step {
        Step::Seal(rows) => disk.seal(rows),
        Step::Compact(hour) => {
            for metric in 0..2 {
                let batch = compact_hour(&*disk.kv.snapshot(), metric, *hour, options)?;
                batch.map_or(Ok(()), |batch| disk.kv.commit_later(batch))?;
            }
            Ok(())
        }
        Step::CloseDay(day) => {
            for metric in 0..2 {
                let settled = Settled { before: Minute((day + 1) * 1440), seals_below: 0 };
                let (snapshot, mut planner) = (disk.kv.snapshot(), Planner::default());
                while let Some(chore) = planner.next(&*snapshot, &settled)? {
                    if chore == (Chore::Day { metric, day: *day }) {
                        disk.kv.commit_later(close_day(&*snapshot, metric, *day)?)?;
                    }
                }
            }
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_reader_sees_the_same(
        steps in steps(),
        options in options(),
        asked in prop::collection::vec(asked(), 4),
    ) {
        let mut disk = Disk::default();
        for step in &steps {
            apply(&mut disk, step, options).unwrap();
            for asked in &asked {
                disk.check(asked)?;
            }
        }
    }

    #[test]
    fn a_crash_in_any_step_changes_nothing(
        steps in steps(),
        at in 0_u64..8,
        before: bool,
        asked in prop::collection::vec(asked(), 3),
    ) {
        let mut disk = Disk::default();
        disk.kv.crash_at(if before { CrashPoint::BeforeCommit } else { CrashPoint::AfterCommit }, at);
        for step in &steps {
            if apply(&mut disk, step, CompactOptions::default()).is_err() {
                disk.kv.restart();
                if !matches!(step, Step::Seal(_)) {
                    apply(&mut disk, step, CompactOptions::default()).unwrap(); // upkeep looks again
                } else if !before {
                    disk.lost_answer(step_rows(step));
                }
            }
        }
        for asked in &asked {
            disk.check(asked)?;
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error_that_names_the_part_or_out_of_sight(
        rows in prop::collection::vec((0_u32..40, 0..60_u32, aggregates()), 1..60),
        at: prop::sample::Index,
        bit in 0..8_u8,
        cut: bool,
        asked in asked(),
    ) {
        let mut disk = Disk::default();
        let row = |(id, at, row)| Row { metric: 0, id, minute: minute_of(at), row };
        disk.seal(&rows.into_iter().map(row).collect::<Vec<_>>()).unwrap();
        apply(&mut disk, &Step::Compact(FIRST_HOUR), CompactOptions::default()).unwrap();
        for cf in [Cf::Pages, Cf::Hours] {
            let (key, mut bytes) = disk.only(cf);
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
            let mut batch = KvBatch::new();
            batch.put(cf, key, bytes);
            disk.kv.commit(batch).unwrap();
        }
        let whole = Asked { columns: Columns::WHOLE_ROWS, ..asked };
        match disk.read(&whole) {
            Ok(found) => prop_assert_eq!(found, disk.expected(&whole)),
            Err(error) => {
                let text = error.to_string();
                prop_assert!(text.contains("(metric id 0, hour 238, series up to "), "{}", text);
            }
        }
    }
}

fn step_rows(step: &Step) -> &[Row] {
    match step {
        Step::Seal(rows) => rows,
        _ => &[],
    }
}

/// 3,000 series, each at minutes of its own, and some late rows for a few of them.
fn crowd() -> (Vec<Row>, Vec<Row>) {
    let row = |id: u32, at: u32| Row {
        metric: 0,
        id,
        minute: minute_of(at),
        row: Aggregate::of(Scalars::of(Number::Int(i64::from(id * 7 + at)))),
    };
    let rows =
        (0..3_000).flat_map(|id| (id % 5..60).step_by(1 + id as usize % 3).map(move |at| row(id * 2, at)));
    let late = [3, 1_501, 1_502, 5_999, 7_000].map(|id| row(id, 12));
    (rows.collect(), late.to_vec())
}

#[test]
fn only_parts_with_new_rows_are_written_anew() {
    let (rows, late) = crowd();
    let (mut disk, mut narrow) = (Disk::default(), Disk::default());
    for (disk, work_bytes_max) in [(&mut disk, 128 << 20), (&mut narrow, 1 << 20)] {
        let options = CompactOptions { work_bytes_max, ..CompactOptions::default() };
        disk.seal(&rows).unwrap();
        apply(disk, &Step::Compact(FIRST_HOUR), options).unwrap();
        assert_eq!((disk.count(Cf::Slabs), disk.count(Cf::Pages), disk.count(Cf::Hours)), (0, 3, 3));
        let before = disk.all(Cf::Pages);
        disk.seal(&late[..3]).unwrap();
        apply(disk, &Step::Compact(FIRST_HOUR), options).unwrap();
        let after = disk.all(Cf::Pages);
        assert_eq!(after.len(), 4, "the first was full and is two now");
        assert_eq!(before.last_key_value(), after.last_key_value(), "nothing new in the last");
        disk.seal(&late[3..]).unwrap();
        apply(disk, &Step::Compact(FIRST_HOUR), options).unwrap();
        assert_eq!(disk.count(Cf::Slabs), 0);
    }
    for series in [None, Some(vec![0]), Some(vec![1_501, 5_998]), Some(vec![7_000]), Some(vec![9_000])] {
        for (from, len, step) in [(0, 60, 60), (3, 40, 10), (0, 60, 1)] {
            let range = MinuteRange::new(minute_of(from), minute_of(from + len));
            let asked = Asked { metric: 0, range, step, series: series.clone(), columns: Columns::SUM };
            disk.check(&asked).unwrap();
            narrow.check(&asked).unwrap();
        }
    }
}

#[test]
fn one_series_of_many_reads_one_page() {
    let (rows, _) = crowd();
    let mut disk = Disk::default();
    disk.seal(&rows).unwrap();
    apply(&mut disk, &Step::Compact(FIRST_HOUR), CompactOptions::default()).unwrap();
    let hour = MinuteRange::new(minute_of(0), minute_of(60));
    let stats = |series: &[u32], step_minutes| {
        let wanted =
            Scan { metric: 0, minutes: hour, step_minutes, wanted: Columns::SUM, series: Some(series) };
        scan(&*disk.kv.snapshot(), &wanted, &mut SlabColumns::new(), &mut |_| Ok(ControlFlow::Continue(())))
            .unwrap()
    };
    let (fine, coarse) = (stats(&[4_000], 1), stats(&[4_000], 60));
    assert_eq!((fine.pages, fine.heads, coarse.pages, coarse.heads), (1, 0, 0, 1));
    assert_eq!(stats(&[4_000, 4_001, 5_998], 1).pages, 2);
    assert_eq!(stats(&[6_000], 1).pages, 0);
}

/// All that is due.
fn expire_all(disk: &Disk, kept: Kept) {
    while let Some((_, batch)) = expire(&*disk.kv.snapshot(), 0, kept).unwrap() {
        disk.kv.commit(batch).unwrap();
    }
}

#[test]
fn what_retention_has_left_is_said() {
    let mut disk = Disk::default();
    let row = |at, value| Row {
        metric: 0,
        id: 1,
        minute: minute_of(at),
        row: Aggregate::of(Scalars::of(Number::Int(value))),
    };
    // Hours 238, 239 of day 9, and 240 of day 10.
    disk.seal(&[row(5, 1), row(65, 10), row(125, 100)]).unwrap();
    (FIRST_HOUR..FIRST_HOUR + 3).for_each(|hour| {
        apply(&mut disk, &Step::Compact(hour), CompactOptions::default()).unwrap();
    });
    apply(&mut disk, &Step::CloseDay(9), CompactOptions::default()).unwrap();

    let from_hour_239 = minute_of(60);
    expire_all(&disk, Kept { points_from: from_hour_239, ..Kept::default() });
    assert_eq!(disk.sums(0, 180, 60), "0=1 1=10 2=100");
    assert_eq!(disk.sums(0, 180, 180), "0=111");
    assert_eq!(disk.sums(60, 180, 1), "5=10 65=100");
    assert_eq!(disk.sums(0, 180, 30), "2=10 4=100, coarse 0-60");
    assert_eq!(disk.sums(2, 180, 178), "0=110, coarse 0-58");
    // Late for an hour that has no pages any more.
    disk.seal(&[row(5, 2), row(6, 3)]).unwrap();
    assert_eq!(disk.sums(0, 180, 60), "0=6 1=10 2=100");
    apply(&mut disk, &Step::Compact(FIRST_HOUR), CompactOptions::default()).unwrap();
    assert_eq!((disk.sums(0, 180, 60), disk.count(Cf::Slabs)), ("0=6 1=10 2=100".into(), 0));
    assert_eq!(disk.sums(0, 180, 30), "2=10 4=100, coarse 0-60");

    let kept = Kept { points_from: minute_of(120), hours_from: minute_of(120), ..Kept::default() };
    expire_all(&disk, kept);
    let whole_day = |disk: &Disk| disk.sums_from(9 * 1440, 10 * 1440, 1440);
    assert_eq!(whole_day(&disk), "0=16");
    assert_eq!(disk.sums(0, 180, 60), "2=100, coarse 0-120");
    assert_eq!(disk.sums(3, 180, 1), "122=100, coarse 0-117");
    // Late for a day that has no hours any more.
    disk.seal(&[row(7, 4)]).unwrap();
    apply(&mut disk, &Step::Compact(FIRST_HOUR), kept.options()).unwrap();
    assert_eq!((whole_day(&disk), disk.count(Cf::Slabs), disk.count(Cf::Hours)), ("0=20".into(), 0, 1));

    expire_all(&disk, Kept { days_from: minute_of(120), ..kept });
    assert_eq!((whole_day(&disk), disk.count(Cf::Days)), (String::new(), 0));
}

/// Chores of one round, `metric:hour` or `metric:day N`.
fn round(disk: &Disk, planner: &mut Planner, before: u32, seals_below: u64) -> String {
    let settled = Settled { before: minute_of(before), seals_below };
    let mut chores = Vec::new();
    while let Some(chore) = planner.next(&*disk.kv.snapshot(), &settled).unwrap() {
        chores.push(match chore {
            Chore::Hour { metric, hour } => format!("{metric}:{}", hour - FIRST_HOUR),
            Chore::Day { metric, day } => format!("{metric}:day {day}"),
        });
    }
    chores.join(", ")
}

#[test]
fn what_is_due() {
    let mut disk = Disk::default();
    let row = |metric, at| Row {
        metric,
        id: 1,
        minute: minute_of(at),
        row: Aggregate::of(Scalars::of(Number::Int(1))),
    };
    let mut planner = Planner::default();
    disk.seal(&[row(0, 0), row(0, 61), row(1, 119)]).unwrap(); // seal 0
    assert_eq!(round(&disk, &mut planner, 59, 9), "");
    assert_eq!(round(&disk, &mut planner, 60, 9), "0:0");
    assert_eq!(round(&disk, &mut planner, 119, 9), "0:0");
    assert_eq!(round(&disk, &mut planner, 120, 9), "0:0, 0:1, 1:1");
    assert_eq!(round(&disk, &mut planner, 120, 0), "", "nothing has waited long enough");
    apply(&mut disk, &Step::Compact(FIRST_HOUR), CompactOptions::default()).unwrap();
    assert_eq!(round(&disk, &mut planner, 120, 9), "0:1, 1:1, 0:day 9", "day 9 ends with hour 1");
    disk.seal(&[row(0, 3)]).unwrap(); // seal 1
    assert_eq!(round(&disk, &mut planner, 60, 1), "");
    assert_eq!(round(&disk, &mut planner, 120, 1), "0:1, 1:1, 0:day 9");
    assert_eq!(round(&disk, &mut planner, 60, 2), "0:0");
    (0..239).for_each(|_| disk.seal(&[row(0, 3)]).unwrap());
    assert_eq!(round(&disk, &mut planner, 60, 0), "0:0", "they have piled up");

    apply(&mut disk, &Step::Compact(FIRST_HOUR), CompactOptions::default()).unwrap();
    apply(&mut disk, &Step::Compact(FIRST_HOUR + 1), CompactOptions::default()).unwrap();
    assert_eq!(round(&disk, &mut planner, 2_000, 999), "0:day 9, 1:day 9");
    apply(&mut disk, &Step::CloseDay(9), CompactOptions::default()).unwrap();
    assert_eq!(round(&disk, &mut planner, 2_000, 999), "");
    assert_eq!(round(&disk, &mut Planner::default(), 2_000, 999), "", "nor after a restart");
}

#[test]
fn the_same_on_rocksdb() {
    let dir = tempfile::tempdir().unwrap();
    let kv = std::sync::Arc::new(RocksKv::open(dir.path()).unwrap());
    let (rows, late) = crowd();
    let memory = {
        let mut disk = Disk::default();
        disk.seal(&rows).unwrap();
        disk.seal(&late).unwrap();
        disk
    };
    let mut batch = KvBatch::new();
    memory.all(Cf::Slabs).into_iter().for_each(|(key, value)| batch.put(Cf::Slabs, key, value));
    kv.commit(batch).unwrap();
    let pin = std::sync::Arc::clone(&kv).pin();
    let batch = compact_hour(&*kv.snapshot(), 0, FIRST_HOUR, CompactOptions::default()).unwrap().unwrap();
    kv.commit_later(batch).unwrap();
    for step in [1, 60] {
        let range = MinuteRange::new(minute_of(0), minute_of(60));
        let asked = Asked { metric: 0, range, step, series: None, columns: Columns::SUM };
        let expected = memory.expected(&asked);
        assert!(rows::read(&*kv.snapshot(), &asked).unwrap() == expected);
        assert!(rows::read(&*pin, &asked).unwrap() == expected, "the state before");
    }
    let has = |snapshot: &dyn store::KvSnapshot, cf| rows::count(snapshot, cf) > 0;
    assert_eq!((has(&*pin, Cf::Slabs), has(&*pin, Cf::Pages)), (true, false));
    assert_eq!((has(&*kv.snapshot(), Cf::Slabs), has(&*kv.snapshot(), Cf::Pages)), (false, true));
    drop((pin, kv));
    let again = RocksKv::open_read_only(dir.path()).unwrap();
    assert!(has(&*again.snapshot(), Cf::Hours), "a clean end keeps what waited for the disk");
}

#[test]
fn a_key_says_where_it_belongs() {
    let key = PartKey { metric: 258, period: 466_667, last: 7 };
    assert_eq!(PartKey::from_bytes(&key.to_bytes()), Some(key));
    assert_eq!(PartKey::from_bytes(&[0; 13]), None);
    assert_eq!((Tier::Hour.of(Minute(119)), Tier::Day.range(1).to), (1, Minute(2880)));
    let disk = MemoryKv::new();
    assert_eq!(compact_hour(&*disk.snapshot(), 0, 0, CompactOptions::default()), Ok(None));
}
