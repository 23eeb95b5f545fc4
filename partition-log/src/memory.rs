//! A log in memory, durable as long as somebody holds it. For tests and the simulator.
//!
//! In, Out: as [`PartitionLog`]. The ack runs on the caller's thread before `append` returns.
//! Kept:    every record until it is released.
//! Never:   a thread or a clock of its own, but for the waiting of `read`; so runs are repeatable.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::budget::Budget;
use crate::limits::RECORD_BYTES_MAX;
use crate::log::{Ack, AppendError, Entry, Offset, PartitionLog, ReadError, ReleaseError};

/// A log in memory.
#[derive(Debug, Default)]
pub struct MemoryLog {
    records: Mutex<Records>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Records {
    start: Offset,
    kept: VecDeque<Bytes>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }
}

impl PartitionLog for MemoryLog {
    fn append(&self, record: Bytes, ack: Ack) {
        if record.len() > RECORD_BYTES_MAX {
            return ack(Err(AppendError::TooLarge { bytes: record.len(), max: RECORD_BYTES_MAX }));
        }
        let offset = self.records.lock().push(record);
        self.grown.notify_all();
        // Outside of the lock: an ack may append again.
        ack(Ok(offset));
    }

    fn start(&self) -> Offset {
        self.records.lock().start
    }

    fn end(&self) -> Offset {
        self.records.lock().end()
    }

    fn stopped(&self) -> Option<String> {
        None
    }

    fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError> {
        let mut records = self.records.lock();
        records.check(from)?;
        if from == records.end() && !wait.is_zero() {
            self.grown.wait_while_for(&mut records, |records| from == records.end(), wait);
            records.check(from)?;
        }
        Ok(records.from(from, bytes_max))
    }

    fn release(&self, before: Offset) -> Result<(), ReleaseError> {
        let mut records = self.records.lock();
        let end = records.end();
        if before > end {
            return Err(ReleaseError::BeyondEnd { before, end });
        }
        while records.start < before {
            records.kept.pop_front();
            records.start += 1;
        }
        Ok(())
    }
}

impl Records {
    fn end(&self) -> Offset {
        self.start + self.kept.len() as u64
    }

    fn push(&mut self, record: Bytes) -> Offset {
        self.kept.push_back(record);
        self.end() - 1
    }

    fn check(&self, from: Offset) -> Result<(), ReadError> {
        ReadError::check(from, self.start, self.end())
    }

    fn from(&self, from: Offset, bytes_max: usize) -> Vec<Entry> {
        let mut budget = Budget::new(bytes_max);
        let first = (from - self.start) as usize;
        let records = self.kept.range(first..).take_while(|record| budget.take(record.len()));
        (from..).zip(records).map(|(offset, record)| Entry { offset, record: record.clone() }).collect()
    }
}
