//! Finds out what a directory holds, and cuts what a crash left half-written.
//!
//! In:    a directory.
//! Out:   the segments, the place where writing goes on, and a report.
//! Never: a cut through what was durable. That is damage, and an error.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::LogConfig;
use super::error::OpenError;
use super::frame::{BadHeader, FORMAT_VERSION, HEADER_BYTES, check_header, header};
use super::scan::{Place, Rest, Walked, walk, walk_from};
use super::segment::{Segment, SparseIndex, base_of, path_of};
use crate::disk::{Disk, DiskFile, read_full_at, write_all_at};
use crate::log::Offset;

/// What an open found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The oldest record.
    pub start: Offset,
    /// One past the newest record.
    pub end: Offset,
    /// Segment files.
    pub segments: usize,
    /// Bytes that a crash left behind the last good record and that were cut. No acknowledged record was in them.
    pub torn_bytes_cut: u64,
    /// The file they were cut from.
    pub torn_file: Option<PathBuf>,
    /// Damage among records that are not needed any more: the log begins behind the last of it.
    pub passed_over: Vec<PassedOver>,
}

/// Records that cannot be read, all of them below [`LogConfig::needed_from`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The segment.
    pub file: PathBuf,
    /// Where the first bad byte may be.
    pub position: u64,
    /// The first of these records.
    pub from: Offset,
    /// The one after the last of them, which is good.
    pub to: Offset,
    /// What is wrong with the first.
    pub reason: String,
}

impl Recovery {
    /// Records in the log.
    pub fn records(&self) -> u64 {
        self.end - self.start
    }
}

/// The segment that is written to.
pub(super) struct Active {
    pub(super) file: Box<dyn DiskFile>,
    /// Where the next frame goes; everything before is durable.
    pub(super) position: u64,
}

pub(super) struct Recovered {
    pub(super) segments: VecDeque<Segment>,
    pub(super) active: Active,
    pub(super) report: Recovery,
}

/// Opens the segments in `dir`, or makes the first one.
pub(super) fn recover(disk: &dyn Disk, dir: &Path, config: &LogConfig) -> Result<Recovered, OpenError> {
    disk.create_dir(dir).map_err(OpenError::io("create the directory", dir))?;
    let mut bases = bases(disk, dir)?;
    let Some(last) = bases.pop() else {
        return fresh(disk, dir, config);
    };
    let mut segments = VecDeque::new();
    for base in bases {
        segments.push_back(open_closed(disk, dir, base, config)?);
    }
    let Last { segment, active, end, torn_bytes_cut, passed_over } = open_last(disk, dir, last, config)?;
    let torn_file = (torn_bytes_cut > 0).then(|| segment.path.clone());
    segments.push_back(segment);
    let start = passed_over.last().map_or(segments[0].base, |hole| hole.to);
    let segments_now = segments.len();
    let report = Recovery { start, end, segments: segments_now, torn_bytes_cut, torn_file, passed_over };
    Ok(Recovered { segments, active, report })
}

/// Makes a segment and writes its header. Before a record goes in, [`settle`] makes both durable.
pub(super) fn draft(disk: &dyn Disk, dir: &Path, base: Offset) -> std::io::Result<Active> {
    begin(disk.create(&path_of(dir, base))?, base)
}

/// Makes the header and the name of a segment durable.
pub(super) fn settle(disk: &dyn Disk, dir: &Path, active: &Active) -> std::io::Result<()> {
    active.file.sync()?;
    disk.sync_dir(dir)
}

fn begin(file: Box<dyn DiskFile>, base: Offset) -> std::io::Result<Active> {
    write_all_at(file.as_ref(), &header(base), 0)?;
    Ok(Active { file, position: HEADER_BYTES as u64 })
}

fn bases(disk: &dyn Disk, dir: &Path) -> Result<Vec<Offset>, OpenError> {
    let paths = disk.list(dir).map_err(OpenError::io("list the directory", dir))?;
    let mut bases: Vec<Offset> = paths.iter().filter_map(|path| base_of(path)).collect();
    bases.sort_unstable();
    Ok(bases)
}

fn fresh(disk: &dyn Disk, dir: &Path, config: &LogConfig) -> Result<Recovered, OpenError> {
    let create = || {
        let active = draft(disk, dir, 0)?;
        settle(disk, dir, &active).map(|()| active)
    };
    let active = create().map_err(OpenError::io("create a segment", &path_of(dir, 0)))?;
    let index = SparseIndex::new(0, config.index_every_bytes);
    let segments = VecDeque::from([Segment::new(dir, 0, active.position, index)]);
    let report = Recovery {
        start: 0,
        end: 0,
        segments: 1,
        torn_bytes_cut: 0,
        torn_file: None,
        passed_over: Vec::new(),
    };
    Ok(Recovered { segments, active, report })
}

/// A segment that is not the last was durable as a whole before the next one began. Its records are checked when
/// they are read; here only that it is ours.
fn open_closed(disk: &dyn Disk, dir: &Path, base: Offset, config: &LogConfig) -> Result<Segment, OpenError> {
    let path = path_of(dir, base);
    let file = disk.open(&path).map_err(OpenError::io("open", &path))?;
    let bytes = file.len().map_err(OpenError::io("measure", &path))?;
    let mut head = [0; HEADER_BYTES];
    let read = read_full_at(file.as_ref(), &mut head, 0).map_err(OpenError::io("read", &path))?;
    check_header(&head[..read], base).map_err(|bad| bad_header(bad, &path))?;
    Ok(Segment::new(dir, base, bytes, SparseIndex::new(base, config.index_every_bytes)))
}

struct Last {
    segment: Segment,
    active: Active,
    end: Offset,
    torn_bytes_cut: u64,
    passed_over: Vec<PassedOver>,
}

fn open_last(disk: &dyn Disk, dir: &Path, base: Offset, config: &LogConfig) -> Result<Last, OpenError> {
    let path = path_of(dir, base);
    let file = disk.open(&path).map_err(OpenError::io("open", &path))?;
    let content = read_all(file.as_ref(), &path)?;
    let mut index = SparseIndex::new(base, config.index_every_bytes);
    if let Some(cut) = torn_header(&content, base, &path)? {
        file.truncate(0).map_err(OpenError::io("cut the torn header", &path))?;
        let active = begin(file, base).map_err(OpenError::io("write the header", &path))?;
        settle(disk, dir, &active).map_err(OpenError::io("sync", &path))?;
        let segment = Segment::new(dir, base, active.position, index);
        return Ok(Last { segment, active, end: base, torn_bytes_cut: cut, passed_over: Vec::new() });
    }
    let mut passed_over = Vec::new();
    let mut walked = walk(&content, base, |position, frame| index.note(frame.offset, position));
    while let Some((hole, follows)) = hole_of(&walked, &path, config.needed_from) {
        passed_over.push(hole);
        index.begin_again(follows.offset, follows.position as u64);
        walked = walk_from(&content, follows, |position, frame| index.note(frame.offset, position));
    }
    let torn_bytes_cut = tail_to_cut(&walked, content.len(), &path)?;
    let position = walked.position as u64;
    if torn_bytes_cut > 0 {
        file.truncate(position).map_err(OpenError::io("cut the torn tail", &path))?;
    }
    // A killed process leaves records in the page cache: they become durable before anybody reads them.
    file.sync().map_err(OpenError::io("sync", &path))?;
    disk.sync_dir(dir).map_err(OpenError::io("sync", dir))?;
    let segment = Segment::new(dir, base, position, index);
    let active = Active { file, position };
    Ok(Last { segment, active, end: walked.end, torn_bytes_cut, passed_over })
}

/// Damage whose records nobody needs any more, and the good record after it.
///
/// The one that follows belongs to a later group than the first that is bad, so all that were bad were durable, and were
/// read before the checkpoint said so. From it on each record must be the next one, to the end of the file: a frame that
/// only looks like one, within the bytes of a damaged record, is followed by what is out of order.
fn hole_of(walked: &Walked, path: &Path, needed_from: Offset) -> Option<(PassedOver, Place)> {
    let Rest::Damaged { reason, follows } = &walked.rest else { return None };
    if follows.offset > needed_from {
        return None;
    }
    let (file, position, reason) = (path.to_owned(), walked.position as u64, reason.to_string());
    Some((PassedOver { file, position, from: walked.end, to: follows.offset, reason }, *follows))
}

fn read_all(file: &dyn DiskFile, path: &Path) -> Result<Vec<u8>, OpenError> {
    let bytes = file.len().map_err(OpenError::io("measure", path))?;
    let mut content = vec![0; bytes as usize];
    let read = read_full_at(file, &mut content, 0).map_err(OpenError::io("read", path))?;
    content.truncate(read);
    Ok(content)
}

/// The bytes of a header that a crash left half-written: it is synced before any record, so nothing follows it.
fn torn_header(content: &[u8], base: Offset, path: &Path) -> Result<Option<u64>, OpenError> {
    match check_header(content, base) {
        Ok(()) => Ok(None),
        Err(BadHeader::Damaged(_)) if content.len() <= HEADER_BYTES => Ok(Some(content.len() as u64)),
        Err(bad) => Err(bad_header(bad, path)),
    }
}

fn tail_to_cut(walked: &Walked, bytes: usize, path: &Path) -> Result<u64, OpenError> {
    let reason = match &walked.rest {
        Rest::Nothing => return Ok(0),
        Rest::Torn(_) => return Ok((bytes - walked.position) as u64),
        Rest::Damaged { reason, follows } => {
            let (missing, follows) = (walked.end, follows.offset);
            format!("record {missing}: {reason}, but record {follows} was written after it was durable")
        }
        Rest::OutOfOrder(found) => format!("record {found} stands where {} should", walked.end),
    };
    Err(OpenError::Damaged { file: path.to_owned(), position: walked.position as u64, reason })
}

fn bad_header(bad: BadHeader, path: &Path) -> OpenError {
    let file = path.to_owned();
    match bad {
        BadHeader::Newer(version) => OpenError::NewerFormat { file, version, supported: FORMAT_VERSION },
        BadHeader::Damaged(reason) => OpenError::Damaged { file, position: 0, reason: reason.to_owned() },
    }
}
