//! The batches that wait and the batches in flight: a state machine without a clock and without I/O.
//!
//! In:   packets in order of their sequence; what became of each try; the time as an argument.
//! Out:  which packet to send now, and when to look again; what was dropped unsent.
//! Kept: a queue bounded in bytes, at most 8 packets in flight, the tally.
//!
//! Invariants: a packet leaves only once it is answered, rejected or dropped, and then its rows are in the tally; no
//! packet is sent whose sequence is [`SEQUENCE_SPAN_MAX`] past the oldest in flight, for an island would take that
//! oldest for a duplicate when it arrives at last.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::backoff;
use super::press::Pressed;
use super::transport::{Packet, Receipt, SendError};
use crate::limits::{IN_FLIGHT_MAX, RETRY_AFTER_MAX, SEQUENCE_SPAN_MAX};

/// Rows that a reply neither accepts nor refuses: a server's fault, and still no row is unaccounted for.
const UNNAMED: &str = "not_in_reply";

/// What became of rows, since the client was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) refused: BTreeMap<String, u64>,
    /// Given up: the queue was full, or the server will never take them.
    pub(crate) dropped: u64,
    /// Rows in tries after the first.
    pub(crate) retried: u64,
    /// Rows that came again too late to learn whether an earlier try was taken.
    pub(crate) unknown: u64,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    /// Ascending by sequence, all above those in flight.
    waiting: VecDeque<Pressed>,
    waiting_bytes: usize,
    bytes_max: usize,
    /// By sequence.
    flying: BTreeMap<u64, Flight>,
    /// The server asked everyone to wait until then.
    hold_until: Duration,
    tally: Tally,
    rng: StdRng,
}

#[derive(Debug)]
struct Flight {
    packet: Packet,
    tries: u32,
    /// `None` while a try is on its way.
    retry_at: Option<Duration>,
}

// === impl Outbox ===

impl Outbox {
    pub(crate) fn new(bytes_max: usize, seed: u64) -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            bytes_max,
            flying: BTreeMap::new(),
            hold_until: Duration::ZERO,
            tally: Tally::default(),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Would a packet of this size push another one out?
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.waiting.is_empty() || self.waiting_bytes + bytes <= self.bytes_max
    }

    /// Queues a packet; the oldest that wait are dropped for it if need be, and returned.
    pub(crate) fn push(&mut self, pressed: Pressed) -> Vec<Pressed> {
        let before = |last: &Pressed| last.packet.stamp.sequence < pressed.packet.stamp.sequence;
        debug_assert!(self.waiting.back().is_none_or(before));
        let bytes = pressed.packet.request.len();
        let mut dropped = Vec::new();
        while !self.has_room(bytes) {
            let Some(oldest) = self.pop() else { break };
            self.tally.dropped += oldest.packet.rows;
            dropped.push(oldest);
        }
        self.waiting_bytes += bytes;
        self.waiting.push_back(pressed);
        dropped
    }

    /// A packet to be sent now; call again until there is none.
    pub(crate) fn next(&mut self, now: Duration) -> Option<Packet> {
        if now < self.hold_until {
            return None;
        }
        self.next_retry(now).or_else(|| self.next_waiting())
    }

    /// When `next` may have something without anything else happening; `None`: not before.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        let retry = self.flying.values().filter_map(|flight| flight.retry_at).min();
        let first = self.may_take_off().then_some(Duration::ZERO);
        retry.into_iter().chain(first).min().map(|at| at.max(self.hold_until))
    }

    /// What became of a try of this sequence. How many rows there are of which nobody will ever know.
    pub(crate) fn settle(
        &mut self,
        sequence: u64,
        outcome: &Result<Receipt, SendError>,
        now: Duration,
    ) -> u64 {
        let before = self.tally.unknown;
        match outcome {
            Ok(receipt) => self.answered(sequence, receipt),
            Err(SendError::Rejected { .. }) => {
                if let Some(flight) = self.flying.remove(&sequence) {
                    self.tally.dropped += flight.packet.rows;
                }
            }
            Err(SendError::Retry { after, .. }) => self.again(sequence, *after, now),
        }
        self.tally.unknown - before
    }

    /// Nothing waits and nothing flies.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flying.is_empty()
    }

    /// Rows that wait or fly.
    pub(crate) fn rows(&self) -> u64 {
        let flying = self.flying.values().map(|flight| &flight.packet);
        let waiting = self.waiting.iter().map(|pressed| &pressed.packet);
        waiting.chain(flying).map(|packet| packet.rows).sum()
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    fn answered(&mut self, sequence: u64, receipt: &Receipt) {
        let Some(flight) = self.flying.remove(&sequence) else { return };
        if receipt.only_this_try && flight.tries > 1 {
            self.tally.unknown += flight.packet.rows;
            return;
        }
        let accepted = receipt.accepted.min(flight.packet.rows);
        self.tally.accepted += accepted;
        let mut unnamed = flight.packet.rows - accepted;
        for (reason, rows) in &receipt.refused {
            let rows = (*rows).min(unnamed);
            unnamed -= rows;
            *self.tally.refused.entry(reason.clone()).or_default() += rows;
        }
        if unnamed > 0 {
            *self.tally.refused.entry(UNNAMED.to_owned()).or_default() += unnamed;
        }
    }

    fn again(&mut self, sequence: u64, after: Option<Duration>, now: Duration) {
        let Some(flight) = self.flying.get_mut(&sequence) else { return };
        flight.retry_at = Some(now + backoff::delay(flight.tries, after, &mut self.rng));
        if let Some(after) = after {
            self.hold_until = self.hold_until.max(now + after.min(RETRY_AFTER_MAX));
        }
    }

    fn next_retry(&mut self, now: Duration) -> Option<Packet> {
        let due = |flight: &&mut Flight| flight.retry_at.is_some_and(|at| at <= now);
        let flight = self.flying.values_mut().find(due)?;
        flight.tries += 1;
        flight.retry_at = None;
        self.tally.retried += flight.packet.rows;
        Some(flight.packet.clone())
    }

    fn next_waiting(&mut self) -> Option<Packet> {
        if !self.may_take_off() {
            return None;
        }
        let packet = self.pop()?.packet;
        let flight = Flight { packet: packet.clone(), tries: 1, retry_at: None };
        self.flying.insert(packet.stamp.sequence, flight);
        Some(packet)
    }

    fn may_take_off(&self) -> bool {
        let Some(first) = self.waiting.front() else { return false };
        let first = first.packet.stamp.sequence;
        let oldest = self.flying.first_key_value().map_or(first, |(sequence, _)| *sequence);
        self.flying.len() < IN_FLIGHT_MAX && first - oldest < SEQUENCE_SPAN_MAX
    }

    fn pop(&mut self) -> Option<Pressed> {
        let pressed = self.waiting.pop_front()?;
        self.waiting_bytes -= pressed.packet.request.len();
        Some(pressed)
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
