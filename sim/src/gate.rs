//! A frontend: the real admission and re-bucketing, with the sim's logs behind it.
//!
//! In:    batches. Out: parts in logs; which batch is acknowledged.
//! Kept:  what waits for acks. A crash forgets it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use frontend::admission::{Rejected, admit};
use frontend::rebucket::rebucket;
use model::{Limits, Placement};
use proto::{BatchColumns, encode_rows, v1};

use crate::Wrong;
use crate::sim_log::Ticket;

/// Publisher and sequence.
pub(crate) type Sender = (usize, usize);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    waiting: BTreeMap<u64, Waiting>,
    ticket_of: BTreeMap<Ticket, u64>,
    requests: u64,
}

#[derive(Debug)]
struct Waiting {
    sender: Sender,
    /// Accepted rows: what the reply will say.
    rows: Vec<u32>,
    tickets: BTreeSet<Ticket>,
}

/// What became of one try before the log.
pub(crate) enum Judged {
    /// Accepted rows, ascending, and each partition's part of them; all other rows are refused.
    Taken { rows: Vec<u32>, parts: Vec<(u32, Bytes)> },
    /// Not by this clock.
    NotNow,
}

// === impl Gate ===

impl Gate {
    /// What a frontend whose clock says `now_s` makes of a batch.
    pub(crate) fn judge(batch: &v1::Batch, placement: Placement, now_s: u64) -> Result<Judged, Wrong> {
        let columns =
            BatchColumns::new(batch).map_err(|why| Wrong(format!("a good batch is refused: {why}")))?;
        match admit(columns, &Limits::DEFAULT, now_s) {
            Err(Rejected::Always(why)) => Err(Wrong(format!("a good batch is refused: {why}"))),
            Err(Rejected::ThisTry(_)) => Ok(Judged::NotNow),
            Ok(admitted) => {
                let parts = rebucket(&admitted, placement).into_iter();
                let parts = parts.map(|part| (part.partition, encode_rows(&[part.batch]))).collect();
                Ok(Judged::Taken { rows: admitted.rows, parts })
            }
        }
    }

    /// All parts of this batch are with their logs.
    pub(crate) fn wait(&mut self, sender: Sender, rows: Vec<u32>, tickets: BTreeSet<Ticket>) {
        self.requests += 1;
        self.ticket_of.extend(tickets.iter().map(|ticket| (*ticket, self.requests)));
        self.waiting.insert(self.requests, Waiting { sender, rows, tickets });
    }

    /// A part is durable. Says whose batch is complete, and which of its rows are acknowledged.
    pub(crate) fn durable(&mut self, ticket: Ticket) -> Option<(Sender, Vec<u32>)> {
        let request = self.ticket_of.remove(&ticket)?;
        let waiting = self.waiting.get_mut(&request)?;
        waiting.tickets.remove(&ticket);
        if waiting.tickets.is_empty() {
            self.waiting.remove(&request).map(|waiting| (waiting.sender, waiting.rows))
        } else {
            None
        }
    }

    /// A part is not: its batch will not be acknowledged here.
    pub(crate) fn failed(&mut self, ticket: Ticket) {
        if let Some(request) = self.ticket_of.remove(&ticket) {
            self.waiting.remove(&request);
        }
    }

    pub(crate) fn crash(&mut self) {
        self.waiting.clear();
        self.ticket_of.clear();
    }
}
