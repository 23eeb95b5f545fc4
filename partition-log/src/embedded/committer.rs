//! The one thread that writes: it takes what waits, writes it once, syncs it once, and then acks in order.
//!
//! In:    groups from the queue.
//! Out:   durable records to the readers, then the acks.
//! Kept:  the file, and where in it everything is durable.
//! Never: an ack before the sync; a second try after a failed sync, or after a write that failed for anything but room.
//!
//! # A full disk
//! A write that found no room is not final, because nobody has to guess what the disk holds: everything below `position`
//! was synced before, and the bytes above were never synced nor promised. They are cut off, and the cut is synced, before
//! anything else is written; a segment that was begun is removed, and that is synced too, for a name that came back
//! after a power loss would hide later records of the segment before it. If any of this fails, or the sync itself finds
//! no room, the log stops for good.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::LogConfig;
use super::frame::{HEADER_BYTES, frame_bytes, push_frame};
use super::queue::Waiting;
use super::recover::{Active, draft, settle};
use super::segment::{Segment, SparseIndex, path_of};
use super::shared::Shared;
use crate::disk::{remove, write_all_at};
use crate::log::{AppendError, Offset};

pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) dir: PathBuf,
    pub(super) config: LogConfig,
    pub(super) active: Active,
    pub(super) next: Offset,
    /// The group as bytes; kept so that its memory is used again. At most a group, or one record.
    pub(super) buffer: Vec<u8>,
    /// The last group found room.
    pub(super) has_room: bool,
}

/// Why a group is not durable.
enum Failed {
    /// There was no room for it, and the disk is as it was before.
    NoRoom(io::Error),
    /// Nobody can know what the disk holds.
    ForGood(io::Error),
}

impl Committer {
    /// Runs until the log is closed and nothing waits, or the disk fails.
    pub(super) fn run(mut self) {
        while let Some(group) = self.shared.queue.take() {
            match self.commit(&group) {
                Ok(()) => self.publish(group),
                Err(Failed::NoRoom(error)) => self.refuse(group, &error),
                Err(Failed::ForGood(error)) => return self.stop(group, &error),
            }
        }
    }

    fn commit(&mut self, group: &[Waiting]) -> Result<(), Failed> {
        self.encode(group);
        if self.is_full() {
            self.roll()?;
        }
        let file = self.active.file.as_ref();
        write_all_at(file, &self.buffer, self.active.position).map_err(|error| {
            undone(error, || file.truncate(self.active.position).and_then(|()| file.sync()))
        })?;
        file.sync().map_err(Failed::ForGood)
    }

    fn encode(&mut self, group: &[Waiting]) {
        self.buffer.clear();
        for (behind, waiting) in group.iter().enumerate() {
            push_frame(&mut self.buffer, self.next + behind as u64, behind as u32, &waiting.record);
        }
    }

    fn is_full(&self) -> bool {
        let is_begun = self.active.position > HEADER_BYTES as u64;
        is_begun && self.active.position + self.buffer.len() as u64 > self.config.segment_bytes_max
    }

    /// Goes on in a new segment. All records of the old one are durable already.
    fn roll(&mut self) -> Result<(), Failed> {
        let (disk, dir) = (self.shared.disk.as_ref(), self.dir.as_path());
        let begun = path_of(dir, self.next);
        let active =
            draft(disk, dir, self.next).map_err(|error| undone(error, || remove(disk, dir, &begun)))?;
        settle(disk, dir, &active).map_err(Failed::ForGood)?;
        self.active = active;
        let index = SparseIndex::new(self.next, self.config.index_every_bytes);
        let segment = Segment::new(&self.dir, self.next, self.active.position, index);
        self.shared.add_segment(segment);
        Ok(())
    }

    /// The group is durable: readers may have it, and then their senders hear of it.
    fn publish(&mut self, group: Vec<Waiting>) {
        if !self.has_room {
            tracing::info!(dir = %self.dir.display(), record = self.next, "log goes on: there is room again");
            self.shared.queue.set_no_room(None);
            self.has_room = true;
        }
        let (mut places, mut position) = (Vec::with_capacity(group.len()), self.active.position);
        for waiting in &group {
            places.push(position);
            position += frame_bytes(waiting.record.len()) as u64;
        }
        self.active.position = position;
        let records = group.iter().map(|waiting| waiting.record.clone());
        self.shared.add_records(records.zip(places), position);
        for waiting in group {
            (waiting.ack)(Ok(self.next));
            self.next += 1;
        }
    }

    /// Nothing of the group is on the disk. The next one tries again.
    fn refuse(&mut self, group: Vec<Waiting>, error: &io::Error) {
        let reason =
            format!("{error}; free space on the disk of {}, then it goes on by itself", self.dir.display());
        if self.has_room {
            tracing::error!(dir = %self.dir.display(), record = self.next, %error, "log has no room");
            self.has_room = false;
        }
        self.shared.queue.set_no_room(Some(reason.clone()));
        for waiting in group {
            (waiting.ack)(Err(AppendError::NoRoom(reason.clone())));
        }
    }

    /// After a failed sync nobody can know what the disk holds.
    fn stop(self, group: Vec<Waiting>, error: &io::Error) {
        let reason = format!("the disk failed at record {}: {error}; restart to recover", self.next);
        tracing::error!(dir = %self.dir.display(), record = self.next, %error, "log stops: the disk failed");
        // What was not acknowledged must not come back from the page cache at the next open and vanish later.
        // If even this fails, the next open finds a torn tail or records that nobody was promised.
        if let Err(error) = self.active.file.truncate(self.active.position) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot cut what was not synced");
        }
        self.shared.refuse_all(group, &reason);
    }
}

/// A failure before anything was synced: with no room it is undone, and then it was none.
fn undone(error: io::Error, undo: impl FnOnce() -> io::Result<()>) -> Failed {
    if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return Failed::ForGood(error);
    }
    match undo() {
        Ok(()) => Failed::NoRoom(error),
        Err(error) => Failed::ForGood(error),
    }
}

impl Shared {
    /// Refuses these, all that wait, and all that come.
    pub(super) fn refuse_all(&self, group: Vec<Waiting>, reason: &str) {
        self.queue.stop(reason);
        for waiting in group.into_iter().chain(self.queue.drain()) {
            (waiting.ack)(Err(AppendError::Stopped(reason.to_owned())));
        }
    }
}
