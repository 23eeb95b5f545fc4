//! What a person sees of a segment file, whatever state it is in, and that looking changes nothing.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use partition_log::{EmbeddedLog, Inspected, LogConfig, OpenError, append_blocking, inspect};

/// A directory with a log of three records, and its one segment.
fn written() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), LogConfig::default()).unwrap().log;
    for record in ["one", "two", "three"] {
        append_blocking(&log, Bytes::from(record)).unwrap();
    }
    drop(log);
    let file = dir.path().join("00000000000000000000.log");
    (dir, file)
}

/// The records and the verdict, after `spoil` did something to the file.
fn inspected(spoil: impl FnOnce(&mut Vec<u8>)) -> Result<(String, Inspected), OpenError> {
    let (_dir, file) = written();
    let mut content = fs::read(&file).unwrap();
    spoil(&mut content);
    fs::write(&file, &content).unwrap();
    let mut seen = Vec::new();
    let found = inspect(&file, |offset, position, record| {
        seen.push(format!("{offset}@{position}={}", String::from_utf8_lossy(record)));
    });
    assert_eq!(fs::read(&file).unwrap(), content, "looking changes nothing");
    Ok((seen.join(" "), found?))
}

#[test]
fn a_good_segment() {
    let (seen, found) = inspected(|_| ()).unwrap();
    assert_eq!(seen, "0@24=one 1@47=two 2@70=three");
    assert_eq!(found, Inspected { version: 1, base: 0, end: 3, good_bytes: 95, rest: None });
}

#[test]
fn a_torn_tail() {
    let (seen, found) = inspected(|content| content.extend([0; 30])).unwrap();
    assert_eq!(seen, "0@24=one 1@47=two 2@70=three");
    assert_eq!(found.rest.unwrap(), "30 bytes that an open will cut as torn: a record's checksum is wrong");
}

#[test]
fn damage_in_the_middle() {
    let (seen, found) = inspected(|content| content[67] ^= 1).unwrap();
    assert_eq!((seen.as_str(), found.end, found.good_bytes), ("0@24=one", 1, 47));
    assert_eq!(found.rest.unwrap(), "DAMAGED: a record's checksum is wrong; good record 2 follows");
}

#[test]
fn no_segment_at_all() {
    let refused = inspected(|content| content[0] = b'X').unwrap_err().to_string();
    assert!(refused.contains("this is no log segment (wrong magic)"), "{refused}");
    let refused = inspect(&PathBuf::from("/tmp/notes.txt"), |_, _, _| ()).unwrap_err().to_string();
    assert!(refused.contains("a segment is named by 20 digits and `.log`"), "{refused}");
}

#[test]
fn an_open_of_a_real_directory_cuts_and_reports() {
    let (dir, file) = written();
    let mut content = fs::read(&file).unwrap();
    content.truncate(94);
    fs::write(&file, &content).unwrap();
    fs::write(dir.path().join("notes.txt"), "not a segment").unwrap();
    let report = EmbeddedLog::open(dir.path(), LogConfig::default()).unwrap().report;
    assert_eq!((report.records(), report.torn_bytes_cut, report.torn_file), (2, 24, Some(file.clone())));
    assert_eq!(fs::read(&file).unwrap().len(), 70);
    assert!(dir.path().join("notes.txt").exists(), "what is not ours is left alone");
}
