//! A family whose file is damaged: deleting its keys leaves the damage there for RocksDB to stop at; renewing does not.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use store::{Cf, Kv, KvBatch, MemoryKv, RocksKv, StoreError};

const KEYS: u32 = 2_000;
/// What a file's properties say of its family: the end of a name, and its value.
const OF_HINTS: &[u8] = b"namehints";

#[test]
fn deleted_keys_leave_the_damage_where_rocksdb_stops_at_it() {
    let dir = damaged();
    let kv = RocksKv::open(dir.path()).unwrap();
    let mut batch = KvBatch::new();
    batch.delete_range(Cf::Hints, [], [u8::MAX; 8]);
    kv.commit(batch).unwrap();
    kv.settle_hints().unwrap();
    kv.reclaim(Cf::Hints, 0).unwrap();
    let stopped = kv.commit(one(Cf::State)).unwrap_err();
    assert!(stopped.is_damage(), "{stopped}");
}

#[test]
fn a_renewed_family_is_empty_and_all_goes_on() {
    let dir = damaged();
    for round in 0..3 {
        let kv = RocksKv::open(dir.path()).unwrap();
        if round == 0 {
            kv.renew(Cf::Hints).unwrap();
        }
        assert_eq!(read(&kv), Ok(round));
        kv.settle_hints().unwrap();
        let mut batch = KvBatch::new();
        batch.put(Cf::Hints, (round as u32).to_be_bytes(), [7; 100]);
        batch.append(one(Cf::State));
        kv.commit(batch).unwrap();
        kv.reclaim(Cf::Hints, 0).unwrap();
        kv.commit(one(Cf::State)).unwrap();
        assert_eq!(kv.get(Cf::State, b"one").unwrap(), Some(vec![1]), "other families are as they were");
    }
    assert_eq!(files_of_hints(dir.path()).iter().filter(|file| read_has(file, &[9; 100])).count(), 0);
}

#[test]
fn a_disk_in_memory_renews_too() {
    let kv = MemoryKv::new();
    let mut batch = one(Cf::State);
    batch.put(Cf::Hints, [1], [1]);
    kv.commit(batch).unwrap();
    kv.damage(Cf::Hints, &[1]);
    kv.renew(Cf::Hints).unwrap();
    assert_eq!((read(&kv), kv.get(Cf::State, b"one").unwrap()), (Ok(0), Some(vec![1])));
}

/// A store with a file of hints in which a byte is wrong.
fn damaged() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let kv = RocksKv::open(dir.path()).unwrap();
    let mut batch = one(Cf::State);
    (0..KEYS).for_each(|key| batch.put(Cf::Hints, key.to_be_bytes(), [9; 100]));
    kv.commit(batch).unwrap();
    drop(kv);
    drop(RocksKv::open(dir.path()).unwrap()); // what was in the write-ahead log becomes files
    let files = files_of_hints(dir.path());
    let [file] = &files[..] else { panic!("{files:?}") };
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
    assert!(matches!(read(&RocksKv::open(dir.path()).unwrap()), Err(StoreError::Corrupt { .. })));
    dir
}

fn one(cf: Cf) -> KvBatch {
    let mut batch = KvBatch::new();
    batch.put(cf, *b"one", [1]);
    batch
}

/// How many keys the hints have.
fn read(kv: &dyn Kv) -> Result<usize, StoreError> {
    let mut keys = 0;
    kv.snapshot().range(Cf::Hints, &[], &[u8::MAX; 8], &mut |_, _| {
        keys += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(keys)
}

fn files_of_hints(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|end| end == "sst") && read_has(path, OF_HINTS))
        .collect()
}

fn read_has(file: &Path, bytes: &[u8]) -> bool {
    std::fs::read(file).unwrap().windows(bytes.len()).any(|window| window == bytes)
}
