//! Random logs against a `BTreeMap`; recovery from every prefix; two replicas; evolution of the disk.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use aggregator::{Island, IslandLimits};
use bytes::Bytes;
use model::{Number, Scalars};
use proptest::prelude::*;
use store::{CrashPoint, Kv, MemoryKv};
use support::{TestRow, Totals, dump, load, metric_of, replay, rows_record, seal_record, totals};

/// One record of a random log.
#[derive(Clone, Debug)]
enum Step {
    Rows {
        publisher: u128,
        sequence: u64,
        rows: Vec<TestRow>,
    },
    Unstamped(Vec<TestRow>),
    /// This many records back, again.
    Again(usize),
    Seal(u32),
    Garbage,
}

fn rows() -> impl Strategy<Value = Vec<TestRow>> {
    let value =
        prop_oneof![(-100_i32..100).prop_map(f64::from), (-100_i32..100).prop_map(|v| f64::from(v) / 8.0)];
    let row = (0_u32..12, 20_u32..32, value);
    prop::collection::vec(row.prop_map(|(series, minute, value)| TestRow { series, minute, value }), 0..6)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u128..3, 0_u64..2000, rows()).prop_map(|(publisher, sequence, rows)| Step::Rows { publisher, sequence, rows }),
        1 => rows().prop_map(Step::Unstamped),
        3 => (1_usize..8).prop_map(Step::Again),
        3 => (18_u32..33).prop_map(Step::Seal),
        1 => Just(Step::Garbage),
    ];
    prop::collection::vec(step, 1..40)
}

/// Publisher and sequence, if any, and the rows.
type Meaning = (Option<(u128, u64)>, Vec<TestRow>);

/// The log, and what it means: every batch once, unless it is behind its publisher's window.
fn log_of(steps: &[Step]) -> (Vec<Bytes>, Totals) {
    let (mut log, mut truth) = (Vec::<Bytes>::new(), Totals::new());
    let mut meaning: Vec<Option<Meaning>> = Vec::new();
    let (mut seen, mut newest) = (BTreeSet::new(), BTreeMap::<u128, u64>::new());
    let mut contents = BTreeMap::new();
    for step in steps {
        let (record, means) = match step {
            Step::Rows { publisher, sequence, rows } => {
                // The same stamp always carries the same rows.
                let rows: &Vec<TestRow> = contents.entry((*publisher, *sequence)).or_insert(rows.clone());
                let record = rows_record(Some((*publisher, 1, *sequence)), rows);
                (record, Some((Some((*publisher, *sequence)), rows.clone())))
            }
            Step::Unstamped(rows) => (rows_record(None, rows), Some((None, rows.clone()))),
            Step::Again(back) => match log.len().checked_sub(*back) {
                Some(at) => (log[at].clone(), meaning[at].clone()),
                None => continue,
            },
            Step::Seal(minute) => (seal_record(*minute), None),
            Step::Garbage => (Bytes::from_static(b"\x07garbage"), None),
        };
        if let Some((stamp, rows)) = &means
            && stamp.is_none_or(|(publisher, sequence)| {
                let newest = newest.entry(publisher).or_insert(sequence);
                let behind = newest.saturating_sub(sequence) >= model::PUBLISHER_WINDOW;
                *newest = sequence.max(*newest);
                !behind && seen.insert((publisher, sequence))
            })
        {
            rows.iter().for_each(|row| add(&mut truth, row));
        }
        log.push(record);
        meaning.push(means);
    }
    (log, truth)
}

fn add(truth: &mut Totals, row: &TestRow) {
    let key = (metric_of(row.series).to_owned(), row.series.to_string(), row.minute);
    truth.entry(key).or_default().merge(&Scalars::of(Number::from_f64(row.value).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sums_are_those_of_a_map(steps in steps()) {
        let (log, truth) = log_of(&steps);
        let (mut island, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
        replay(&mut island, &log, &disk);
        // Eighths and small integers add up exactly in any order, so even floats are equal.
        prop_assert_eq!(plain(&totals(&island, &disk)), plain(&truth));
        prop_assert_eq!(island.counters().rows_dropped, 0);
    }

    #[test]
    fn a_crash_after_any_record_changes_nothing(steps in steps()) {
        let (log, _) = log_of(&steps);
        let (mut island, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
        replay(&mut island, &log, &disk);
        let (image, whole) = (island.image().unwrap(), dump(&disk));
        for prefix in 0..=log.len() {
            let (mut island, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
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
        let (log, _) = log_of(&steps);
        let (mut island, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
        replay(&mut island, &log, &disk);
        let whole = dump(&disk);
        let point = if after { CrashPoint::AfterCommit } else { CrashPoint::BeforeCommit };
        for commits in 0..disk.commits() {
            let disk = MemoryKv::new();
            disk.crash_at(point, commits);
            replay_until_crash(&log, &disk);
            disk.restart();
            let mut again = load(IslandLimits::DEFAULT, &disk);
            replay(&mut again, &log, &disk);
            prop_assert_eq!(again.image().unwrap(), island.image().unwrap());
            prop_assert_eq!(dump(&disk), whole.clone());
        }
    }

    #[test]
    fn small_limits_are_kept_and_nothing_is_lost_without_a_name(steps in steps()) {
        let (log, _) = log_of(&steps);
        let limits = IslandLimits {
            series_max: 5, publishers_max: 2, ahead_rows_max: 2, drop_counters_max: 2, account_hours_max: 1,
        };
        let (mut island, disk) = (Island::new(limits), MemoryKv::new());
        replay(&mut island, &log, &disk);
        let mut again = load(limits, &disk);
        replay(&mut again, &log, &disk);
        prop_assert_eq!(again.image().unwrap(), island.image().unwrap());
        prop_assert!(island.series() <= 5 && island.publishers() <= 2);
        let known: u64 = totals(&island, &disk).values().map(|row| row.count).sum();
        prop_assert_eq!(known, island.counters().rows_applied);
        let dropped: u64 = island.view().drops.values().sum();
        prop_assert_eq!(dropped, island.counters().rows_dropped);
    }

    #[test]
    fn any_byte_of_the_state_that_changes_is_noticed(steps in steps(), at: prop::sample::Index, bit in 0..8_u32) {
        let (log, _) = log_of(&steps);
        let (mut island, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
        replay(&mut island, &log, &disk);
        let state: Vec<_> = dump(&disk).into_iter().filter(|(cf, _, _)| *cf == store::Cf::State).collect();
        prop_assume!(!state.is_empty());
        let (cf, key, mut value) = state[at.index(state.len())].clone();
        let byte = at.index(value.len());
        value[byte] ^= 1 << bit;
        let mut batch = store::KvBatch::new();
        batch.put(cf, key, value);
        disk.commit(batch).unwrap();
        prop_assert!(Island::load(IslandLimits::DEFAULT, &*disk.snapshot()).is_err());
    }
}

/// Number by number, whole floats as integers: a sum that was a float on its way may end as a whole one.
fn plain(totals: &Totals) -> Vec<(String, u32, u64, String, String, String)> {
    let text = |number: Number| number.canonical().to_string();
    totals
        .iter()
        .map(|((_, host, minute), row)| {
            (host.clone(), *minute, row.count, text(row.sum()), text(row.min()), text(row.max()))
        })
        .collect()
}

fn replay_until_crash(log: &[Bytes], disk: &MemoryKv) {
    let mut island = Island::new(IslandLimits::DEFAULT);
    for (offset, record) in (0..).zip(log) {
        if let Some(checkpoint) = island.apply(offset, record).unwrap().checkpoint
            && disk.commit(checkpoint.batch).is_err()
        {
            return;
        }
    }
}
