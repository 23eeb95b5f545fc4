//! Which series had data when, against a list of all rows; and the way to the disk and back, at every step.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use hints_index::{
    HintsIndex, JOURNAL_KEYS, Journal, LoadError, Loader, MetricIndex, SAVED_KEYS, journal_key,
};
use model::{Matcher, Minute, MinuteRange};
use proptest::prelude::*;

/// What happens to an island's hints.
#[derive(Clone, Debug)]
enum Step {
    /// So many new series.
    Insert(u32),
    /// Rows in this minute of every series whose number leaves this rest.
    Note { minute: u32, every: u32, rest: u32 },
    /// A minute is sealed.
    Sealed(u32),
    /// Data may be gone; the oracle knows that it is.
    Delete(u32, u32),
    /// A reader keeps what there is.
    Clone,
    /// All that has changed goes to the disk.
    Save,
}

/// An index with its disk, and all its rows.
#[derive(Default)]
struct House {
    index: HintsIndex,
    disk: BTreeMap<Vec<u8>, Vec<u8>>,
    rows: BTreeSet<(u32, u32)>,
    seals: u64,
    kept: Vec<(HintsIndex, BTreeSet<(u32, u32)>)>,
}

/// Far enough from the beginning of time that hours can be forgotten.
const BASE: u32 = 60 * 2_000;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let minute = prop_oneof![0_u32..300, 0_u32..60 * 1_000].prop_map(|minute| BASE + minute);
    let step = prop_oneof![
        2 => (0_u32..1_500).prop_map(Step::Insert),
        6 => (minute.clone(), prop_oneof![Just(1_u32), 1_u32..40], 0_u32..40)
            .prop_map(|(minute, every, rest)| Step::Note { minute, every, rest: rest % every }),
        1 => minute.clone().prop_map(Step::Sealed),
        1 => (minute, 0_u32..200).prop_map(|(from, len)| Step::Delete(from, from + len)),
        1 => Just(Step::Clone),
        2 => Just(Step::Save),
    ];
    prop::collection::vec(step, 1..25)
}

fn ranges() -> impl Strategy<Value = (u32, u32)> {
    let edge = prop_oneof![(0_u32..300), (0_u32..6).prop_map(|hour| hour * 60), 0_u32..60 * 1_000];
    (edge.clone(), edge).prop_map(|(one, other)| (BASE + one.min(other), BASE + one.max(other) + 1))
}

// === impl House ===

impl House {
    fn step(&mut self, step: &Step) {
        let mut journal = Journal::default();
        match *step {
            Step::Insert(series) => {
                let from = self.index.series_count() as u32;
                (from..from + series).for_each(|id| insert(&mut self.index, id));
            }
            Step::Note { minute, every, rest } => {
                let of = (0..self.index.series_count() as u32).filter(|id| id % every == rest);
                let ids: Vec<u32> = of.clone().map(|id| id * 2).collect();
                self.index.note(0, Minute(minute), &ids, &mut journal).unwrap();
                self.rows.extend(of.map(|id| (id, minute)));
            }
            Step::Sealed(minute) => self.index.sealed(Minute(minute), &mut journal),
            Step::Delete(from, to) => {
                self.index.doubt_all(MinuteRange::new(Minute(from), Minute(to)), &mut journal);
                self.rows.retain(|(_, minute)| !(from..to).contains(minute));
            }
            Step::Clone => self.kept.push((self.index.clone(), self.rows.clone())),
            Step::Save => {
                let Self { index, disk, .. } = self;
                index.save(Minute(BASE), &mut |key, value| {
                    drop(match value {
                        Some(value) => disk.insert(key, value),
                        None => disk.remove(&key),
                    });
                });
                let (from, to) = JOURNAL_KEYS;
                disk.retain(|key, _| !(from.as_slice()..to.as_slice()).contains(&key.as_slice()));
                return;
            }
        }
        if !journal.is_empty() {
            self.disk.insert(journal_key(self.seals), journal.into_record());
            self.seals += 1;
        }
    }

    /// What a start makes of the disk, and of the series that the dictionary has and the save has not.
    fn load(&self) -> Result<HintsIndex, LoadError> {
        let (from, to) = JOURNAL_KEYS;
        let mut index = load(&self.disk)?;
        (index.series_count() as u32..self.index.series_count() as u32).for_each(|id| insert(&mut index, id));
        self.disk.range(from.to_vec()..to.to_vec()).try_for_each(|(_, record)| index.replay(record))?;
        Ok(index)
    }
}

fn insert(index: &mut HintsIndex, id: u32) {
    let (host, zone) = (format!("host-{id}"), format!("zone-{}", id % 7));
    let dims = [("Host", host.as_str()), ("Zone", zone.as_str())];
    // Some of the series lack the first.
    index.insert("acme", "Cpu", 0, id * 2, dims.into_iter().skip(usize::from(id.is_multiple_of(5)))).unwrap();
}

fn load(disk: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<HintsIndex, LoadError> {
    let (mut loader, (from, to)) = (Loader::new(), SAVED_KEYS);
    disk.range(from.to_vec()..to.to_vec()).try_for_each(|(key, value)| loader.record(key, value))?;
    loader.finish()
}

fn image(index: &HintsIndex) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (mut index, mut image) = (index.clone(), BTreeMap::new());
    index.forget_saved();
    index.save(Minute(BASE), &mut |key, value| drop(image.insert(key, value.unwrap())));
    image
}

/// What the index says, where it does not know completed from the rows, is what the rows say.
fn check_range(
    metric: &MetricIndex,
    rows: &BTreeSet<(u32, u32)>,
    matchers: &[Matcher],
    (from, to): (u32, u32),
) -> Result<(), TestCaseError> {
    let mut active = metric.select_active(matchers, MinuteRange::new(Minute(from), Minute(to)));
    for range in active.look_up().to_vec() {
        prop_assert!(from <= range.from.0 && range.to.0 <= to && !range.is_empty());
        rows.iter()
            .filter(|(_, minute)| range.contains(Minute(*minute)))
            .for_each(|(at, _)| active.found(*at));
    }
    prop_assert_eq!(active.selected(), &metric_select(metric, matchers));
    let chosen = active.selected().clone();
    let expected: BTreeSet<u32> = rows
        .iter()
        .filter(|(at, minute)| (from..to).contains(minute) && chosen.contains(*at))
        .map(|(at, _)| *at)
        .collect();
    prop_assert_eq!(active.finish().iter().collect::<BTreeSet<_>>(), expected);
    Ok(())
}

fn metric_select(metric: &MetricIndex, matchers: &[Matcher]) -> hints_index::Selection {
    use hints_index::Selection;
    match metric.select(matchers) {
        Selection::All(len) => Selection::Some((0..len).collect()),
        some @ Selection::Some(_) => some,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn it_knows_when_or_says_that_it_does_not(
        steps in steps(), ranges in prop::collection::vec(ranges(), 1..6), zone in 0_u32..8,
    ) {
        let mut house = House::default();
        steps.iter().for_each(|step| house.step(step));
        let matcher = Matcher::new("Zone", "=", vec![format!("zone-{zone}")]).unwrap();
        house.kept.push((house.index.clone(), house.rows.clone()));
        for (index, rows) in &house.kept {
            let Some(metric) = index.metric("acme", "Cpu") else { continue };
            for range in &ranges {
                check_range(metric, rows, &[], *range)?;
                check_range(metric, rows, std::slice::from_ref(&matcher), *range)?;
            }
        }
    }

    /// What was saved, then the series that came since, then the journal.
    #[test]
    fn what_is_loaded_is_what_was(steps in steps()) {
        let mut house = House::default();
        house.step(&Step::Save);
        for step in &steps {
            house.step(step);
            let again = house.load();
            prop_assert!(again.is_ok(), "{again:?}");
            prop_assert_eq!(image(&again.unwrap()), image(&house.index));
        }
    }

    #[test]
    fn damage_is_seen(steps in steps(), record in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>(), cut in any::<bool>()) {
        let mut house = House::default();
        house.step(&Step::Insert(5_000));
        steps.iter().for_each(|step| house.step(step));
        house.step(&Step::Save);
        house.step(&Step::Note { minute: BASE, every: 3, rest: 0 });
        let key = house.disk.keys().nth(record.index(house.disk.len())).unwrap().clone();
        let value = house.disk.get_mut(&key).unwrap();
        let at = bit.index(value.len() * 8);
        if cut { value.truncate(at / 8) } else { value[at / 8] ^= 1 << (at % 8) }
        prop_assert!(house.load().is_err());
    }
}

#[test]
fn a_record_that_is_missing_is_seen() {
    let mut house = House::default();
    house.step(&Step::Insert(10_000));
    house.step(&Step::Note { minute: BASE, every: 3, rest: 0 });
    house.step(&Step::Save);
    let columns = house.disk.keys().filter(|key| b"HMNO".contains(&key[0])).cloned().collect::<Vec<_>>();
    assert!(columns.len() > 6);
    for key in columns {
        let mut disk = house.disk.clone();
        disk.remove(&key);
        assert!(load(&disk).is_err(), "{key:02x?}");
    }
    assert!(load(&BTreeMap::new()).is_err());
}

#[test]
fn whole_hours_are_known_without_a_look() {
    let mut house = House::default();
    house.step(&Step::Insert(9_000));
    for minute in 0..240 {
        house.step(&Step::Note { minute: BASE + minute, every: 1 + minute % 5, rest: 0 });
    }
    let metric = house.index.metric("acme", "Cpu").unwrap();
    for (from, to) in [(0, 60), (60, 240), (0, 600), (120, 180)] {
        let active = metric.select_active(&[], MinuteRange::new(Minute(BASE + from), Minute(BASE + to)));
        assert!(active.look_up().is_empty() && active.is_decided());
    }
    // The last minutes up to now are known too: last minutes decide.
    let active = metric.select_active(&[], MinuteRange::new(Minute(BASE + 225), Minute(BASE + 240)));
    assert!(active.is_decided());
}

#[test]
fn what_is_always_there_costs_nothing() {
    let mut house = House::default();
    house.step(&Step::Insert(8_192));
    let before = house.index.memory_bytes();
    for minute in 0..48 * 60 {
        house.step(&Step::Note { minute: BASE + minute, every: 1, rest: 0 });
    }
    let bytes = house.index.memory_bytes() - before;
    assert!(bytes < 1_000, "{bytes}");
}

#[test]
fn hours_are_bounded() {
    let mut house = House::default();
    house.step(&Step::Insert(100));
    for hour in 0..2_000 {
        house.step(&Step::Note { minute: BASE + hour * 60, every: 1 + hour % 3, rest: 0 });
        house.step(&Step::Sealed(BASE + hour * 60));
        if hour % 100 == 0 {
            house.step(&Step::Save);
        }
    }
    house.step(&Step::Save);
    let hours = house.disk.keys().filter(|key| key[0] == b'Q').count();
    assert_eq!(hours, hints_index::HOURS_KEPT as usize);
    let metric = house.index.metric("acme", "Cpu").unwrap();
    check_range(metric, &house.rows, &[], (BASE, BASE + 60 * 10)).unwrap();
}

/// A clock that jumps a century ahead leaves every hour that is kept behind, and no more keys to delete than there are.
#[test]
fn a_jump_ahead_deletes_only_the_hours_that_were_saved() {
    let mut index = HintsIndex::new();
    index.insert("acme", "Cpu", 0, 0, [("Zone", "a")]).unwrap();
    for minute in [60, 120, 600] {
        index.note(0, Minute(minute), &[0], &mut Journal::default()).unwrap();
    }
    index.save(Minute(600), &mut |_, _| {});
    index.sealed(Minute(u32::MAX), &mut Journal::default());
    let mut deleted = Vec::new();
    index.save(Minute(u32::MAX), &mut |key, value| {
        if value.is_none() {
            deleted.push(key);
        }
    });
    let hours = deleted.iter().map(|key| u32::from_be_bytes(*key.last_chunk().unwrap()));
    assert_eq!(hours.collect::<Vec<_>>(), [1, 2, 10]);
}
