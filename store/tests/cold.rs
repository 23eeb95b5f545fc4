//! Pages in an object store: the same answers, whatever happens on the way there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::{Aggregate, LocalId, Minute, MinuteRange, Number, Scalars};
use store::cold::{Cold, Moved, Reference, move_out, sweep};
use store::{
    Cf, Columns, CompactOptions, Damage, Kv, KvBatch, RocksKv, Scan, SlabBlock, SlabColumns, SlabKey,
    StoreError, compact_hour, scan,
};

const FIRST_HOUR: u32 = 24 * 20_000;
const HOURS: u32 = 30;
const SERIES: u32 = 50;
/// The first day is over, the second is not.
const BEFORE: Minute = Minute((FIRST_HOUR + HOURS) * 60);

type Found = BTreeMap<(LocalId, Minute), i64>;

struct House {
    dir: tempfile::TempDir,
    kv: RocksKv,
    cold: Arc<Cold>,
}

// === impl House ===

impl House {
    /// Thirty hours in pages, of two metrics.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kv = RocksKv::open(&dir.path().join("store")).unwrap();
        let cold = Arc::new(Self::place(dir.path(), 1 << 20));
        let house = Self { dir, kv, cold };
        for metric in 0..2 {
            for hour in FIRST_HOUR..FIRST_HOUR + HOURS {
                (0..3).for_each(|minute| house.seal(metric, hour * 60 + minute * 7, 0));
                house.compact(metric, hour);
            }
        }
        house
    }

    fn place(dir: &Path, cache_bytes: usize) -> Cold {
        Cold::open(&format!("file://{}/objects", dir.display()), cache_bytes).unwrap()
    }

    fn seal(&self, metric: u32, minute: u32, seal_offset: u64) {
        let rows: Vec<Aggregate> = (0..SERIES)
            .map(|id| Aggregate::of(Scalars::of(Number::Int((minute * 31 + id * 7 + metric).into()))))
            .collect();
        let key = SlabKey { metric, minute: Minute(minute), seal_offset };
        let mut batch = KvBatch::new();
        batch.put(Cf::Slabs, key.to_bytes(), SlabBlock::of((0..).zip(&rows)).encode().unwrap());
        self.kv.commit(batch).unwrap();
    }

    fn compact(&self, metric: u32, hour: u32) {
        let batch = compact_hour(&*self.kv.snapshot(), metric, hour, CompactOptions::default()).unwrap();
        self.kv.commit(batch.unwrap()).unwrap();
    }

    fn move_out(&self) -> Result<Option<Moved>, StoreError> {
        move_out(&*self.kv.snapshot(), &self.cold, "here", BEFORE)
    }

    fn move_all_out(&self) -> usize {
        self.kv.set_cold(Arc::clone(&self.cold));
        let mut pages = 0;
        while let Some(moved) = self.move_out().unwrap() {
            pages += moved.pages;
            self.kv.commit(moved.batch).unwrap();
        }
        pages
    }

    fn sweep(&self, place: &str, unnamed_for: Duration) -> Result<usize, StoreError> {
        let snapshot = self.kv.snapshot();
        sweep([&*snapshot, &*snapshot], &self.cold, place, unnamed_for)
    }

    fn scan(&self, metric: u32, hours: std::ops::Range<u32>) -> (Found, Damage) {
        let minutes = MinuteRange::new(Minute(hours.start * 60), Minute(hours.end * 60));
        let wanted = Scan { metric, minutes, step_minutes: 1, wanted: Columns::SUM, series: None };
        let mut found = Found::new();
        let stats = scan(&*self.kv.snapshot(), &wanted, &mut SlabColumns::new(), &mut |batch| {
            for (at, id) in batch.columns.ids().iter().enumerate() {
                *found.entry((*id, batch.minute(at))).or_default() +=
                    batch.columns.sum_bits()[at].cast_signed();
            }
            Ok(ControlFlow::Continue(()))
        });
        (found, stats.unwrap().damage)
    }

    fn all(&self) -> Vec<(Found, Damage)> {
        (0..2).map(|metric| self.scan(metric, FIRST_HOUR..FIRST_HOUR + HOURS)).collect()
    }

    fn packs(&self) -> usize {
        self.cold.objects().list("pages").unwrap().len()
    }

    fn references(&self) -> usize {
        let mut count = 0;
        self.kv
            .snapshot()
            .range(Cf::Pages, &[], &[u8::MAX; 12], &mut |_, value| {
                count += usize::from(Reference::read(value)?.is_some());
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        count
    }
}

#[test]
fn old_pages_move_out_and_every_answer_stays() {
    let house = House::new();
    let before = house.all();
    assert_eq!(house.move_all_out(), 48, "24 hours of two metrics; the second day is not over");
    assert_eq!((house.packs(), house.references()), (1, 48));
    assert_eq!(house.all(), before);
    assert!(house.move_out().unwrap().is_none());
    assert_eq!(house.sweep("here", Duration::ZERO).unwrap(), 0);
}

#[test]
fn a_crash_between_upload_and_commit_leaves_what_the_next_try_uses() {
    let house = House::new();
    let before = house.all();
    drop(house.move_out().unwrap().unwrap());
    assert_eq!((house.packs(), house.references()), (1, 0));
    assert_eq!(house.all(), before);
    house.move_all_out();
    assert_eq!((house.packs(), house.references()), (1, 48));
    assert_eq!(house.all(), before);
}

#[test]
fn a_pack_that_nobody_refers_to_is_found_and_removed() {
    let house = House::new();
    drop(house.move_out().unwrap().unwrap());
    house.seal(0, FIRST_HOUR * 60 + 1, 9);
    house.compact(0, FIRST_HOUR);
    house.move_all_out();
    let before = house.all();
    assert_eq!(house.packs(), 2, "another content is another pack");
    let day = Duration::from_secs(86_400);
    assert_eq!(house.sweep("here", day).unwrap(), 0, "it may still be wanted");
    assert_eq!(house.sweep("elsewhere", Duration::ZERO).unwrap(), 0);
    assert_eq!(house.sweep("here", Duration::ZERO).unwrap(), 1);
    assert_eq!(house.all(), before);
}

#[test]
fn late_rows_lie_beside_a_cold_hour_and_are_merged_into_it() {
    let house = House::new();
    house.move_all_out();
    let before = house.scan(0, FIRST_HOUR..FIRST_HOUR + 1).0;
    house.seal(0, FIRST_HOUR * 60 + 1, 9);
    let with_late = house.scan(0, FIRST_HOUR..FIRST_HOUR + 1).0;
    assert_eq!(with_late.len(), before.len() + SERIES as usize);
    house.compact(0, FIRST_HOUR);
    assert_eq!(house.scan(0, FIRST_HOUR..FIRST_HOUR + 1).0, with_late);
    assert_eq!(house.references(), 47, "that hour is here again");
    assert_eq!(house.move_all_out(), 1);
    assert_eq!(house.scan(0, FIRST_HOUR..FIRST_HOUR + 1).0, with_late);
}

#[test]
fn a_store_that_is_away_costs_the_old_pages_only_and_says_so() {
    let house = House::new();
    let before = house.all();
    house.move_all_out();
    let objects = house.dir.path().join("objects");
    fs::rename(&objects, house.dir.path().join("away")).unwrap();
    let recent = house.scan(0, FIRST_HOUR + 24..FIRST_HOUR + HOURS);
    assert!(recent.1 == Damage::default() && !recent.0.is_empty());
    let (found, missing) = house.scan(0, FIRST_HOUR..FIRST_HOUR + HOURS);
    assert_eq!((found, missing.blocks), (recent.0, 24));
    assert!(missing.names[0].contains("page (metric id 0, hour 480000"), "{:?}", missing.names[0]);
    // Late rows wait as slabs until it is back.
    house.seal(0, FIRST_HOUR * 60 + 1, 9);
    assert!(compact_hour(&*house.kv.snapshot(), 0, FIRST_HOUR, CompactOptions::default()).is_err());
    fs::rename(house.dir.path().join("away"), &objects).unwrap();
    assert_eq!(house.all()[1], before[1]);
    house.compact(0, FIRST_HOUR);
}

#[test]
fn without_an_object_store_what_has_moved_out_is_named() {
    let house = House::new();
    house.move_all_out();
    let House { dir, kv, cold } = house;
    drop(kv);
    let kv = RocksKv::open(&dir.path().join("store")).unwrap();
    let (found, missing) = House { dir, kv, cold }.scan(0, FIRST_HOUR..FIRST_HOUR + HOURS);
    assert_eq!((missing.blocks, missing.away, found.is_empty()), (0, 24, false));
    let first = missing.away_name.unwrap();
    assert!(
        first.contains("hour 480000") && first.contains("no object store is set: set object_store"),
        "{first}"
    );
}

#[test]
fn each_bit_of_a_pack_that_turns_is_found() {
    let house = House::new();
    let before = house.all();
    house.move_all_out();
    let info = house.cold.objects().list("pages").unwrap().remove(0);
    let file = house.dir.path().join("objects").join(&info.name);
    let sound = fs::read(&file).unwrap();
    for at in (0..sound.len()).step_by(97) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&file, bytes).unwrap();
        // A fresh cache each time.
        let kv = RocksKv::open_read_only(&house.dir.path().join("store")).unwrap();
        kv.set_cold(Arc::new(House::place(house.dir.path(), 0)));
        let mut damaged = 0;
        for (metric, (expected, _)) in (0..).zip(&before) {
            let minutes = MinuteRange::new(Minute(FIRST_HOUR * 60), BEFORE);
            let wanted = Scan { metric, minutes, step_minutes: 1, wanted: Columns::SUM, series: None };
            let stats = scan(&*kv.snapshot(), &wanted, &mut SlabColumns::new(), &mut |batch| {
                for (row, id) in batch.columns.ids().iter().enumerate() {
                    let sum = batch.columns.sum_bits()[row].cast_signed();
                    assert_eq!(Some(&sum), expected.get(&(*id, batch.minute(row))), "a wrong number");
                }
                Ok(ControlFlow::Continue(()))
            });
            damaged += stats.unwrap().damage.blocks;
        }
        assert_eq!(damaged, 1, "byte {at}");
    }
}
