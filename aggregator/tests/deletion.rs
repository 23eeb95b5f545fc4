//! Deleted series are gone at once and for good, whatever crashes: random rows, seals and deletions, against a map.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod support;

use std::sync::Arc;

use aggregator::{Applied, Island, IslandLimits};
use bytes::Bytes;
use model::{Minute, Number, Scalars};
use proptest::prelude::*;
use proto::{encode_delete, v1};
use store::{Cf, CrashPoint, Kv, MemoryKv};
use support::{TestRow, Totals, dump, load, metric_of, replay, rows_record, seal_record, totals};

#[derive(Clone, Debug)]
enum Step {
    Rows(Vec<(u32, u32, i32)>),
    Seal,
    /// Those of this metric whose host is one of these; of every metric when it is empty; all hosts when there are none.
    Delete(&'static str, Vec<u32>),
    /// Those without a row since so many minutes.
    Idle(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Late, open, and beyond what may be open.
    let row = (0_u32..9, 0_u32..12, -9_i32..9);
    let metric = prop::sample::select(vec!["cpu", "latency", ""]);
    let hosts = prop::sample::subsequence((0_u32..9).collect::<Vec<_>>(), 0..4);
    let step = prop_oneof![
        6 => prop::collection::vec(row, 1..12).prop_map(Step::Rows),
        3 => Just(Step::Seal),
        1 => (metric, hosts).prop_map(|(metric, hosts)| Step::Delete(metric, hosts)),
        1 => (0_u32..4).prop_map(Step::Idle),
    ];
    prop::collection::vec(step, 1..16)
}

fn deletion(metric: &str, hosts: &[u32]) -> v1::Deletion {
    let hosts: Vec<String> = hosts.iter().map(u32::to_string).collect();
    let matcher = v1::Matcher { dim: "host".into(), op: "in".into(), values: hosts };
    let conditions = if matcher.values.is_empty() { Vec::new() } else { vec![matcher] };
    v1::Deletion { account: "acme".into(), metric: metric.into(), r#where: conditions, idle_before: 0 }
}

fn delete_record(deletion: v1::Deletion) -> Bytes {
    encode_delete(v1::Delete { deletions: vec![deletion] })
}

/// The log, and what is left of its rows at its end.
fn log_of(steps: &[Step]) -> (Vec<Bytes>, Totals) {
    let (mut log, mut truth, mut now) = (Vec::new(), Totals::new(), 100);
    for step in steps {
        match step {
            Step::Rows(rows) => {
                let rows: Vec<TestRow> = rows
                    .iter()
                    .map(|(series, ahead, value)| TestRow {
                        series: *series,
                        minute: now - 3 + ahead,
                        value: f64::from(*value),
                    })
                    .collect();
                rows.iter().for_each(|row| add(&mut truth, row));
                log.push(rows_record(None, &rows));
            }
            Step::Seal => {
                log.push(seal_record(now));
                now += 1;
            }
            Step::Delete(metric, hosts) => {
                truth.retain(|(of, host, _), _| {
                    let named = metric.is_empty() || of == metric;
                    let chosen = hosts.is_empty() || hosts.iter().any(|one| one.to_string() == *host);
                    !(named && chosen)
                });
                log.push(delete_record(deletion(metric, hosts)));
            }
            Step::Idle(minutes) => {
                let before = now - minutes;
                let newest = |truth: &Totals, of: &str, host: &str| {
                    let own = truth.keys().filter(|(metric, one, _)| metric == of && one == host);
                    own.map(|(.., minute)| *minute).max()
                };
                let all = truth.clone();
                truth
                    .retain(|(of, host, _), _| newest(&all, of, host).is_some_and(|minute| minute >= before));
                // Rows that no seal has taken yet count as well: then nobody is idle whose newest row is.
                log.push(seal_record(now));
                now += 1;
                log.push(seal_record(now + 20));
                now += 21;
                log.push(delete_record(v1::Deletion { idle_before: before, ..deletion("", &[]) }));
            }
        }
    }
    (log, truth)
}

fn add(truth: &mut Totals, row: &TestRow) {
    let key = (metric_of(row.series).to_owned(), row.series.to_string(), row.minute);
    truth.entry(key).or_default().merge(&Scalars::of(Number::from_f64(row.value).unwrap()));
}

fn fresh() -> (Island, MemoryKv) {
    (Island::new(IslandLimits::DEFAULT), MemoryKv::new())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_left_is_what_a_map_has_left(steps in steps()) {
        let (log, truth) = log_of(&steps);
        let (mut island, disk) = fresh();
        replay(&mut island, &log, &disk);
        prop_assert_eq!(totals(&island, &disk), truth);
    }

    #[test]
    fn a_crash_after_any_record_changes_nothing(steps in steps()) {
        let (log, _) = log_of(&steps);
        let (mut island, disk) = fresh();
        replay(&mut island, &log, &disk);
        let (image, whole) = (island.image().unwrap(), dump(&disk));
        for prefix in 0..=log.len() {
            let (mut island, disk) = fresh();
            replay(&mut island, &log[..prefix], &disk);
            let mut again = load(IslandLimits::DEFAULT, &disk);
            replay(&mut again, &log[..prefix], &disk);
            prop_assert_eq!(again.image().unwrap(), island.image().unwrap(), "after record {}", prefix);
            replay(&mut again, &log, &disk);
            prop_assert_eq!(again.image().unwrap(), image.clone(), "after record {}", prefix);
            prop_assert_eq!(dump(&disk), whole.clone(), "after record {}", prefix);
        }
    }

    #[test]
    fn a_crash_around_any_commit_changes_nothing(steps in steps(), after: bool) {
        let (log, truth) = log_of(&steps);
        let (mut island, disk) = fresh();
        replay(&mut island, &log, &disk);
        let whole = dump(&disk);
        let point = if after { CrashPoint::AfterCommit } else { CrashPoint::BeforeCommit };
        for commits in 0..disk.commits() {
            let (mut island, disk) = fresh();
            disk.crash_at(point, commits);
            for (offset, record) in (0..).zip(&log) {
                let Applied { checkpoint, .. } = island.apply(offset, record).unwrap();
                if checkpoint.is_some_and(|checkpoint| disk.commit(checkpoint.batch).is_err()) {
                    break;
                }
            }
            disk.restart();
            let mut again = load(IslandLimits::DEFAULT, &disk);
            replay(&mut again, &log, &disk);
            prop_assert_eq!(totals(&again, &disk), truth.clone());
            prop_assert_eq!(dump(&disk), whole.clone());
        }
    }
}

fn row(series: u32, minute: u32) -> TestRow {
    TestRow { series, minute, value: 1.0 }
}

#[test]
fn a_row_that_comes_later_makes_a_new_series() {
    let log = [
        rows_record(None, &[row(0, 10), row(3, 10)]),
        delete_record(deletion("cpu", &[0])),
        rows_record(None, &[row(0, 11)]),
        seal_record(11),
    ];
    let (mut island, disk) = fresh();
    replay(&mut island, &log, &disk);
    let left: Vec<_> = totals(&island, &disk).into_keys().map(|(_, host, minute)| (host, minute)).collect();
    assert_eq!(left, [("0".to_owned(), 11), ("3".to_owned(), 10)]);
    let view = island.view();
    assert_eq!((island.series(), view.series(), view.deleted.series()), (3, 2, 1));
    assert!(view.hints.metric("acme", "cpu").unwrap().is_deleted(0));
    assert_eq!(island.counters().rows_applied, 3, "the books say what was applied, not what is left");
}

#[test]
fn the_words_of_a_deleted_series_leave_the_dictionary() {
    let log = [rows_record(None, &[row(0, 10), row(3, 10)]), delete_record(deletion("cpu", &[3]))];
    let (mut island, disk) = fresh();
    replay(&mut island, &log, &disk);
    let records: Vec<_> =
        dump(&disk).into_iter().filter(|(cf, key, _)| *cf == Cf::Series && key[0] == b'S').collect();
    assert_eq!(records.len(), 2);
    assert!(records[0].2.ends_with(b"0") && !records[1].2.windows(4).any(|four| four == b"host"));
    // Nor does a start that has to do without the saved hints find them.
    let mut batch = store::KvBatch::new();
    batch.delete_range(Cf::Hints, [0], [u8::MAX]);
    disk.commit(batch).unwrap();
    let again = load(IslandLimits::DEFAULT, &disk);
    let hints = Arc::clone(again.view().hints.metric("acme", "cpu").unwrap());
    assert_eq!((hints.all().len(), hints.len()), (1, 2));
}

#[test]
fn a_limit_counts_the_living() {
    let limits = IslandLimits { series_max: 1, ..IslandLimits::DEFAULT };
    let (mut island, disk) = (Island::new(limits), MemoryKv::new());
    let log = [
        rows_record(None, &[row(0, 10), row(3, 10)]),
        delete_record(deletion("", &[])),
        rows_record(None, &[row(3, 10)]),
        delete_record(v1::Deletion { account: "other".into(), ..deletion("", &[]) }),
    ];
    replay(&mut island, &log, &disk);
    assert_eq!((island.counters().rows_dropped, island.counters().rows_applied), (1, 2));
    assert_eq!(totals(&island, &disk).len(), 1);
}

#[test]
fn what_cannot_be_understood_is_said_and_changes_nothing() {
    let bad = v1::Matcher { dim: "host".into(), op: "=~".into(), values: vec!["(".into()] };
    let (mut island, disk) = fresh();
    replay(&mut island, &[rows_record(None, &[row(0, 10)])], &disk);
    let record = delete_record(v1::Deletion { r#where: vec![bad], ..deletion("cpu", &[]) });
    let applied = island.apply(1, &record).unwrap();
    assert!(applied.skipped[0].contains("a deletion of account \"acme\""), "{:?}", applied.skipped);
    disk.commit(applied.checkpoint.unwrap().batch).unwrap();
    assert_eq!(totals(&island, &disk).len(), 1);
    assert_eq!(island.sealed_through(), None::<Minute>);
}
