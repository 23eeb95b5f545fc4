//! A partition's rules at work: restarts at any minute leave no trace, and a changed set holds from its minute on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

use std::collections::BTreeMap;

use alerts::{
    ColumnPiece, EachSeries, Fingerprint, GroupName, Partition, RuleFiles, SavedRule, StateBytesError, Watch,
};
use model::{Distribution, LocalId, Minute, Number, Scalars, Sketches};
use proptest::prelude::*;

const RULES: &str = "alerts:
  - {name: slow, metric: m, sampling: max, window: 3m, tiers: [{severity: a, when: '> 5', for: 2 of 3}]}
  - {name: tail, metric: m, sampling: p99, tiers: [{severity: a, when: '> 5'}]}
  - {name: share, metric: m, ratio_to: {metric: n}, window: 2m, tiers: [{severity: a, when: '> 1'}]}
  - {name: all, metric: n, by: [], tiers: [{severity: a, when: '> 12'}, {severity: b, when: no data for 2m}]}
";
const METRICS: [&str; 2] = ["m", "n"];

/// Series are numbered as they come; a row is one measurement with its distribution.
#[derive(Clone, Default)]
struct Fake {
    series: Vec<(usize, String)>,
    rows: BTreeMap<LocalId, (Scalars, Sketches)>,
    dropped: u64,
}

impl Fake {
    fn row_of(&mut self, metric: usize, api: u8, value: i64) {
        let key = (metric, format!("api-{api}"));
        let at = self.series.iter().position(|have| *have == key).unwrap_or_else(|| {
            self.series.push(key);
            self.series.len() - 1
        });
        let mut distribution = Distribution::default();
        distribution.record(value as f64);
        let sketches = Sketches { distinct: None, distribution: Some(distribution) };
        self.rows.insert(at as LocalId, (Scalars::of(Number::Int(value)), sketches));
    }
}

impl Partition for Fake {
    fn series(&self, account: &str, metric: &str, skip: usize, each: EachSeries<'_>) {
        let of =
            (0..).zip(&self.series).filter(|(_, (of, _))| account == "default" && METRICS[*of] == metric);
        of.skip(skip).for_each(|(id, (_, api))| each(id, &[("Api", api)]));
    }

    fn row(&self, id: LocalId) -> (&Scalars, Option<&Sketches>) {
        const NONE: &Scalars = &Scalars { count: 0, sum: 0, min: 0, max: 0, kinds: model::Kinds(0) };
        self.rows.get(&id).map_or((NONE, None), |(row, sketches)| (row, Some(sketches)))
    }

    fn dropped(&self, _: &str, _: &str) -> u64 {
        self.dropped
    }
}

/// What checkpoints leave behind.
#[derive(Clone, Debug, Default, PartialEq)]
struct Disk {
    files: Vec<RuleFiles>,
    rules: BTreeMap<Fingerprint, (u64, Vec<u8>)>,
    columns: BTreeMap<(Fingerprint, u8, Minute), Vec<u8>>,
}

impl Disk {
    fn write(&mut self, watch: &mut Watch) {
        let changes = watch.checkpoint();
        self.files = changes.files.unwrap_or(std::mem::take(&mut self.files));
        for (rule, columns) in changes.gone {
            self.rules.remove(&rule);
            columns.iter().for_each(|(ring, minute)| drop(self.columns.remove(&(rule, *ring, *minute))));
        }
        for (rule, dropped, pieces) in changes.rules {
            self.rules.insert(rule, (dropped, pieces.status));
            pieces
                .delete
                .iter()
                .for_each(|(ring, minute)| drop(self.columns.remove(&(rule, *ring, *minute))));
            for piece in pieces.put {
                self.columns.insert((rule, piece.ring, piece.minute), piece.bytes);
            }
        }
    }

    fn read(&self, partition: &Fake, sealed: u32) -> Result<Watch, StateBytesError> {
        Watch::load(self.files.clone(), Some(Minute(sealed)), partition, |rule| {
            let (dropped, status) = self.rules.get(&rule)?.clone();
            let columns = self.columns.iter().filter(|((of, _, _), _)| *of == rule);
            let piece = |((_, ring, minute), bytes): (&(Fingerprint, u8, Minute), &Vec<u8>)| ColumnPiece {
                ring: *ring,
                minute: *minute,
                bytes: bytes.clone(),
            };
            Some(SavedRule { dropped, status, columns: columns.map(piece).collect() })
        })
    }
}

fn files(version: u64, from: u32, text: &str) -> RuleFiles {
    RuleFiles { version, from: Minute(from), files: vec![("r.yaml".into(), text.into())] }
}

/// Closes a minute and says what was told.
fn close(watch: &mut Watch, partition: &Fake, minute: u32) -> Vec<String> {
    let mut told = Vec::new();
    watch.close(Some(Minute(minute - 1)), Minute(minute), |_| partition.clone(), &mut |one| {
        let group = match one.group {
            GroupName::Words(words) => format!("{:?}", words.pairs()),
            GroupName::Series(id) => partition.series[id as usize].1.clone(),
        };
        told.push(format!(
            "{minute} {} {group} {:?} {:?}",
            one.rule.name, one.transition.to, one.transition.turn
        ));
    });
    told
}

/// Without the values, which are no part of the state.
fn standing(watch: &Watch) -> Vec<String> {
    let one = |one: alerts::Standing<'_>| {
        format!("{} {} {} {} {:?}", one.rule.name, one.tier, one.number, one.state, one.fired)
    };
    watch.standing().map(one).collect()
}

type Row = (usize, u8, i64);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn restarts_leave_no_trace(
        minutes in prop::collection::vec(
            (prop::collection::vec((0..2_usize, 0..4_u8, 0..10_i64), 0..8), any::<bool>(), any::<bool>()), 1..20,
        ),
    ) {
        let (mut watch, mut unbroken) = (Watch::default(), Watch::default());
        let (mut disk, mut other_disk, mut fake) = (Disk::default(), Disk::default(), Fake::default());
        for watch in [&mut watch, &mut unbroken] {
            watch.take(files(1, 12, RULES)).unwrap();
        }
        for (minute, (rows, restart, drops)) in (10..).zip(minutes) {
            let rows: Vec<Row> = rows;
            fake.rows.clear();
            fake.dropped += u64::from(drops);
            rows.into_iter().for_each(|(metric, api, value)| fake.row_of(metric, api, value));
            if minute == 20 {
                let without = RULES.lines().filter(|line| !line.contains("slow")).collect::<Vec<_>>().join("\n");
                for watch in [&mut watch, &mut unbroken] {
                    watch.take(files(2, 22, &without)).unwrap();
                }
            }
            prop_assert_eq!(close(&mut watch, &fake, minute), close(&mut unbroken, &fake, minute));
            disk.write(&mut watch);
            other_disk.write(&mut unbroken);
            prop_assert_eq!(&disk, &other_disk);
            if restart {
                watch = disk.read(&fake, minute).unwrap();
            }
        }
        prop_assert_eq!(standing(&watch), standing(&unbroken));
    }
}

#[test]
fn a_set_holds_from_its_minute_on_and_what_fires_of_the_last_is_over() {
    let (mut watch, mut fake) = (Watch::default(), Fake::default());
    fake.row_of(0, 1, 9);
    watch.take(files(1, 11, RULES)).unwrap();
    assert_eq!(close(&mut watch, &fake, 10), Vec::<String>::new());
    assert!(close(&mut watch, &fake, 11).contains(&"11 tail api-1 Firing Some(Fired)".to_owned()));
    // A text is not the rule: what fires goes on.
    let text = RULES.replace("sampling: p99,", "sampling: p99, labels: {team: x},");
    watch.take(files(2, 12, &text)).unwrap();
    assert_eq!(watch.version(), 2);
    assert!(!close(&mut watch, &fake, 12).iter().any(|told| told.contains("tail")));
    watch.take(files(3, 13, "alerts: []")).unwrap();
    assert!(close(&mut watch, &fake, 13).contains(&"13 tail api-1 None Some(Gone)".to_owned()));
    assert_eq!(watch.combinations(), 0);
}

#[test]
fn a_bad_set_is_refused_whole() {
    let mut watch = Watch::default();
    watch.take(files(1, 1, RULES)).unwrap();
    let why = watch.take(files(2, 2, "alerts:\n  - {name: x}\n")).unwrap_err();
    assert_eq!((why.as_str(), watch.version()), ("r.yaml:2:5: alerts[0]: metric is missing", 1));
    let twice =
        RuleFiles { files: vec![("a".into(), RULES.into()), ("b".into(), RULES.into())], ..files(3, 1, "") };
    assert!(
        watch
            .take(twice)
            .unwrap_err()
            .starts_with("b:2:5: slow: account \"default\" has a rule of this name")
    );
}

#[test]
fn after_a_pause_the_last_hour_is_evaluated() {
    let (mut watch, mut fake) = (Watch::default(), Fake::default());
    fake.row_of(1, 1, 20);
    watch.take(files(1, 0, RULES)).unwrap();
    close(&mut watch, &fake, 10);
    fake.rows.clear();
    let mut told = Vec::new();
    watch.close(Some(Minute(10)), Minute(1_000), |_| fake.clone(), &mut |one| {
        told.push(one.transition.minute.0);
    });
    assert_eq!((told.first(), told.last().is_some_and(|last| *last <= 1_000)), (Some(&941), true));
}

#[test]
fn records_that_contradict_each_other_are_no_state() {
    let (mut watch, mut disk, mut fake) = (Watch::default(), Disk::default(), Fake::default());
    watch.take(files(1, 10, RULES)).unwrap();
    for minute in 10..13 {
        fake.row_of(0, 1, 9);
        close(&mut watch, &fake, minute);
        disk.write(&mut watch);
    }
    assert!(disk.read(&fake, 12).is_ok());
    let refused = |disk: &Disk, sealed| disk.read(&fake, sealed).unwrap_err().to_string();
    assert!(refused(&disk, 11).contains("has evaluated a minute that is not sealed"));
    let mut moved = disk.clone();
    let (&(rule, ring, minute), bytes) = disk.columns.first_key_value().unwrap();
    moved.columns.insert((rule, ring, Minute(minute.0 + 20)), bytes.clone());
    assert!(refused(&moved, 12).contains("has a column under the name of another"));
}
