//! The one thread that writes: it takes what waits, writes it once, syncs it once, and then acks in order.
//!
//! In:    groups from the queue.
//! Out:   durable records to the readers, then the acks.
//! Kept:  the file, and where in it everything is durable.
//! Never: an ack before the sync; a second try after a failed write or sync.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::LogConfig;
use super::frame::{HEADER_BYTES, frame_bytes, push_frame};
use super::queue::Waiting;
use super::recover::{Active, create};
use super::segment::{Segment, SparseIndex};
use super::shared::Shared;
use crate::disk::write_all_at;
use crate::log::{AppendError, Offset};

pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) dir: PathBuf,
    pub(super) config: LogConfig,
    pub(super) active: Active,
    pub(super) next: Offset,
    /// The group as bytes; kept so that its memory is used again. At most a group, or one record.
    pub(super) buffer: Vec<u8>,
}

impl Committer {
    /// Runs until the log is closed and nothing waits, or the disk fails.
    pub(super) fn run(mut self) {
        while let Some(group) = self.shared.queue.take() {
            match self.commit(&group) {
                Ok(()) => self.publish(group),
                Err(error) => return self.stop(group, &error),
            }
        }
    }

    fn commit(&mut self, group: &[Waiting]) -> io::Result<()> {
        self.encode(group);
        if self.is_full() {
            self.roll()?;
        }
        write_all_at(self.active.file.as_ref(), &self.buffer, self.active.position)?;
        self.active.file.sync()
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
    fn roll(&mut self) -> io::Result<()> {
        self.active = create(self.shared.disk.as_ref(), &self.dir, self.next)?;
        let index = SparseIndex::new(self.next, self.config.index_every_bytes);
        let segment = Segment::new(&self.dir, self.next, self.active.position, index);
        self.shared.add_segment(segment);
        Ok(())
    }

    /// The group is durable: readers may have it, and then their senders hear of it.
    fn publish(&mut self, group: Vec<Waiting>) {
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

    /// The first failure is the last: after a failed sync nobody can know what the disk holds.
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

impl Shared {
    /// Refuses these, all that wait, and all that come.
    pub(super) fn refuse_all(&self, group: Vec<Waiting>, reason: &str) {
        self.queue.stop(reason);
        for waiting in group.into_iter().chain(self.queue.drain()) {
            (waiting.ack)(Err(AppendError::Stopped(reason.to_owned())));
        }
    }
}
