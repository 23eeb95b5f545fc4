//! A partition's log with a disk that forgets: what is not synced vanishes in a crash, from some record on.
//!
//! In:    records with a ticket. Out: tickets of what is durable.
//! Kept:  a `FaultyLog` over a `MemoryLog` for what is durable; the tail that is not; what was ever durable, for the oracle.

use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use partition_log::{Entry, Faults, FaultyLog, MemoryLog, Offset, PartitionLog, ReadError};

use crate::Wrong;
use crate::facts::Fact;
use crate::random::Random;

/// Names an append, so that its ack finds who waits for it.
pub(crate) type Ticket = u64;

/// See the module.
pub(crate) struct SimLog {
    durable: FaultyLog<MemoryLog>,
    tail: Vec<(Bytes, Option<Ticket>)>,
    facts: Vec<Fact>,
}

/// Tickets whose records are durable, and those that were refused or of which nobody knows.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    pub(crate) durable: Vec<Ticket>,
    pub(crate) failed: Vec<Ticket>,
}

const FAULTS: Faults = Faults { ack_lost: 60, duplicated: 60, refused: 40, short_read: 100, empty_read: 50 };

// === impl SimLog ===

impl SimLog {
    pub(crate) fn new(seed: u64) -> Self {
        Self { durable: FaultyLog::new(MemoryLog::new(), FAULTS, seed), tail: Vec::new(), facts: Vec::new() }
    }

    pub(crate) fn append(&mut self, record: Bytes, ticket: Option<Ticket>) {
        self.tail.push((record, ticket));
    }

    /// Group commit of all that waits.
    pub(crate) fn sync(&mut self) -> Acks {
        let mut acks = Acks::default();
        for (record, ticket) in std::mem::take(&mut self.tail) {
            let (sender, receiver) = channel();
            self.durable
                .append(record, Box::new(move |acked| sender.send(acked.is_ok()).unwrap_or_default()));
            let acked = receiver.try_recv() == Ok(true);
            if let Some(ticket) = ticket {
                if acked { acks.durable.push(ticket) } else { acks.failed.push(ticket) }
            }
        }
        acks
    }

    /// The power goes: some of the tail reached the disk, the rest never did, and nobody was told.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        let survives = random.below(self.tail.len() + 1);
        for (record, _) in std::mem::take(&mut self.tail).into_iter().take(survives) {
            self.durable.inner().append(record, Box::new(drop));
        }
    }

    /// What the durable records mean, from the first on.
    pub(crate) fn facts(&mut self) -> Result<&[Fact], Wrong> {
        for entry in self.durable.inner().read(self.facts.len() as Offset, usize::MAX, Duration::ZERO)? {
            self.facts.push(Fact::of(&entry.record)?);
        }
        Ok(&self.facts)
    }

    /// Without faults: for the calm at the end.
    pub(crate) fn append_calmly(&mut self, record: Bytes) {
        debug_assert!(self.tail.is_empty(), "BUG: sync before the calm");
        self.durable.inner().append(record, Box::new(drop));
    }

    pub(crate) fn read(&self, from: Offset) -> Result<Vec<Entry>, ReadError> {
        self.durable.read(from, 4096, Duration::ZERO)
    }

    pub(crate) fn read_calmly(&self, from: Offset) -> Result<Vec<Entry>, ReadError> {
        self.durable.inner().read(from, usize::MAX, Duration::ZERO)
    }

    pub(crate) fn bounds(&self) -> (Offset, Offset) {
        (self.durable.start(), self.durable.end())
    }

    pub(crate) fn release(&mut self, before: Offset) -> Result<(), Wrong> {
        self.facts()?; // what is released cannot be read any more
        self.durable.release(before).map_err(|why| Wrong(why.to_string()))
    }
}
