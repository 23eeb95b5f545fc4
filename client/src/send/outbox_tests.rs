//! Whatever the transport does: a stamp always carries the same bytes, and every row ends up in one place of the tally.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use model::Stamp;
use proptest::prelude::*;

use super::*;
use crate::send::heartbeat::Declared;

const SECOND: Duration = Duration::from_secs(1);

fn packet(sequence: u64, bytes: usize) -> Packet {
    let request = Bytes::from(vec![u8::try_from(sequence % 251).unwrap(); bytes]);
    Packet { stamp: Stamp { sequence, ..Stamp::default() }, rows: 10, request }
}

/// How many rows are dropped for it.
fn push(outbox: &mut Outbox, packet: Packet) -> u64 {
    let dropped = outbox.push(Pressed { packet, declared: Declared::default() });
    dropped.iter().map(|pressed| pressed.packet.rows).sum()
}

fn accept(rows: u64) -> Result<Receipt, SendError> {
    Ok(Receipt { accepted: rows, ..Receipt::default() })
}

fn retry(after: Option<Duration>) -> Result<Receipt, SendError> {
    Err(SendError::Retry { after, message: String::new() })
}

/// Everything that may be sent now.
fn sent(outbox: &mut Outbox, now: Duration) -> Vec<u64> {
    std::iter::from_fn(|| outbox.next(now)).map(|packet| packet.stamp.sequence).collect()
}

#[test]
fn eight_are_in_flight() {
    let mut outbox = Outbox::new(1000, 1);
    (0..10).for_each(|sequence| assert_eq!(push(&mut outbox, packet(sequence, 10)), 0));
    assert_eq!(sent(&mut outbox, SECOND), (0..8).collect::<Vec<_>>());
    outbox.settle(3, &accept(10), SECOND);
    assert_eq!(sent(&mut outbox, SECOND), vec![8]);
}

#[test]
fn a_full_queue_drops_the_oldest_and_counts_them() {
    let mut outbox = Outbox::new(100, 1);
    (0..5).for_each(|sequence| assert_eq!(push(&mut outbox, packet(sequence, 20)), 0));
    assert_eq!(push(&mut outbox, packet(5, 50)), 30);
    assert_eq!((outbox.tally().dropped, outbox.rows()), (30, 30));
    assert_eq!(sent(&mut outbox, SECOND), vec![3, 4, 5]);
}

#[test]
fn what_is_too_late_for_this_try_may_have_been_taken_by_another() {
    let too_late = || {
        let refused = BTreeMap::from([("too_old".to_owned(), 10)]);
        Ok(Receipt { refused, only_this_try: true, ..Receipt::default() })
    };
    let mut outbox = Outbox::new(1000, 1);
    (0..2).for_each(|sequence| assert_eq!(push(&mut outbox, packet(sequence, 10)), 0));
    assert_eq!(sent(&mut outbox, SECOND), vec![0, 1]);
    assert_eq!(outbox.settle(0, &too_late(), SECOND), 0, "its only try: none of it is on the server");
    assert_eq!(outbox.settle(1, &retry(None), SECOND), 0);
    assert_eq!(sent(&mut outbox, 2 * SECOND), vec![1]);
    assert_eq!(outbox.settle(1, &too_late(), 2 * SECOND), 10);
    assert_eq!(outbox.tally().refused, BTreeMap::from([("too_old".to_owned(), 10)]));
    assert_eq!((outbox.tally().unknown, outbox.is_idle()), (10, true));
}

#[test]
fn the_server_may_hold_everyone_off() {
    let mut outbox = Outbox::new(1000, 1);
    (0..3).for_each(|sequence| assert_eq!(push(&mut outbox, packet(sequence, 10)), 0));
    assert!(outbox.next(SECOND).is_some());
    outbox.settle(0, &retry(Some(5 * SECOND)), SECOND);
    assert_eq!(sent(&mut outbox, 5 * SECOND), Vec::<u64>::new());
    assert_eq!(outbox.wake_at(), Some(6 * SECOND));
    assert_eq!(sent(&mut outbox, 6 * SECOND), vec![1, 2]);
    assert_eq!(sent(&mut outbox, 7 * SECOND), vec![0]);
    assert_eq!(outbox.tally().retried, 10);
}

#[test]
fn one_that_is_stuck_stops_the_others_before_the_server_forgets_it() {
    let mut outbox = Outbox::new(1 << 20, 1);
    (0..400).for_each(|sequence| assert_eq!(push(&mut outbox, packet(sequence, 1)), 0));
    let mut last = 0;
    for _ in 0..400 {
        for sequence in sent(&mut outbox, SECOND) {
            last = last.max(sequence);
            if sequence != 0 {
                outbox.settle(sequence, &accept(10), SECOND);
            }
        }
    }
    assert_eq!(last, SEQUENCE_SPAN_MAX - 1);
    outbox.settle(0, &accept(10), SECOND);
    assert!(sent(&mut outbox, SECOND).contains(&SEQUENCE_SPAN_MAX));
}

#[test]
fn rows_that_a_reply_forgets_are_counted() {
    let mut outbox = Outbox::new(1000, 1);
    push(&mut outbox, packet(0, 1));
    assert!(outbox.next(SECOND).is_some());
    let refused = BTreeMap::from([("too_old".to_owned(), 3)]);
    outbox.settle(0, &Ok(Receipt { accepted: 4, refused, ..Receipt::default() }), SECOND);
    assert_eq!(outbox.tally().refused, BTreeMap::from([("too_old".to_owned(), 3), (UNNAMED.to_owned(), 3)]));
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Weather {
    Push(usize),
    Wait(u64),
    /// The n-th of those in the air: is applied and the ack arrives.
    Ack(usize),
    /// Is applied, and the ack is lost.
    AckLost(usize),
    /// Is lost on the way.
    Lost(usize),
    /// Is refused in part.
    Refused(usize),
    /// Is refused as a whole.
    Rejected(usize),
    /// The server is busy.
    Busy(usize),
}

fn weather() -> impl Strategy<Value = Weather> {
    prop_oneof![
        4 => (1_usize..40).prop_map(Weather::Push),
        4 => (0_u64..3000).prop_map(Weather::Wait),
        3 => any::<usize>().prop_map(Weather::Ack),
        1 => any::<usize>().prop_map(Weather::AckLost),
        1 => any::<usize>().prop_map(Weather::Lost),
        1 => any::<usize>().prop_map(Weather::Refused),
        1 => any::<usize>().prop_map(Weather::Rejected),
        1 => any::<usize>().prop_map(Weather::Busy),
    ]
}

/// The far end and the air between: what an obviously right observer knows.
#[derive(Default)]
struct World {
    air: Vec<Packet>,
    content: HashMap<u64, Bytes>,
    applied: BTreeMap<u64, u64>,
    pushed: u64,
}

impl World {
    fn fly(&mut self, outbox: &mut Outbox, now: Duration) {
        while let Some(packet) = outbox.next(now) {
            let had = self.content.entry(packet.stamp.sequence).or_insert_with(|| packet.request.clone());
            assert_eq!(*had, packet.request, "a stamp with other bytes");
            assert!(!self.air.iter().any(|flying| flying.stamp == packet.stamp), "twice in the air");
            self.air.push(packet);
            assert!(self.air.len() <= IN_FLIGHT_MAX);
        }
    }

    fn land(&mut self, nth: usize) -> Option<Packet> {
        (!self.air.is_empty()).then(|| self.air.remove(nth % self.air.len()))
    }

    fn happen(&mut self, outbox: &mut Outbox, what: &Weather, now: &mut Duration) {
        match *what {
            Weather::Push(bytes) => {
                push(outbox, packet(self.pushed, bytes));
                self.pushed += 1;
            }
            Weather::Wait(millis) => *now += Duration::from_millis(millis),
            Weather::Ack(nth) => self.settle(outbox, nth, Some(10), &accept(10), *now),
            Weather::AckLost(nth) => self.settle(outbox, nth, Some(10), &retry(None), *now),
            Weather::Lost(nth) => self.settle(outbox, nth, None, &retry(None), *now),
            Weather::Busy(nth) => self.settle(outbox, nth, None, &retry(Some(SECOND)), *now),
            Weather::Rejected(nth) => {
                let rejected = Err(SendError::Rejected { message: String::new() });
                self.settle(outbox, nth, None, &rejected, *now);
            }
            Weather::Refused(nth) => {
                let refused = BTreeMap::from([("too_old".to_owned(), 3)]);
                let receipt = Receipt { accepted: 7, refused, ..Receipt::default() };
                self.settle(outbox, nth, Some(7), &Ok(receipt), *now);
            }
        }
    }

    fn settle(
        &mut self,
        outbox: &mut Outbox,
        nth: usize,
        applied: Option<u64>,
        outcome: &Result<Receipt, SendError>,
        now: Duration,
    ) {
        let Some(packet) = self.land(nth) else { return };
        if let Some(rows) = applied {
            self.applied.entry(packet.stamp.sequence).or_insert(rows);
        }
        outbox.settle(packet.stamp.sequence, outcome, now);
    }
}

proptest! {
    #[test]
    fn every_row_is_in_one_place(seed: u64, script in prop::collection::vec(weather(), 0..200)) {
        let (mut outbox, mut world, mut now) = (Outbox::new(200, seed), World::default(), Duration::ZERO);
        for what in &script {
            world.happen(&mut outbox, what, &mut now);
            world.fly(&mut outbox, now);
            let tally = outbox.tally();
            let refused: u64 = tally.refused.values().sum();
            prop_assert_eq!(tally.accepted + refused + tally.dropped + outbox.rows(), world.pushed * 10);
        }
        // The weather clears: all that is not lost arrives.
        while !outbox.is_idle() {
            world.fly(&mut outbox, now);
            while !world.air.is_empty() {
                world.settle(&mut outbox, 0, Some(10), &accept(10), now);
            }
            now = now.max(outbox.wake_at().unwrap_or(now));
        }
        let tally = outbox.tally();
        prop_assert_eq!(tally.accepted + tally.refused.values().sum::<u64>() + tally.dropped, world.pushed * 10);
        // Nothing is called accepted that did not arrive.
        prop_assert!(tally.accepted <= world.applied.values().sum::<u64>() );
    }
}
