//! One suite for every disk.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::ops::ControlFlow;
use std::path::Path;

use store::{Cf, CrashPoint, Kv, KvBatch, KvSnapshot, MemoryKv, RocksKv, StoreError};

/// Runs a script against both kinds of disk. Steps are separated by `; `:
///
/// `s k=v` puts into Slabs, `t …` into State, `e …` into Series; `s k-` deletes; `s a..c-` deletes a range; `commit`
/// applies what was gathered; `snap` takes a snapshot; `s?` lists the family now, `s@` as of the snapshot, `s?a..c`
/// a range of it, `s!k` reads one key.
#[track_caller]
fn check(script: &str, expected: &str) {
    assert_eq!(run(&MemoryKv::new(), script), expected, "in memory");
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(&RocksKv::open(dir.path()).unwrap(), script), expected, "on RocksDB");
}

#[test]
fn a_batch_is_applied_in_order() {
    check("s a=1; s b=2; commit; s?", "a=1 b=2");
    check("s a=1; s a=2; commit; s?", "a=2");
    check("s a=1; s a-; commit; s?", "");
    check("s a-; s a=1; commit; s?", "a=1");
    check("s a=1; s b=1; s c=1; commit; s a..c-; s b=2; commit; s?", "b=2 c=1");
    check("s a=1; s b=1; s a..z-; commit; s?", "");
    check("s a=1; commit; s c..a-; s a..a-; commit; s?", "a=1");
    check("s a=1; s?; commit; s?", " a=1");
    check("commit; s?", "");
}

#[test]
fn families_do_not_see_each_other() {
    check("s a=1; e a=2; t a=3; commit; s?; e?; t?", "a=1 a=2 a=3");
    check("s a=1; t a=3; commit; s a..z-; commit; s?; t?; s!a; t!a", " a=3 none 3");
}

#[test]
fn a_range_holds_its_start_and_not_its_end() {
    let filled = "s a=1; s b=2; s bb=3; s c=4; commit";
    check(&format!("{filled}; s?b..c"), "b=2 bb=3");
    check(&format!("{filled}; s?c..a"), "");
    check(&format!("{filled}; s?b..b"), "");
    check(&format!("{filled}; s?d..e"), "");
}

#[test]
fn a_snapshot_does_not_change() {
    check("s a=1; s b=1; commit; snap; s a=2; s b-; s c=1; commit; s@; s?", "a=1 b=1 a=2 c=1");
    check("snap; s a=1; commit; s@; s?", " a=1");
    check("s a=1; s b=1; commit; snap; s a..z-; commit; s@; s?", "a=1 b=1 ");
}

#[test]
fn empty_and_large_values_come_back() {
    both(|kv| {
        let large: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        let mut batch = KvBatch::new();
        batch.put(Cf::Slabs, b"large".to_vec(), large.clone());
        batch.put(Cf::State, b"empty".to_vec(), Vec::new());
        batch.put(Cf::State, vec![0xff; 20], vec![0, 255]);
        kv.commit(batch).unwrap();
        assert_eq!(kv.get(Cf::Slabs, b"large").unwrap(), Some(large));
        assert_eq!(kv.get(Cf::State, b"empty").unwrap(), Some(Vec::new()));
        assert_eq!(kv.get(Cf::State, &[0xff; 20]).unwrap(), Some(vec![0, 255]));
        assert_eq!(kv.snapshot().get(Cf::State, b"empty").unwrap(), Some(Vec::new()));
        assert!(kv.disk_bytes() >= 3_000_000, "{}", kv.disk_bytes());
    });
}

#[test]
fn a_range_stops_where_it_is_told_and_hands_errors_on() {
    both(|kv| {
        run(kv, "s a=1; s b=2; s c=3; commit");
        let (mut seen, snapshot) = (Vec::new(), kv.snapshot());
        let stopped = snapshot.range(Cf::Slabs, b"a", b"z", &mut |key, _| {
            seen.push(key.to_vec());
            Ok(if key == b"b" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        assert_eq!((stopped, seen), (Ok(()), vec![b"a".to_vec(), b"b".to_vec()]));
        let failed = snapshot.range(Cf::Slabs, b"a", b"z", &mut |_, _| Err(StoreError::Crashed));
        assert_eq!(failed, Err(StoreError::Crashed));
    });
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let kv = RocksKv::open(dir.path()).unwrap();
        let before = run(&kv, "s?");
        assert_eq!(before.split_whitespace().count(), round);
        run(&kv, &format!("s k{round}=v; commit; s lost=v"));
    }
}

#[test]
fn a_directory_in_use_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let _first = RocksKv::open(dir.path()).unwrap();
    let error = RocksKv::open(dir.path()).err().unwrap();
    assert_eq!(error, StoreError::Locked { dir: dir.path().to_owned() });
    assert!(error.to_string().contains("in use by another process: stop that process"), "{error}");
}

#[test]
fn a_path_that_is_a_file_is_refused_with_the_way_out() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = RocksKv::open(file.path()).err().unwrap();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("check that the disk"), "{error}");
}

#[test]
fn damaged_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(RocksKv::open(dir.path()).unwrap());
    damage(dir.path(), "MANIFEST");
    let error = RocksKv::open(dir.path()).err().unwrap();
    assert!(matches!(&error, StoreError::Corrupt { dir: named, .. } if named == dir.path()), "{error:?}");
}

#[test]
fn a_crash_before_a_commit_loses_all_of_it_and_one_after_none() {
    crash(CrashPoint::BeforeCommit, 0, "a=0", 1);
    crash(CrashPoint::AfterCommit, 0, "a=1 b=1", 2);
    crash(CrashPoint::BeforeCommit, 1, "a=1 b=1", 2);
    crash(CrashPoint::AfterCommit, 1, "a=2 b=2", 3);
}

/// Commits a state at 0, plans a crash, commits states 1 and 2, and looks at what is there after the restart.
#[track_caller]
fn crash(point: CrashPoint, commits: u64, expected: &str, applied: u64) {
    let kv = MemoryKv::new();
    run(&kv, "s a=0; commit");
    kv.crash_at(point, commits);
    let results: Vec<bool> = (1..=2).map(|n| kv.commit(state(n)).is_ok()).collect();
    assert_eq!(results, [commits == 1, false]);
    assert_eq!(kv.get(Cf::Slabs, b"a"), Err(StoreError::Crashed));
    assert_eq!(kv.snapshot().get(Cf::Slabs, b"a"), Err(StoreError::Crashed));
    let same_disk = kv.clone();
    same_disk.restart();
    assert_eq!((run(&same_disk, "s?").as_str(), kv.commits()), (expected, applied));
    kv.commit(state(9)).unwrap();
}

fn state(n: u32) -> KvBatch {
    let mut batch = KvBatch::new();
    batch.put(Cf::Slabs, b"a".to_vec(), n.to_string());
    batch.put(Cf::Slabs, b"b".to_vec(), n.to_string());
    batch
}

/// Overwrites the middle of the one file with this prefix.
fn damage(dir: &Path, prefix: &str) {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let file = files
        .into_iter()
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle - 8..middle + 8].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(file, bytes).unwrap();
}

fn both(test: impl Fn(&dyn Kv)) {
    test(&MemoryKv::new());
    let dir = tempfile::tempdir().unwrap();
    test(&RocksKv::open(dir.path()).unwrap());
}

fn run(kv: &dyn Kv, script: &str) -> String {
    let (mut batch, mut snapshot, mut said) = (KvBatch::new(), None, Vec::new());
    for step in script.split("; ") {
        match step {
            "commit" => kv.commit(std::mem::take(&mut batch)).expect("commits"),
            "snap" => snapshot = Some(kv.snapshot()),
            _ => said.extend(change_or_ask(kv, snapshot.as_deref(), &mut batch, step)),
        }
    }
    said.join(" ")
}

fn change_or_ask(
    kv: &dyn Kv,
    snapshot: Option<&dyn KvSnapshot>,
    batch: &mut KvBatch,
    step: &str,
) -> Option<String> {
    let (cf, what) = (family(step), &step[1..]);
    let ends = |range: &str| range.split_once("..").map(|(a, b)| (a.to_owned(), b.to_owned()));
    if let Some(range) = what.strip_prefix('?') {
        let (from, to) = ends(range).unwrap_or((String::new(), "~".into()));
        return Some(list(&*kv.snapshot(), cf, &from, &to));
    }
    if what == "@" {
        return Some(list(snapshot.expect("snap came before"), cf, "", "~"));
    }
    if let Some(key) = what.strip_prefix('!') {
        let value = kv.get(cf, key.as_bytes()).expect("reads");
        return Some(value.map_or("none".into(), |value| String::from_utf8(value).expect("text")));
    }
    let what = what.trim_start();
    match (what.split_once('='), what.strip_suffix('-').map(|key| (ends(key), key))) {
        (Some((key, value)), _) => batch.put(cf, key, value),
        (None, Some((Some((from, to)), _))) => batch.delete_range(cf, from, to),
        (None, Some((None, key))) => batch.delete(cf, key),
        _ => panic!("unknown step {step:?}"),
    }
    None
}

fn family(step: &str) -> Cf {
    match step.as_bytes()[0] {
        b's' => Cf::Slabs,
        b'e' => Cf::Series,
        b't' => Cf::State,
        _ => panic!("unknown step {step:?}"),
    }
}

fn list(snapshot: &dyn KvSnapshot, cf: Cf, from: &str, to: &str) -> String {
    let mut found = Vec::new();
    let each = &mut |key: &[u8], value: &[u8]| {
        found.push(format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value)));
        Ok(ControlFlow::Continue(()))
    };
    snapshot.range(cf, from.as_bytes(), to.as_bytes(), each).expect("reads");
    found.join(" ")
}
