//! A frontend: the real admission and re-bucketing, with the sim's logs behind it.
//!
//! In:    batches. Out: parts in logs; which batch is acknowledged.
//! Kept:  what waits for acks. A crash forgets it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use frontend::admission::admit;
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
    tickets: BTreeSet<Ticket>,
}

// === impl Gate ===

impl Gate {
    /// The parts of a batch, each for its partition.
    pub(crate) fn parts(
        batch: &v1::Batch,
        placement: Placement,
        now_s: u64,
    ) -> Result<Vec<(u32, Bytes)>, Wrong> {
        let columns =
            BatchColumns::new(batch).map_err(|why| Wrong(format!("a good batch is refused: {why}")))?;
        let admitted =
            admit(columns, &Limits::DEFAULT, now_s).map_err(|why| Wrong(format!("refused: {why}")))?;
        if admitted.refused.rows() > 0 {
            return Err(Wrong("good rows are refused".to_owned()));
        }
        let parts = rebucket(&admitted, placement);
        Ok(parts.into_iter().map(|part| (part.partition, encode_rows(&[part.batch]))).collect())
    }

    /// All parts of this batch are with their logs.
    pub(crate) fn wait(&mut self, sender: Sender, tickets: BTreeSet<Ticket>) {
        self.requests += 1;
        self.ticket_of.extend(tickets.iter().map(|ticket| (*ticket, self.requests)));
        self.waiting.insert(self.requests, Waiting { sender, tickets });
    }

    /// A part is durable. Says whose batch is complete.
    pub(crate) fn durable(&mut self, ticket: Ticket) -> Option<Sender> {
        let request = self.ticket_of.remove(&ticket)?;
        let waiting = self.waiting.get_mut(&request)?;
        waiting.tickets.remove(&ticket);
        if waiting.tickets.is_empty() {
            self.waiting.remove(&request).map(|waiting| waiting.sender)
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
