//! When batches are sent: an open loop, as a state machine without a clock.
//!
//! In:   the time since the start; the answers.
//! Out:  which batch to send now; when to look again; how late an answer came.
//! Kept: the next batch, those in flight.
//!
//! Invariants: batches are sent in order, none before it is due and none because another one was answered; latency
//! counts from when a batch was due; no more are in flight than allowed, and none further past the oldest than the
//! server's memory of a publisher's sequences allows.

use std::collections::BTreeSet;
use std::time::Duration;

use model::SEQUENCES_IN_FLIGHT_MAX;

use crate::plan::Plan;

/// The schedule and where it stands.
#[derive(Debug)]
pub struct Pace<'p> {
    plan: &'p Plan,
    /// The next batch.
    next: u64,
    /// Batches from here on are not sent.
    end: u64,
    in_flight: BTreeSet<u64>,
    in_flight_max: usize,
    /// From the oldest in flight to the newest.
    span_max: u64,
}

// === impl Pace ===

impl<'p> Pace<'p> {
    /// At the start. Batches go to this many publishers in turn.
    #[must_use]
    pub fn new(plan: &'p Plan, in_flight_max: usize, publishers: usize) -> Self {
        Self {
            plan,
            next: 0,
            end: plan.batches(),
            in_flight: BTreeSet::new(),
            in_flight_max,
            span_max: SEQUENCES_IN_FLIGHT_MAX * publishers as u64,
        }
    }

    /// A batch that is to be sent now; call again until there is none.
    pub fn take(&mut self, now: Duration) -> Option<u64> {
        if !self.has_room() || self.next_due()? > now {
            return None;
        }
        let batch = self.next;
        self.in_flight.insert(batch);
        self.next += 1;
        Some(batch)
    }

    /// When [`Pace::take`] has something without an answer having come; `None`: not before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        self.next_due().filter(|_| self.has_room())
    }

    /// This batch was answered. How long after it was due; `None` when it was not in flight.
    pub fn settle(&mut self, batch: u64, now: Duration) -> Option<Duration> {
        self.in_flight.remove(&batch).then(|| now.saturating_sub(self.plan.due(batch)))
    }

    /// For how long the next batch has been due.
    #[must_use]
    pub fn behind(&self, now: Duration) -> Duration {
        self.next_due().map_or(Duration::ZERO, |due| now.saturating_sub(due))
    }

    /// As many are in flight as may be: it is the server that is waited for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.has_room()
    }

    /// Sends nothing more.
    pub fn stop(&mut self) {
        self.end = self.next;
    }

    /// All batches were sent.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.next == self.end
    }

    /// How many batches were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.next
    }

    /// Batches that have no answer, in order.
    pub fn in_flight(&self) -> impl ExactSizeIterator<Item = u64> {
        self.in_flight.iter().copied()
    }

    fn next_due(&self) -> Option<Duration> {
        (self.next < self.end).then(|| self.plan.due(self.next))
    }

    fn has_room(&self) -> bool {
        let oldest = self.in_flight.first().copied().unwrap_or(self.next);
        self.in_flight.len() < self.in_flight_max && self.next - oldest < self.span_max
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::Load;
    use crate::plan::tests::load;

    /// Ten batches, one due every 10 ms.
    fn plan() -> Plan {
        let duration = Duration::from_millis(100);
        Plan::new(Load { batch_rows: 10, rate: 1_000, duration, ..load() }).unwrap()
    }

    /// Steps: `at MS` moves the clock and sends what is due, `ack BATCH` tells its latency, `behind` and `stop`.
    #[track_caller]
    fn check(in_flight_max: usize, script: &str, expected: &str) {
        let plan = plan();
        let mut pace = Pace::new(&plan, in_flight_max, 1);
        let (mut now, mut said) = (Duration::ZERO, String::new());
        for step in script.split("; ") {
            match step.split(' ').collect::<Vec<_>>()[..] {
                ["at", millis] => {
                    now = Duration::from_millis(millis.parse().unwrap());
                    while let Some(batch) = pace.take(now) {
                        write!(said, "{batch} ").unwrap();
                    }
                }
                ["ack", batch] => {
                    let late = pace.settle(batch.parse().unwrap(), now);
                    match late {
                        Some(late) => write!(said, "{}ms ", late.as_millis()).unwrap(),
                        None => said += "? ",
                    }
                }
                ["behind"] => write!(said, "-{}ms ", pace.behind(now).as_millis()).unwrap(),
                ["stop"] => pace.stop(),
                _ => panic!("unknown step `{step}`"),
            }
        }
        assert_eq!(said.trim_end(), expected);
    }

    #[test]
    fn a_batch_is_sent_when_it_is_due_whatever_the_server_does() {
        check(100, "at 0; at 9; at 10; at 25; at 40", "0 1 2 3 4");
    }

    #[test]
    fn latency_counts_from_when_it_was_due() {
        // The server stalls with one batch in flight for 50 ms; those that had to wait are late, too.
        check(1, "at 0; at 50; ack 0; at 51; ack 1; at 52; ack 2", "0 50ms 1 41ms 2 32ms");
    }

    #[test]
    fn who_falls_behind_is_known() {
        check(2, "at 0; behind; at 10; at 95; behind; ack 0; at 95; behind", "0 -0ms 1 -75ms 95ms 2 -65ms");
    }

    #[test]
    fn after_a_stop_nothing_is_sent() {
        check(100, "at 10; stop; at 100; ack 1; ack 5", "0 1 90ms ?");
    }

    #[test]
    fn waking_is_for_what_is_due() {
        let plan = plan();
        let mut pace = Pace::new(&plan, 1, 1);
        assert_eq!((pace.take(Duration::ZERO), pace.wake_at(), pace.is_full()), (Some(0), None, true));
        pace.settle(0, Duration::ZERO);
        assert_eq!(pace.wake_at(), Some(Duration::from_millis(10)));
        while !pace.is_sent() {
            let batch = pace.take(Duration::MAX).unwrap();
            pace.settle(batch, Duration::MAX);
        }
        assert_eq!((pace.wake_at(), pace.sent(), pace.in_flight().len()), (None, 10, 0));
    }

    proptest! {
        #[test]
        fn no_publisher_outruns_the_servers_memory(publishers in 1_usize..5, acked in prop::collection::vec(1_u64..3_000, 0..3_000)) {
            let plan = Plan::new(Load { batch_rows: 1, rate: 5_000, ..load() }).unwrap();
            let mut pace = Pace::new(&plan, usize::MAX, publishers);
            let last = pace.sent_all(&acked); // batch 0 is never answered
            let (lane, sequence) = (last % publishers as u64, last / publishers as u64);
            prop_assert!(lane != 0 || sequence < SEQUENCES_IN_FLIGHT_MAX);
            prop_assert!(pace.is_full() && last + 1 == pace.span_max);
        }
    }

    impl Pace<'_> {
        /// Sends all it may while these are answered; the last that was sent.
        fn sent_all(&mut self, acked: &[u64]) -> u64 {
            while self.take(Duration::MAX).is_some() {}
            for batch in acked {
                self.settle(*batch, Duration::MAX);
                while self.take(Duration::MAX).is_some() {}
            }
            self.sent() - 1
        }
    }
}
