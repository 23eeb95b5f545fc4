//! Records of a checkpoint that contradict each other under good checksums: what cannot be rebuilt is an error at the
//! start, and nothing is left for the next Seal to fall over.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod support;

use std::ops::ControlFlow;

use aggregator::{Island, IslandLimits, STATE_VERSION};
use model::{Aggregate, Number, Scalars};
use roaring::RoaringBitmap;
use store::{CHECKPOINT_KEY, Cf, Kv, KvBatch, MemoryKv, SlabBlock, series_key};
use support::{TestRow, replay, rows_record, seal_record};

const CRC_BYTES: usize = 4;
/// Version, position, sealed, minute, series, metrics, forgotten: then the rows received.
const RECEIVED_AT: usize = 1 + 8 + 1 + 4 + 4 + 4 + 4;
/// Version and number of series, then metric and hash of each.
const SAVED_AT: usize = 1 + 4;
const SAVED_BYTES: usize = 4 + 16;

#[test]
fn a_checkpoint_as_it_was_written_is_loaded() {
    let (mut island, disk) = house();
    goes_on(&mut Island::load(IslandLimits::DEFAULT, &*disk.snapshot()).unwrap(), &disk);
    goes_on(&mut island, &disk);
}

#[test]
fn books_that_do_not_balance() {
    let (_, disk) = house();
    change(&disk, Cf::State, CHECKPOINT_KEY, |head| head[RECEIVED_AT] += 1);
    refused(&disk, "its books do not balance");
}

#[test]
fn a_position_that_no_log_has() {
    let (_, disk) = house();
    change(&disk, Cf::State, CHECKPOINT_KEY, |head| head[1..9].copy_from_slice(&u64::MAX.to_le_bytes()));
    refused(&disk, "more than was ever counted");
}

#[test]
fn a_record_that_was_not_applied_is_remembered() {
    let (_, disk) = house();
    change(&disk, Cf::State, b"L", |witness| witness[2..10].copy_from_slice(&1_000u64.to_le_bytes()));
    refused(&disk, "record 1000 is remembered and not applied");
}

#[test]
fn rows_of_an_hour_that_is_forgotten() {
    let (_, disk) = house();
    change(&disk, Cf::State, CHECKPOINT_KEY, |head| head[RECEIVED_AT - 4..RECEIVED_AT].fill(0xff));
    refused(&disk, "is forgotten and has rows");
}

/// Before anything is made room for: columns of one value claim any number of rows in a few bytes.
#[test]
fn a_minute_of_more_rows_than_there_are_series() {
    let row = Aggregate::of(Scalars::of(Number::Int(1)));
    let block = SlabBlock::of((0..1_000_000).map(|id| (id, &row))).encode().unwrap();
    for tag in [b'O', b'P'] {
        let (_, disk) = house();
        put(&disk, Cf::State, &[&[tag][..], &u32::to_be_bytes(6_061)].concat(), block.clone());
        refused(&disk, "a minute has 1000000 rows of 6 series");
    }
}

#[test]
fn tombstones_of_what_is_not_there() {
    for (metric, id, by, expected) in [
        (0, 1, 0, "series 1 is deleted, and metric 0 has no such"),
        (9, 0, 0, "series 0 is deleted, and metric 9 has no such"),
        (0, 99, 0, "series 99 is deleted, and metric 0 has no such"),
        (0, 0, 1_000, "record 1000 has deleted and is not applied"),
    ] {
        let (_, disk) = house();
        put(&disk, Cf::State, &[&b"G"[..], &u32::to_be_bytes(metric)].concat(), tombstones(id, by));
        refused(&disk, expected);
    }
}

#[test]
fn a_series_that_is_numbered_twice() {
    let (_, disk) = house();
    let first = disk.get(Cf::Series, &series_key(0)).unwrap().unwrap();
    put(&disk, Cf::Series, &series_key(3), first);
    let mut batch = KvBatch::new();
    batch.delete_range(Cf::Hints, [0], [u8::MAX]);
    disk.commit(batch).unwrap();
    refused(&disk, "series 3 has the hash of one before");
}

/// These are saved beside the dictionary, and rebuilt from it.
#[test]
fn saved_series_that_are_not_those_of_the_hints() {
    const FIRST_HASH: std::ops::Range<usize> = SAVED_AT + 4..SAVED_AT + SAVED_BYTES;
    let damages: [fn(&mut Vec<u8>); 3] = [
        |saved| saved.copy_within(FIRST_HASH, FIRST_HASH.start + 3 * SAVED_BYTES),
        |saved| saved[SAVED_AT] = 1,
        |saved| saved[SAVED_AT..SAVED_AT + 4].fill(0xff),
    ];
    for damage in damages {
        let (whole, disk) = house();
        let key = first_key(&disk, b'D');
        change(&disk, Cf::Hints, &key, damage);
        let mut island = Island::load(IslandLimits::DEFAULT, &*disk.snapshot()).unwrap();
        assert_eq!((island.series(), island.counters()), (whole.series(), whole.counters()));
        goes_on(&mut island, &disk);
        goes_on(&mut Island::load(IslandLimits::DEFAULT, &*disk.snapshot()).unwrap(), &disk);
    }
}

/// Six series of three metrics, two minutes, two seals; everything is saved.
fn house() -> (Island, MemoryKv) {
    let (mut island, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
    let rows =
        |minute| -> Vec<TestRow> { (0..6).map(|series| TestRow { series, minute, value: 1.0 }).collect() };
    let log = [6_000, 6_060]
        .map(|minute| [rows_record(Some((7, 1, u64::from(minute))), &rows(minute)), seal_record(minute)]);
    replay(&mut island, &log.concat(), &disk);
    (island, disk)
}

/// Rows of known and new series, and a Seal.
fn goes_on(island: &mut Island, disk: &MemoryKv) {
    let minute = island.sealed_through().unwrap().0 + 1;
    let rows: Vec<TestRow> = (0..9).map(|series| TestRow { series, minute, value: 1.0 }).collect();
    for record in [rows_record(Some((7, 1, u64::from(minute))), &rows), seal_record(minute)] {
        let applied = island.apply(island.position(), &record).unwrap();
        applied.checkpoint.into_iter().for_each(|checkpoint| disk.commit(checkpoint.batch).unwrap());
    }
    assert!(island.series() == 9 && island.counters().balanced());
}

#[track_caller]
fn refused(disk: &MemoryKv, expected: &str) {
    let why = Island::load(IslandLimits::DEFAULT, &*disk.snapshot()).err().unwrap().to_string();
    assert!(why.contains(expected), "{why}");
}

/// Changes a record, and its checksum with it.
fn change(disk: &MemoryKv, cf: Cf, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let mut value = disk.get(cf, key).unwrap().unwrap();
    value.truncate(value.len() - CRC_BYTES);
    change(&mut value);
    put(disk, cf, key, sealed(value));
}

fn put(disk: &MemoryKv, cf: Cf, key: &[u8], value: Vec<u8>) {
    let mut batch = KvBatch::new();
    batch.put(cf, key, value);
    disk.commit(batch).unwrap();
}

fn sealed(mut record: Vec<u8>) -> Vec<u8> {
    record.extend_from_slice(&crc32c::crc32c(&record).to_le_bytes());
    record
}

fn tombstones(id: u32, by: u64) -> Vec<u8> {
    let mut ids = Vec::new();
    RoaringBitmap::from_iter([id]).serialize_into(&mut ids).unwrap();
    let length = u32::try_from(ids.len()).unwrap();
    sealed([&[STATE_VERSION][..], &by.to_le_bytes(), &length.to_le_bytes(), &ids].concat())
}

fn first_key(disk: &MemoryKv, tag: u8) -> Vec<u8> {
    let mut found = None;
    let mut each = |key: &[u8], _: &[u8]| {
        found = Some(key.to_vec());
        Ok(ControlFlow::Break(()))
    };
    disk.snapshot().range(Cf::Hints, &[tag], &[tag + 1], &mut each).unwrap();
    found.unwrap()
}
