//! What the committer and the readers of a log both see: the queue, the segments, the durable tail.
//!
//! The lock is held for a few pointers, never over a disk operation.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::queue::Queue;
use super::segment::Segment;
use super::tail::Tail;
use crate::disk::{Disk, remove};
use crate::log::{Entry, Offset, ReadError, ReleaseError};

pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) queue: Queue,
    durable: Mutex<Durable>,
    grown: Condvar,
    /// One release at a time: segments go oldest first, so that a crash leaves no gap.
    releasing: Mutex<()>,
}

/// What is durable.
pub(super) struct Durable {
    /// Ascending, without gaps, never empty; the last one is written to.
    pub(super) segments: VecDeque<Segment>,
    /// Its end is the log's end.
    pub(super) tail: Tail,
    /// Records before this one cannot be read, and were released already: see [`super::recover::PassedOver`].
    pub(super) readable_from: Offset,
}

impl Durable {
    pub(super) fn start(&self) -> Offset {
        self.segments[0].base.max(self.readable_from)
    }

    pub(super) fn end(&self) -> Offset {
        self.tail.end()
    }

    fn check(&self, from: Offset) -> Result<(), ReadError> {
        ReadError::check(from, self.start(), self.end())
    }

    /// The segment that holds `from`, which is durable, and that segment's end.
    fn segment_of(&self, from: Offset) -> (Segment, Offset) {
        let above = self.segments.partition_point(|segment| segment.base <= from);
        let end = self.segments.get(above).map_or(self.end(), |next| next.base);
        (self.segments[above - 1].clone(), end)
    }

    /// The oldest segment, if all its records are below `before` and it is not the one that is written to.
    fn pop_released(&mut self, before: Offset) -> Option<Segment> {
        let next = self.segments.get(1)?;
        if next.base > before { None } else { self.segments.pop_front() }
    }
}

impl Shared {
    pub(super) fn new(disk: Arc<dyn Disk>, queue: Queue, durable: Durable) -> Self {
        let (durable, releasing) = (Mutex::new(durable), Mutex::default());
        Self { disk, queue, durable, grown: Condvar::new(), releasing }
    }

    pub(super) fn durable(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock()
    }

    pub(super) fn add_segment(&self, segment: Segment) {
        self.durable.lock().segments.push_back(segment);
    }

    /// Adds records with their positions in the last segment, of which `bytes` are durable now.
    pub(super) fn add_records(&self, records: impl Iterator<Item = (Bytes, u64)>, bytes: u64) {
        let mut durable = self.durable.lock();
        let Durable { segments, tail, .. } = &mut *durable;
        let active = segments.back_mut().expect("there is always a segment to write to");
        active.bytes = bytes;
        let mut index = active.index.lock();
        for (record, position) in records {
            index.note(tail.end(), position);
            tail.push(record);
        }
        drop(index);
        drop(durable);
        self.grown.notify_all();
    }

    pub(super) fn read(
        &self,
        from: Offset,
        bytes_max: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, ReadError> {
        let mut durable = self.durable.lock();
        durable.check(from)?;
        if from == durable.end() {
            self.grown.wait_while_for(&mut durable, |durable| from == durable.end(), wait);
            durable.check(from)?;
        }
        if let Some(entries) = durable.tail.read(from, bytes_max) {
            return Ok(entries);
        }
        let (segment, end) = durable.segment_of(from);
        drop(durable);
        let read = segment.read(self.disk.as_ref(), from, end, bytes_max);
        // A release may have taken the file away meanwhile: then the reader is too old, the disk is not bad.
        read.or_else(|error| self.durable().check(from).and(Err(error)))
    }

    pub(super) fn release(&self, dir: &Path, before: Offset) -> Result<(), ReleaseError> {
        let _one_at_a_time = self.releasing.lock();
        let end = self.durable().end();
        if before > end {
            return Err(ReleaseError::BeyondEnd { before, end });
        }
        loop {
            let Some(segment) = self.durable().pop_released(before) else { return Ok(()) };
            let removed = remove(self.disk.as_ref(), dir, &segment.path);
            if let Err(source) = removed {
                let file = segment.path.clone();
                self.durable().segments.push_front(segment);
                return Err(ReleaseError::Io { file, source: Arc::new(source) });
            }
        }
    }
}
