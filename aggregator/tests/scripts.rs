//! An island from the outside: a script of records, and what is known afterwards.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod support;

use aggregator::{Island, IslandLimits};
use bytes::Bytes;
use model::{Aggregate, Minute, PublisherId, Reason, Scalars};
use store::MemoryKv;
use support::{TestRow, builder, replay, rows_record, seal_record, totals};

#[test]
fn rows_of_a_series_and_minute_are_merged() {
    check("9:1=5 9:1=7 9:4=1 10:1=3", "1@9=12 1@10=3 4@9=1");
    check("9:1=5; 9:1=7; seal 9; 10:1=3", "1@9=12 1@10=3");
    check("9:1=0.5 9:1=0.25", "1@9=0.75");
}

#[test]
fn a_row_of_a_sealed_minute_is_late_and_counts() {
    check("9:1=5; seal 9; 9:1=7; 8:2=1", "1@9=12 2@8=1");
    check("9:1=5; seal 9; 9:1=7; seal 9; 9:1=2; seal 10", "1@9=14");
    check("seal 9; 3:1=1; seal 9; 3:1=1; seal 4; 3:1=1; seal 20; 3:1=1", "1@3=4");
}

#[test]
fn a_batch_counts_once() {
    check("p1.0 9:1=5; p1.0 9:1=5; p1.1 9:1=1; p1.0 9:1=5", "1@9=6");
    check("p1.0 9:1=5; seal 9; p1.0 9:1=5; crash; p1.0 9:1=5; p2.0 9:1=1", "1@9=6");
    check("9:1=5; 9:1=5", "1@9=10");
    check("p1.0 9:1=5; seal 9; seal 2000; p1.0 9:1=5", "1@9=10"); // a day of log time later
    check("p1.1500 9:1=5; p1.400 9:1=5; p1.600 9:1=1", "1@9=6");
}

#[test]
fn more_minutes_than_may_be_open_wait_aside() {
    let seven = "1:1=1; 2:1=1; 3:1=1; 4:1=1; 5:1=1; 6:1=1; 7:1=1; 7:1=1";
    let known = "1@1=1 1@2=1 1@3=1 1@4=1 1@5=1 1@6=1 1@7=2";
    check(seven, known);
    check(&format!("{seven}; seal 3; crash; 7:1=3; seal 9"), &known.replace("7=2", "7=5"));
    check(&format!("{seven}; seal 7; 7:1=3"), &known.replace("7=2", "7=5"));
}

#[test]
fn what_cannot_be_read_is_counted_and_skipped() {
    let mut island = Island::new(IslandLimits::DEFAULT);
    let garbage = Bytes::from_static(b"\xff\xff\xff");
    assert_eq!(island.apply(0, &garbage).unwrap().skipped.len(), 1);
    let mut torn = support::batch(None, &[TestRow { series: 1, minute: 9, value: 1.0 }]);
    torn.row_minute.clear();
    let applied = island.apply(1, &proto::encode_rows(&[torn])).unwrap();
    assert_eq!((applied.rows, applied.skipped.len()), (1, 1));
    let counters = island.counters();
    assert_eq!((counters.records_undecodable, counters.rows_dropped), (1, 1));
    assert!(counters.balanced());
    assert!(island.apply(7, &garbage).is_err(), "record 2 is due");
}

#[test]
fn drops_are_counted_by_account_metric_and_reason() {
    let limits = IslandLimits { series_max: 2, ahead_rows_max: 1, ..IslandLimits::DEFAULT };
    let mut island = Island::new(limits);
    let row = |series, minute| TestRow { series, minute, value: 1.0 };
    let rows: Vec<TestRow> = (1..=8).map(|minute| row(1, minute)).chain([row(2, 1), row(4, 1)]).collect();
    replay(&mut island, &[rows_record(Some((7, 1, 0)), &rows)], &MemoryKv::new());
    let view = island.view();
    let drops: Vec<_> = view
        .drops
        .iter()
        .map(|((account, metric, reason), rows)| (&**account, &**metric, *reason, *rows))
        .collect();
    let expected = [("acme", "latency", Reason::TooFarAhead, 2), ("acme", "latency", Reason::SeriesLimit, 1)];
    assert_eq!(drops, expected);
    assert_eq!((view.counters.rows_received, view.counters.rows_applied), (10, 7));
    let account = island.publisher(PublisherId(7), 1);
    assert_eq!((account.applied, account.duplicate, account.dropped), (7, 0, 3));
    assert_eq!(view.rows_applied("acme", Minute(1)), 2, "dropped rows do not count as applied");
}

#[test]
fn numbers_that_cannot_be_are_dropped() {
    let mut one = support::batch(None, &[TestRow { series: 1, minute: 9, value: 1.0 }]);
    one.row_count = vec![0];
    let mut island = Island::new(IslandLimits::DEFAULT);
    replay(&mut island, &[proto::encode_rows(&[one])], &MemoryKv::new());
    assert_eq!(island.counters().rows_dropped, 1);
    assert!(totals(&island, &MemoryKv::new()).is_empty());
}

#[test]
fn cumulative_points_become_increases() {
    let mut island = Island::new(IslandLimits::DEFAULT);
    let disk = MemoryKv::new();
    let point = |minute, time, value: i64| {
        let mut builder = builder(None);
        let total = Aggregate::of(Scalars::of(model::Number::Int(value)));
        builder.add_cumulative("requests", [("host", "2")], Minute(minute), &total, 0, time);
        proto::encode_rows(&[builder.build()])
    };
    let log = [
        point(9, 10, 100),
        point(9, 20, 130),
        seal_record(9),
        point(10, 30, 135),
        point(10, 20, 130),
        point(11, 40, 3),
    ];
    replay(&mut island, &log[..4], &disk);
    island = support::load(IslandLimits::DEFAULT, &disk);
    replay(&mut island, &log, &disk);
    assert_eq!(show(&totals(&island, &disk)), "2@9=30 2@10=5 2@11=3");
    let view = island.view();
    let reasons: Vec<_> = view.drops.iter().map(|((_, _, reason), rows)| (*reason, *rows)).collect();
    assert_eq!(reasons, [(Reason::OutOfOrder, 1), (Reason::NoStartTime, 1)]);
}

#[test]
fn sketches_survive_a_seal_and_a_crash() {
    let sketched = |minute, value: f64| {
        let mut row = Aggregate::of(Scalars::of(model::Number::from_f64(value).unwrap()));
        let sketches = row.sketches.get_or_insert_default();
        sketches.distinct.get_or_insert_default().observe(&value.to_string());
        sketches.distribution.get_or_insert_default().record(value);
        let mut builder = builder(None);
        builder.add("latency", [("host", "1")], Minute(minute), &row);
        proto::encode_rows(&[builder.build()])
    };
    let log = [
        sketched(9, 1.0),
        sketched(10, 2.0),
        sketched(10, 3.0),
        seal_record(9),
        sketched(9, 4.0),
        sketched(10, 2.0),
    ];
    let disk = MemoryKv::new();
    let mut island = Island::new(IslandLimits::DEFAULT);
    replay(&mut island, &log, &disk);
    let mut again = support::load(IslandLimits::DEFAULT, &disk);
    replay(&mut again, &log, &disk);
    assert_eq!(again.image().unwrap(), island.image().unwrap());
    let open = island.open_view(&[]).unwrap();
    let mut columns = store::SlabColumns::new();
    let of = |minute| open.blocks.iter().find(|block| block.minute == Minute(minute)).unwrap();
    columns.read(&of(10).bytes, store::Columns::ALL).unwrap();
    let row = columns.aggregate(0).unwrap();
    assert_eq!((row.scalars.count, row.distribution().unwrap().count()), (3, 3));
    assert_eq!(row.distinct().unwrap().estimate().round(), 2.0);
    columns.read(&of(9).bytes, store::Columns::ALL).unwrap();
    assert_eq!(columns.aggregate(0).unwrap().distribution().unwrap().count(), 1, "late");
}

/// Steps: `seal M`, `crash` (the disk is kept), or rows `M:SERIES=VALUE …` after an optional stamp `pPUBLISHER.SEQUENCE`.
#[track_caller]
fn check(script: &str, expected: &str) {
    let (disk, mut log) = (MemoryKv::new(), Vec::new());
    let mut island = Island::new(IslandLimits::DEFAULT);
    for step in script.split("; ") {
        match step.split_once(' ') {
            Some(("seal", minute)) => log.push(seal_record(minute.parse().unwrap())),
            _ if step == "crash" => island = support::load(IslandLimits::DEFAULT, &disk),
            _ => log.push(rows_of(step)),
        }
        replay(&mut island, &log, &disk);
    }
    assert_eq!(show(&totals(&island, &disk)), expected, "{script}");
}

fn rows_of(step: &str) -> Bytes {
    let (mut stamp, mut rows) = (None, Vec::new());
    for word in step.split(' ') {
        if let Some((publisher, sequence)) = word.strip_prefix('p').and_then(|word| word.split_once('.')) {
            stamp = Some((publisher.parse().unwrap(), 1, sequence.parse().unwrap()));
            continue;
        }
        let (place, value) = word.split_once('=').unwrap();
        let (minute, series) = place.split_once(':').unwrap();
        rows.push(TestRow {
            series: series.parse().unwrap(),
            minute: minute.parse().unwrap(),
            value: value.parse().unwrap(),
        });
    }
    rows_record(stamp, &rows)
}

/// `SERIES@MINUTE=SUM`, by series and minute.
fn show(totals: &support::Totals) -> String {
    let mut all: Vec<_> = totals
        .iter()
        .map(|((_, host, minute), row)| ((host.parse::<u32>().unwrap(), *minute), row.sum()))
        .collect();
    all.sort_by_key(|(place, _)| *place);
    let words: Vec<_> =
        all.iter().map(|((series, minute), sum)| format!("{series}@{minute}={sum}")).collect();
    words.join(" ")
}
