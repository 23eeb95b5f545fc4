//! What retention and deletion take is gone, what they leave is as it was, and what is left too coarsely is said: random
//! rows, late ones too, compactions and crashes in between, against a map of all rows.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[allow(dead_code, reason = "each test file uses a part")]
mod rows;

use std::collections::BTreeSet;

use model::{Aggregate, LocalId, Minute, MinuteRange, Number, Retention, Scalars};
use proptest::prelude::*;
use rows::{Asked, Disk, FIRST_HOUR, HOURS, Row, aggregates, asked, minute_of, read_with_coarse};
use store::{
    Cf, Columns, CrashPoint, Kept, Kv, KvBatch, Purge, RocksKv, StoreError, close_day, compact_hour, expire,
};

/// The metric that all of it happens to; another lies beside it.
const METRIC: u32 = 0;

#[derive(Clone, Debug)]
enum Step {
    Seal(Vec<Row>),
    /// Hour and day by hour and day.
    Compact(u32),
    CloseDay(u32),
    Delete(BTreeSet<LocalId>),
    /// One step of a purge.
    Purge,
    Expire(Kept),
}

/// The house around a disk: what the island knows and upkeep does.
#[derive(Default)]
struct House {
    disk: Disk,
    gone: BTreeSet<LocalId>,
    purge: Option<Purge>,
    kept: Kept,
    /// The most that ever went.
    went: Kept,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let ids = prop_oneof![4 => 0_u32..6, 1 => 2_000_u32..2_003];
    let row = (0_u32..2, ids, 0..HOURS * 60, aggregates()).prop_map(|(metric, id, at, row)| Row {
        metric,
        id,
        minute: minute_of(at),
        row,
    });
    prop::collection::vec(row, 1..25)
}

fn shared_steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => rows().prop_map(Step::Seal),
        3 => (FIRST_HOUR..FIRST_HOUR + HOURS).prop_map(Step::Compact),
        1 => (9_u32..11).prop_map(Step::CloseDay),
    ]
}

fn deletions() -> impl Strategy<Value = Vec<Step>> {
    let ids = prop::sample::subsequence(vec![0_u32, 1, 2, 3, 4, 5, 2_000, 2_001, 2_002], 1..5);
    let step = prop_oneof![
        8 => shared_steps(),
        1 => ids.prop_map(|ids| Step::Delete(ids.into_iter().collect())),
        4 => Just(Step::Purge),
    ];
    steps(step, 25)
}

/// In half of the cases no row has a sketch, so that days can be folded.
fn steps(step: impl Strategy<Value = Step>, max: usize) -> impl Strategy<Value = Vec<Step>> {
    (prop::collection::vec(step, 1..max), any::<bool>()).prop_map(|(mut steps, plain)| {
        for step in steps.iter_mut().filter(|_| plain) {
            if let Step::Seal(rows) = step {
                rows.iter_mut().for_each(|row| row.row.sketches = None);
            }
        }
        steps
    })
}

/// Days, hours and minutes that reach back ever less far.
fn kept() -> impl Strategy<Value = Kept> {
    (9_u32..11, 0_u32..3, 0..HOURS + 1).prop_map(|(days, hours, points)| {
        let day = |day: u32| Minute(day.min(11) * 1440);
        let (days_from, hours_from) = (day(days), day(days + hours));
        Kept { days_from, hours_from, points_from: minute_of(points * 60).max(hours_from) }
    })
}

fn expiries() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![8 => shared_steps(), 2 => kept().prop_map(Step::Expire)];
    steps(step, 20)
}

// === impl House ===

impl House {
    fn apply(&mut self, step: &Step) -> Result<(), StoreError> {
        match step {
            Step::Seal(rows) => self.disk.seal(&self.living(rows)),
            Step::Compact(hour) => {
                let batch = compact_hour(&*self.disk.kv.snapshot(), METRIC, *hour, self.kept.options())?;
                batch.map_or(Ok(()), |batch| self.disk.kv.commit_later(batch))
            }
            Step::CloseDay(day) => self.close_day(*day),
            Step::Delete(ids) => {
                self.gone.extend(ids);
                self.disk.forget(|metric, id, _| metric == METRIC && ids.contains(&id));
                self.purge = Some(Purge::new(METRIC));
                Ok(())
            }
            Step::Purge => self.purge_once().map(drop),
            Step::Expire(kept) => self.expire(*kept),
        }
    }

    /// Ids are never given again.
    fn living(&self, rows: &[Row]) -> Vec<Row> {
        rows.iter().filter(|row| row.metric != METRIC || !self.gone.contains(&row.id)).cloned().collect()
    }

    /// As the planner, where there are hours, and as upkeep, which purges first.
    fn close_day(&mut self, day: u32) -> Result<(), StoreError> {
        if self.purge.is_some() || self.went.hours_from > Minute(day * 1440) {
            return Ok(());
        }
        let batch = close_day(&*self.disk.kv.snapshot(), METRIC, day)?;
        self.disk.kv.commit_later(batch)
    }

    /// False when there is nothing to purge any more.
    fn purge_once(&mut self) -> Result<bool, StoreError> {
        let Some(purge) = &mut self.purge else { return Ok(false) };
        let gone = &self.gone;
        let step = purge.step(&*self.disk.kv.snapshot(), &|id| gone.contains(&id))?;
        match step {
            Some(batch) => self.disk.kv.commit_later(batch)?,
            None => self.purge = None,
        }
        Ok(true)
    }

    fn expire(&mut self, kept: Kept) -> Result<(), StoreError> {
        while let Some((_, batch)) = expire(&*self.disk.kv.snapshot(), METRIC, kept)? {
            self.disk.kv.commit_later(batch)?;
        }
        self.kept = kept;
        self.went.points_from = self.went.points_from.max(kept.points_from);
        self.went.hours_from = self.went.hours_from.max(kept.hours_from);
        self.disk.forget(|metric, _, minute| metric == METRIC && minute < kept.days_from);
        Ok(())
    }

    /// As the hints have it: nobody asks for deleted series.
    fn check(&self, asked: &Asked) -> Result<(), TestCaseError> {
        let living =
            |ids: &[LocalId]| ids.iter().copied().filter(|id| !self.gone.contains(id)).collect::<Vec<_>>();
        let all = [0, 1, 2, 3, 4, 5, 2_000, 2_001, 2_002];
        let series = Some(living(asked.series.as_deref().unwrap_or(&all)));
        let asked = if asked.metric == METRIC { Asked { series, ..asked.clone() } } else { asked.clone() };
        self.disk.check(&asked)
    }

    /// Cell by cell: right, or said to be kept too coarsely.
    fn check_or_coarse(&self, asked: &Asked) -> Result<(), TestCaseError> {
        let (found, coarse) = read_with_coarse(&*self.disk.kv.snapshot(), asked).unwrap();
        let expected = self.disk.expected(asked);
        let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
        for key in keys.into_iter().filter(|key| found.get(key) != expected.get(key)) {
            let step = asked.range.from.0 + key.1 * asked.step;
            let step = MinuteRange::new(Minute(step), Minute(step + asked.step));
            let said = coarse.is_some_and(|coarse| !coarse.intersection(step).is_empty());
            prop_assert!(
                said,
                "{asked:?} {key:?}: {:?}, not {:?}; {coarse:?}",
                found.get(key),
                expected.get(key)
            );
        }
        prop_assert!(asked.metric == METRIC || coarse.is_none(), "the other metric is whole");
        prop_assert!(
            asked.range.from < self.went.points_from || coarse.is_none(),
            "its minutes are all there"
        );
        let hour = |minute: u32| minute.is_multiple_of(60);
        let hours = hour(asked.range.from.0) && hour(asked.range.to.0) && hour(asked.step);
        prop_assert!(!hours || asked.range.from < self.went.hours_from || coarse.is_none(), "its hours are");
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn deleted_series_leave_the_disk_and_the_others_stay(
        steps in deletions(),
        asked in prop::collection::vec(asked(), 3),
        crash in prop::option::of((0_u64..12, any::<bool>())),
    ) {
        let mut house = House::default();
        if let Some((at, before)) = crash {
            let point = if before { CrashPoint::BeforeCommit } else { CrashPoint::AfterCommit };
            house.disk.kv.crash_at(point, at);
        }
        for step in &steps {
            if house.apply(step).is_err() {
                house.disk.kv.restart();
                house.purge = house.purge.is_some().then(|| Purge::new(METRIC)); // forgotten, and begun anew
                match step {
                    Step::Seal(rows) if crash.is_some_and(|(_, before)| !before) => {
                        house.disk.lost_answer(&house.living(rows));
                    }
                    Step::Seal(_) => {}
                    other => house.apply(other).unwrap(),
                }
            }
            for asked in &asked {
                house.check(asked)?;
            }
        }
        house.disk.kv.restart();
        while house.purge_once().unwrap() {}
        for asked in &asked {
            house.disk.check(asked)?; // whoever asks
        }
        let mut again = Purge::new(METRIC);
        while let Some(batch) = again.step(&*house.disk.kv.snapshot(), &|id| house.gone.contains(&id)).unwrap() {
            prop_assert!(batch.is_empty(), "nothing is left to do");
        }
    }

    #[test]
    fn what_retention_leaves_is_right_or_said(
        steps in expiries(),
        asked in prop::collection::vec(asked(), 4),
    ) {
        let mut house = House::default();
        for step in &steps {
            house.apply(step).unwrap();
            for asked in &asked {
                house.check_or_coarse(asked)?;
            }
        }
        let whole = Asked {
            metric: METRIC,
            range: MinuteRange::new(Minute(9 * 1440), Minute(11 * 1440)),
            step: 1440,
            series: None,
            columns: Columns::WHOLE_ROWS,
        };
        house.disk.check(&whole)?; // days are never too coarse
    }
}

#[test]
fn each_tier_begins_where_its_own_unit_does() {
    let retention = Retention { minutes: 180, hours: 1440, days: 3 * 1440 };
    let sealed = Minute(10 * 1440 + 250); // day 10, 04:10
    let kept = Kept::of(retention, sealed);
    assert_eq!(kept.points_from, Minute(10 * 1440 + 60)); // 04:11 - 3 h is 01:11
    assert_eq!((kept.hours_from, kept.days_from), (Minute(9 * 1440), Minute(7 * 1440)));
}

/// Enough that files are written: random numbers do not pack.
fn noise(kv: &RocksKv, hours: u32) {
    let mut random = 7_u64;
    for hour in 0..hours {
        let mut batch = KvBatch::new();
        for minute in (hour * 60..hour * 60 + 60).map(Minute) {
            let mut block = store::SlabBlock::new();
            for id in 0..500 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                block.push_aggregate(id, &Aggregate::of(Scalars::of(Number::Int(random.cast_signed() >> 8))));
            }
            let key = store::SlabKey { metric: METRIC, minute, seal_offset: 0 };
            batch.put(Cf::Slabs, key.to_bytes(), block.encode().unwrap());
        }
        kv.commit(batch).unwrap();
        kv.commit(compact_hour(&*kv.snapshot(), METRIC, hour, Kept::default().options()).unwrap().unwrap())
            .unwrap();
    }
}

fn reclaim(kv: &RocksKv) {
    for cf in [Cf::Slabs, Cf::Pages, Cf::Hours, Cf::Days] {
        kv.reclaim(cf, METRIC).unwrap();
    }
}

#[test]
fn space_returns() {
    let dir = tempfile::tempdir().unwrap();
    let kv = RocksKv::open(dir.path()).unwrap();
    noise(&kv, 24);
    reclaim(&kv);
    let full = kv.disk_bytes();
    // Half of the series, then the minutes of half of the rest.
    let mut purge = Purge::new(METRIC);
    while let Some(batch) = purge.step(&*kv.snapshot(), &|id| id % 2 == 0).unwrap() {
        kv.commit(batch).unwrap();
    }
    reclaim(&kv);
    let half = kv.disk_bytes();
    assert!(half * 3 < full * 2, "{full} bytes became {half}");
    let kept = Kept { points_from: Minute(12 * 60), ..Kept::default() };
    while let Some((_, batch)) = expire(&*kv.snapshot(), METRIC, kept).unwrap() {
        kv.commit(batch).unwrap();
    }
    reclaim(&kv);
    let quarter = kv.disk_bytes();
    assert!(quarter * 3 < half * 2, "{half} bytes became {quarter}");
}
