//! Log segments: what they hold, how far they are good, and their newest records.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use partition_log::{Inspected, Offset, OpenError};
use serde::Serialize;

use super::Wanted;
use super::record::LogRecord;

/// A segment's header. A crash, or a server at this moment, leaves a last segment that is no longer than this.
const HEADER_BYTES: u64 = 24;

/// The segments of a partition.
#[derive(Debug, Serialize)]
pub(super) struct Log {
    pub(super) start: Offset,
    /// One past the newest good record.
    pub(super) end: Offset,
    pub(super) bytes: u64,
    pub(super) segments: Vec<Segment>,
    /// Oldest first.
    pub(super) newest: Vec<LogRecord>,
}

/// One file.
#[derive(Debug, Serialize)]
pub(super) struct Segment {
    pub(super) file: String,
    pub(super) version: Option<u32>,
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// `good`, or what stands behind the last good record.
    pub(super) state: String,
}

// === impl Log ===

impl Log {
    pub(super) fn of_dir(dir: &Path, wanted: Wanted, damage: &mut Vec<String>) -> Self {
        Self::with_newest(&listed(dir, damage), wanted, damage)
    }

    pub(super) fn of_segment(file: &Path, wanted: Wanted, damage: &mut Vec<String>) -> Self {
        Self::with_newest(&[file.to_owned()], wanted, damage)
    }

    fn with_newest(files: &[PathBuf], wanted: Wanted, damage: &mut Vec<String>) -> Self {
        let mut log = Self::of_files(files, damage, &mut |_, _| {});
        log.newest = newest(files, log.end, wanted, damage);
        log
    }

    /// Every record decoded in full, and none kept.
    pub(super) fn verify(dir: &Path, damage: &mut Vec<String>, moved: &mut dyn FnMut(u64)) -> Self {
        let mut unreadable = Vec::new();
        let log = Self::of_files(&listed(dir, damage), damage, &mut |offset, bytes| {
            unreadable.extend(LogRecord::decode(offset, bytes, 0).damage());
            moved(bytes.len() as u64);
        });
        damage.extend(unreadable.into_iter().map(|what| format!("{}: {what}", dir.display())));
        log
    }

    fn of_files(files: &[PathBuf], damage: &mut Vec<String>, each: EachRecord<'_>) -> Self {
        let mut segments: Vec<Segment> = Vec::new();
        for (at, file) in files.iter().enumerate() {
            let is_last = at + 1 == files.len();
            let Some(segment) = Segment::read(file, is_last, damage, each) else { continue };
            if let Some(before) = segments.last()
                && before.end != segment.base
            {
                damage.push(format!(
                    "{}: begins with record {}, record {} should follow",
                    segment.file, segment.base, before.end
                ));
            }
            segments.push(segment);
        }
        let start = segments.first().map_or(0, |segment| segment.base);
        let end = segments.last().map_or(0, |segment| segment.end);
        let bytes = segments.iter().map(|segment| segment.bytes).sum();
        Self { start, end, bytes, segments, newest: Vec::new() }
    }

    /// A checkpoint that this log does not continue.
    pub(super) fn misfit(&self, dir: &Path, position: Offset) -> Option<String> {
        let at = dir.display();
        if self.start > position {
            return Some(format!(
                "{at}: begins at record {}, the checkpoint replays from {position}",
                self.start
            ));
        }
        // A record is durable before a checkpoint names it; read again, because a server may have gone on.
        let end =
            if self.end < position { Self::of_dir(dir, NOTHING, &mut Vec::new()).end } else { self.end };
        (end < position)
            .then(|| format!("{at}: ends at record {end}, the checkpoint replays from {position}"))
    }
}

const NOTHING: Wanted = Wanted { records: 0, rows: 0, blocks: false };

// === impl Segment ===

impl Segment {
    /// `None` of a file that a running server has released since it was listed.
    fn read(file: &Path, is_last: bool, damage: &mut Vec<String>, each: EachRecord<'_>) -> Option<Self> {
        let base = base_of(file)?;
        let bytes = std::fs::metadata(file).map_or(0, |about| about.len());
        let name = file.display().to_string();
        let (inspected, state) = match partition_log::inspect(file, |offset, _, bytes| each(offset, bytes)) {
            Ok(inspected) => {
                let state = state(&inspected, is_last, &name, damage);
                (Some(inspected), state)
            }
            Err(OpenError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return None,
            Err(_) if is_last && bytes <= HEADER_BYTES => {
                (None, "no header yet: nothing was written to it".to_owned())
            }
            Err(why) => {
                damage.push(why.to_string());
                (None, "DAMAGED: see the end".to_owned())
            }
        };
        let end = inspected.as_ref().map_or(base, |segment| segment.end);
        let version = inspected.map(|segment| segment.version);
        Some(Self { file: name, version, base, end, records: end - base, bytes, state })
    }
}

/// What is called with every good record.
type EachRecord<'a> = &'a mut dyn FnMut(Offset, &[u8]);

/// The segments of a directory; one that cannot be listed is damage.
fn listed(dir: &Path, damage: &mut Vec<String>) -> Vec<PathBuf> {
    segments_in(dir).unwrap_or_else(|why| {
        damage.push(format!("cannot list {}: {why}", dir.display()));
        Vec::new()
    })
}

/// Only the last segment may have a torn tail: every other was durable as a whole before the next began.
fn state(inspected: &Inspected, is_last: bool, name: &str, damage: &mut Vec<String>) -> String {
    match &inspected.rest {
        None => "good".to_owned(),
        Some(rest) if is_last && !rest.starts_with("DAMAGED") => rest.clone(),
        Some(rest) => {
            damage.push(format!(
                "{name}: at byte {}, after record {}: {rest}",
                inspected.good_bytes, inspected.end
            ));
            rest.clone()
        }
    }
}

/// The segments in a directory, oldest first.
fn segments_in(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if base_of(&path).is_some() {
            files.push(path);
        }
    }
    files.sort_unstable(); // 20 digits: by name is by number
    Ok(files)
}

/// The base offset that a segment's name says, if it is one.
pub(super) fn base_of(file: &Path) -> Option<Offset> {
    let digits = file.file_name()?.to_str()?.strip_suffix(".log")?;
    let is_ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_ours.then(|| digits.parse().ok()).flatten()
}

/// The newest records below `end`, decoded; only the files that hold them are read again.
fn newest(files: &[PathBuf], end: Offset, wanted: Wanted, damage: &mut Vec<String>) -> Vec<LogRecord> {
    let first = end.saturating_sub(wanted.records as u64);
    let mut records = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let next_base = files.get(at + 1).and_then(|next| base_of(next));
        if first == end || next_base.is_some_and(|base| base <= first) {
            continue;
        }
        // A file that cannot be read has been named already.
        let _named_already = partition_log::inspect(file, |offset, _, bytes| {
            if (first..end).contains(&offset) {
                records.push(LogRecord::decode(offset, bytes, wanted.rows));
            }
        });
    }
    damage.extend(records.iter().flat_map(LogRecord::damage));
    records
}
