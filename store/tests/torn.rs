//! A machine that stops while RocksDB writes: what is on disk is a whole number of batches, in order.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::path::{Path, PathBuf};

use store::{Cf, Kv, KvBatch, RocksKv};

const BATCHES: u32 = 8;

#[test]
fn without_a_clean_end_every_commit_is_there() {
    let (disk, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _still_open = written(disk.path());
    copy_files(disk.path(), copy.path());
    assert_eq!(batches(copy.path()), Some(BATCHES));
}

#[test]
fn a_torn_tail_loses_whole_batches_from_the_end() {
    let disk = tempfile::tempdir().unwrap();
    let _still_open = written(disk.path());
    let bytes = std::fs::metadata(wal(disk.path())).unwrap().len();
    let mut before = Some(BATCHES);
    for cut in (0..bytes).rev().step_by(97) {
        let copy = tempfile::tempdir().unwrap();
        copy_files(disk.path(), copy.path());
        std::fs::OpenOptions::new().write(true).open(wal(copy.path())).unwrap().set_len(cut).unwrap();
        let left = batches(copy.path());
        assert!(left <= before, "{left:?} batches after a cut at {cut}, {before:?} after a later one");
        before = left;
    }
    assert!(before <= Some(1), "the earliest cut leaves next to nothing, not {before:?}");
}

/// A store that is not closed. Each batch writes its number into two families.
fn written(dir: &Path) -> RocksKv {
    let kv = RocksKv::open(dir).unwrap();
    for number in 1..=BATCHES {
        let mut batch = KvBatch::new();
        batch.put(Cf::State, b"number".to_vec(), number.to_be_bytes());
        batch.put(Cf::Slabs, number.to_be_bytes(), vec![number as u8; 200]);
        kv.commit(batch).unwrap();
    }
    kv
}

/// How many batches are there: 1, 2 … n, each whole, and nothing of the next.
fn batches(dir: &Path) -> Option<u32> {
    let kv = RocksKv::open(dir).unwrap();
    let number = kv.get(Cf::State, b"number").unwrap();
    let number = number.map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
    for one in 1..=BATCHES {
        let expected = (Some(one) <= number).then(|| vec![one as u8; 200]);
        assert_eq!(kv.get(Cf::Slabs, &one.to_be_bytes()).unwrap(), expected, "batch {one} of {number:?}");
    }
    number
}

/// The write-ahead log that holds the batches.
fn wal(dir: &Path) -> PathBuf {
    let logs = files(dir).into_iter().filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
}

/// As the disk is, without asking RocksDB.
fn copy_files(from: &Path, to: &Path) {
    for file in files(from) {
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}
