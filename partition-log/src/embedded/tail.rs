//! The newest durable records, in memory.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::budget::Budget;
use crate::log::{Entry, Offset};

/// The newest durable records, without gaps up to the log's end, and no more bytes than configured.
pub(super) struct Tail {
    bytes_max: usize,
    bytes: usize,
    start: Offset,
    records: VecDeque<Bytes>,
}

impl Tail {
    /// An empty tail of a log that ends at `end`.
    pub(super) fn new(end: Offset, bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, start: end, records: VecDeque::new() }
    }

    pub(super) fn end(&self) -> Offset {
        self.start + self.records.len() as u64
    }

    pub(super) fn push(&mut self, record: Bytes) {
        self.bytes += cost(&record);
        self.records.push_back(record);
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.records.pop_front() else { return };
            self.bytes -= cost(&oldest);
            self.start += 1;
        }
    }

    /// `None` when `from` is older than what is kept.
    pub(super) fn read(&self, from: Offset, bytes_max: usize) -> Option<Vec<Entry>> {
        let first = usize::try_from(from.checked_sub(self.start)?).ok()?;
        let mut budget = Budget::new(bytes_max);
        let records = self.records.range(first..).take_while(|record| budget.take(record.len()));
        Some((from..).zip(records).map(|(offset, record)| Entry { offset, record: record.clone() }).collect())
    }
}

/// Small records cost more than their bytes: the handle is 32 of them.
fn cost(record: &Bytes) -> usize {
    record.len() + size_of::<Bytes>()
}
