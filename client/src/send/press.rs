//! Rows to packets: fills batches, stamps them, and writes the heartbeats.
//!
//! In:   drained rows in order; the close of minutes.
//! Out:  packets in order of their sequence, each with what it declares.
//! Kept: the batch that is being filled, the next sequence, what is not declared yet.

use std::sync::Arc;
use std::time::Duration;

use model::{Aggregate, Minute, Number, Scalars, Stamp};
use prost::Message;
use proto::{BatchBuilder, v1};

use super::heartbeat::{Declared, Events, Heartbeat, Said};
use super::transport::Packet;
use crate::limits::{BATCH_BYTES, BATCH_ROWS_MAX, UNDECLARED_MINUTES_MAX};
use crate::measure::Drained;
use crate::measure::registry::Series;

/// What was built, since the client was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) measurements: u64,
    pub(crate) overflowed: u64,
    pub(crate) rows: u64,
    pub(crate) heartbeat_rows: u64,
}

/// A packet, and what the server will not hear when it is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pressed {
    pub(crate) packet: Packet,
    pub(crate) declared: Declared,
}

#[derive(Debug)]
pub(crate) struct Press {
    account: String,
    backfill: bool,
    /// The stamp of the next batch.
    next: Stamp,
    /// When what is added now is built. 0 of a named publisher: what it sends is a function of its input alone.
    built_unix_seconds: u64,
    filling: BatchBuilder,
    /// By the rows in it.
    declared: Declared,
    /// Of the newest row in it.
    minute: Minute,
    packets: Vec<Pressed>,
    declares: bool,
    /// `None`: heartbeats are off (or one is being written just now).
    heartbeat: Option<Heartbeat>,
    output: Output,
}

// === impl Press ===

impl Press {
    pub(crate) fn new(account: &str, backfill: bool, first: Stamp, heartbeat: Option<Heartbeat>) -> Self {
        Self {
            account: account.to_owned(),
            backfill,
            next: first,
            built_unix_seconds: 0,
            filling: BatchBuilder::new(account),
            declared: Declared::default(),
            minute: Minute(0),
            packets: Vec::new(),
            declares: heartbeat.is_some(),
            heartbeat,
            output: Output::default(),
        }
    }

    /// The time of what is built from now on.
    pub(crate) fn at(&mut self, now: Duration) {
        if !self.next.is_named() {
            self.built_unix_seconds = now.as_secs();
        }
    }

    /// Adds one row.
    pub(crate) fn add(&mut self, row: &Drained) {
        let measurements = row.aggregate.scalars.count;
        self.output.measurements += measurements;
        if row.series.overflow {
            self.output.overflowed += measurements;
        }
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.built(row.minute, measurements);
        }
        self.put(&row.series, row.minute, &row.aggregate, None);
        if self.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.undeclared() >= UNDECLARED_MINUTES_MAX) {
            self.declare(Minute(u32::MAX), None);
        }
    }

    /// Writes the heartbeats of all minutes up to `through`; `alive` as of [`Heartbeat::declare`].
    pub(crate) fn declare(&mut self, through: Minute, alive: Option<(Minute, Events)>) {
        let Some(mut heartbeat) = self.heartbeat.take() else { return };
        for beat in heartbeat.declare(through, alive) {
            let value = i64::try_from(beat.said.value()).unwrap_or(i64::MAX);
            self.output.heartbeat_rows += 1;
            let aggregate = Aggregate::of(Scalars::of(Number::Int(value)));
            self.put(beat.series, beat.minute, &aggregate, Some(beat.said));
        }
        self.heartbeat = Some(heartbeat);
    }

    /// A batch was dropped before it was ever sent: what it declared is declared again, by the next heartbeat. What it
    /// said of events is returned. Not of a named publisher: who runs it again sends the very same heartbeats, and one
    /// more batch now would take a sequence that is another batch's then.
    pub(crate) fn lost(&mut self, declared: Declared) -> Events {
        match &mut self.heartbeat {
            Some(heartbeat) if !self.next.is_named() => heartbeat.lost(declared),
            _ => Events::default(),
        }
    }

    /// Is something built, or lost, that no heartbeat has declared?
    pub(crate) fn is_undeclared(&self) -> bool {
        self.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.undeclared() > 0)
    }

    /// All packets of what was added.
    pub(crate) fn take(&mut self) -> Vec<Pressed> {
        self.close_batch();
        std::mem::take(&mut self.packets)
    }

    pub(crate) fn output(&self) -> Output {
        self.output
    }

    fn put(&mut self, series: &Arc<Series>, minute: Minute, aggregate: &Aggregate, says: Option<Said>) {
        self.output.rows += 1;
        // A named publisher sends its input again, perhaps with backfill this time. What it sends does not say when it
        // was built, so the server judges a batch by its newest minute: with one minute a batch, all of it or nothing.
        if self.next.is_named() && minute != self.minute {
            self.close_batch();
        }
        self.minute = minute;
        if let Some(said) = says {
            self.declared.add(minute, said);
        }
        self.filling.add(&series.metric, series.pairs(), minute, aggregate);
        if self.filling.rows() >= BATCH_ROWS_MAX || self.filling.bytes() >= BATCH_BYTES {
            self.close_batch();
        }
    }

    fn close_batch(&mut self) {
        if self.filling.is_empty() {
            return;
        }
        let rows = self.filling.rows() as u64;
        let batch = std::mem::replace(&mut self.filling, BatchBuilder::new(&self.account));
        let batch = batch.publisher(self.next).backfill(self.backfill).declares(self.declares);
        let batch = batch.built_at(self.built_unix_seconds);
        let request = v1::PublishRequest { batches: vec![batch.build()] }.encode_to_vec().into();
        let declared = std::mem::take(&mut self.declared);
        self.packets.push(Pressed { packet: Packet { stamp: self.next, rows, request }, declared });
        self.next.sequence += 1;
    }
}

#[cfg(test)]
mod tests {
    use model::PublisherId;

    use super::*;

    /// Does a publisher of this epoch declare again what it has lost?
    fn declares_again(epoch: u64) -> bool {
        let first = Stamp { publisher: PublisherId(1), epoch, sequence: 0 };
        let mut press = Press::new("a", false, first, Some(Heartbeat::new(PublisherId(1), "h")));
        press.declare(Minute(5), Some((Minute(5), Events { dropped: 3, ..Events::default() })));
        let [pressed] = <[Pressed; 1]>::try_from(press.take()).unwrap();
        assert!(!press.is_undeclared());
        let events = press.lost(pressed.declared);
        assert_eq!(events.dropped, if press.is_undeclared() { 3 } else { 0 });
        press.is_undeclared()
    }

    #[test]
    fn what_is_lost_is_declared_again_but_not_by_a_named_publisher() {
        assert!(declares_again(7));
        assert!(!declares_again(0));
    }
}
