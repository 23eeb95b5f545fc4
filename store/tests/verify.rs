//! A store as a seal leaves it, then damaged: what is named, and what is still read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use model::{Aggregate, LocalId, MetricId, Minute, MinuteRange, Number, Scalars, series_hash};
use store::{
    Cf, Columns, Kv, KvBatch, KvSnapshot, MetricRecord, RocksKv, Scan, SeriesRecord, SlabBlock, SlabColumns,
    SlabKey, StoreError, Verified, scan, series_key, verify,
};

const METRICS: u32 = 2;
const SERIES: u32 = 40;
const MINUTES: u32 = 120;

/// Values without a pattern, so that the blocks have a size.
fn row(minute: u32, id: LocalId) -> Aggregate {
    let value = (u64::from(minute) * 7_919 + u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Aggregate::of(Scalars::of(Number::Int((value >> 24) as i64)))
}

fn metric_of(id: LocalId) -> MetricId {
    id % METRICS
}

fn key(metric: MetricId, minute: u32) -> SlabKey {
    SlabKey { metric, minute: Minute(minute), seal_offset: u64::from(minute) }
}

fn block(metric: MetricId, minute: u32) -> Vec<u8> {
    let rows: Vec<_> =
        (0..SERIES).filter(|id| metric_of(*id) == metric).map(|id| (id, row(minute, id))).collect();
    SlabBlock::of(rows.iter().map(|(id, row)| (*id, row))).encode().unwrap()
}

/// Dictionary and slabs, on disk in files.
fn written(dir: &Path) {
    let kv = RocksKv::open(&dir.join("open")).unwrap();
    let mut batch = KvBatch::new();
    for id in 0..METRICS {
        MetricRecord { account: "shop", metric: &format!("m{id}") }.put(id, &mut batch);
    }
    for id in 0..SERIES {
        let (metric, host) = (metric_of(id), id.to_string());
        let dims = [("Host", host.as_str())];
        let hash = series_hash("shop", &format!("m{metric}"), dims.into_iter(), &mut Vec::new());
        SeriesRecord::put(id, hash, metric, dims.into_iter(), &mut batch);
    }
    for minute in 0..MINUTES {
        for metric in 0..METRICS {
            batch.put(Cf::Slabs, key(metric, minute).to_bytes(), block(metric, minute));
        }
    }
    kv.commit(batch).unwrap();
    kv.checkpoint(&dir.join("store")).unwrap();
}

fn verified(dir: &Path) -> Verified {
    verify(&*RocksKv::open_read_only(dir).unwrap().snapshot(), &mut |_| {})
}

#[test]
fn a_sound_store_is_read_in_full() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    let mut bytes = 0;
    let kv = RocksKv::open_read_only(&dir.path().join("store")).unwrap();
    let found = verify(&*kv.snapshot(), &mut |more| bytes += more);
    assert_eq!((found.damaged, found.series, found.metrics), (0, SERIES.into(), METRICS.into()));
    let slabs = found.families.iter().find(|family| family.cf == Cf::Slabs).unwrap();
    assert_eq!((slabs.keys, slabs.rows), ((METRICS * MINUTES).into(), (SERIES * MINUTES).into()));
    assert_eq!(bytes, found.families.iter().map(|family| family.bytes).sum::<u64>());
}

#[test]
fn what_does_not_fit_together_is_named() {
    check(|batch| batch.put(Cf::Slabs, key(0, 5).to_bytes(), *b"nonsense"), "minute 5");
    check(|batch| batch.put(Cf::Slabs, *b"short", *b""), "is not 16 bytes long");
    check(|batch| batch.put(Cf::Slabs, key(1, 5).to_bytes(), block(0, 5)), "series 0 is one of metric 0");
    check(|batch| batch.delete(Cf::Series, series_key(7)), "8 stands where 7 is due");
    check(|batch| batch.put(Cf::Series, series_key(u32::MAX), *b""), "stands where 40 is due");
    check(|batch| batch.put(Cf::Series, *b"X", *b""), "it is no metric's and no series'");
    check(
        |batch| MetricRecord { account: "shop", metric: "renamed" }.put(1, batch),
        "its hash is not that of its words",
    );
}

#[track_caller]
fn check(damage: impl FnOnce(&mut KvBatch), expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    let kv = RocksKv::open(&dir.path().join("store")).unwrap();
    let mut batch = KvBatch::new();
    damage(&mut batch);
    kv.commit(batch).unwrap();
    let found = verify(&*kv.snapshot(), &mut |_| {});
    assert!(
        found.damage.iter().any(|line| line.contains(expected)),
        "{expected}: {:?}",
        found.damage.first()
    );
}

/// One bit in every 512 bytes of every file: the store says so when it is opened or walked, or every block is as it
/// was.
#[test]
fn a_bit_that_turns_is_found_or_harmless_and_costs_only_its_block() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    let store = dir.path().join("store");
    let whole = verified(&store);
    let (mut named, mut refused, mut harmless) = (0, 0, 0);
    for file in files(&store) {
        let sound = fs::read(&file).unwrap();
        for at in (0..sound.len()).step_by(512) {
            let mut bytes = sound.clone();
            let at = (at + at / 512 * 37 % 512).min(sound.len() - 1);
            bytes[at] ^= 1 << (at % 8);
            fs::remove_file(&file).unwrap(); // a new file, in case this one is linked
            fs::write(&file, bytes).unwrap();
            match RocksKv::open_read_only(&store) {
                Err(_) => refused += 1,
                Ok(kv) => {
                    let found = verify(&*kv.snapshot(), &mut |_| {});
                    let lost = blocks_lost(&*kv.snapshot());
                    match found.damaged {
                        0 => assert_eq!((&found, lost), (&whole, 0), "{} at {at}", file.display()),
                        _ => assert!(lost < METRICS * MINUTES, "{} at {at}: all is lost", file.display()),
                    }
                    *(if found.damaged == 0 { &mut harmless } else { &mut named }) += 1;
                }
            }
        }
        fs::write(&file, &sound).unwrap();
    }
    assert!(
        named > 0 && refused > 0 && harmless > 0,
        "{named} named, {refused} refused, {harmless} harmless"
    );
}

/// Blocks that cannot be read; every other is what was written.
fn blocks_lost(snapshot: &dyn KvSnapshot) -> u32 {
    let mut columns = SlabColumns::new();
    let mut read = |metric, minute| -> Result<bool, StoreError> {
        let Some(value) = snapshot.get(Cf::Slabs, &key(metric, minute).to_bytes())? else { return Ok(false) };
        columns.read(&value, Columns::SCALARS)?;
        for at in 0..columns.len() {
            assert_eq!(columns.scalars(at), row(minute, columns.ids()[at]).scalars, "a wrong number");
        }
        Ok(true)
    };
    let all = (0..METRICS).flat_map(|metric| (0..MINUTES).map(move |minute| (metric, minute)));
    let lost = all.filter(|(metric, minute)| match read(*metric, *minute) {
        Ok(there) => {
            assert!(there, "a block of minute {minute} is gone in silence");
            false
        }
        Err(_) => true,
    });
    let lost = u32::try_from(lost.count()).unwrap();
    let (scanned, damaged) = scanned(snapshot);
    assert!(scanned + lost <= METRICS * MINUTES, "what is damaged is not in a scan");
    assert_eq!(scanned < METRICS * MINUTES, damaged, "what a scan leaves out, it says");
    assert!(lost == 0 || scanned > 0, "a scan goes on behind what is damaged");
    lost
}

/// Blocks that a scan brings, each as it was written, and whether it says that there are more.
fn scanned(snapshot: &dyn KvSnapshot) -> (u32, bool) {
    let (mut blocks, mut damaged) = (0, false);
    for metric in 0..METRICS {
        let minutes = MinuteRange::new(Minute(0), Minute(MINUTES));
        let wanted = Scan { metric, minutes, step_minutes: 1, wanted: Columns::SCALARS, series: None };
        let stats = scan(snapshot, &wanted, &mut SlabColumns::new(), &mut |batch| {
            blocks += 1;
            for (at, id) in batch.columns.ids().iter().enumerate() {
                let expected = row(batch.minute(at).0, *id).scalars;
                assert_eq!(batch.columns.scalars(at), expected, "a wrong number");
            }
            Ok(ControlFlow::Continue(()))
        });
        damaged |= stats.unwrap().damage.blocks > 0;
    }
    (blocks, damaged)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
