//! The door: clock, network and CPU time meet the plan here.
//!
//! In:   a plan, senders, the wall clock, the wish to stop.
//! Out:  the outcome; progress now and then.
//! Kept: what is in flight.
//! Never: waits for an answer before it sends what is due, as long as the bounds are kept.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use client::{BatchSender, Clock, Delivery, Receipt};
use model::{Minute, MinuteRange, Stamp};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::oracle::Oracle;
use crate::outcome::{Ended, Latency, Outcome, Progress, per_second};
use crate::pace::Pace;
use crate::plan::Plan;
use crate::template::Press;

/// Batches that are built before answers are looked at: 32 of 1,000 rows take less than a millisecond.
const BURST: usize = 32;

/// Rows that a reply neither accepts nor refuses.
const UNNAMED: &str = "not_in_reply";
/// The whole batch, for a reason that the client knows no name for.
const REJECTED: &str = "rejected";

/// How a run behaves when the server does not.
#[derive(Clone, Debug)]
pub struct Options {
    /// Batches sent and not answered, of all publishers together.
    pub in_flight_max: usize,
    /// The run gives up when the next batch has been due for this long.
    pub behind_max: Duration,
    /// How long answers are waited for after the last batch was sent.
    pub drain_max: Duration,
    /// How often progress is reported.
    pub report_every: Duration,
    /// Adds up what must be there; 10 ns a row.
    pub oracle: bool,
}

/// Runs the plan. Batches go to the senders in turn; each is a publisher of its own. Ends early when `stop` is ready.
pub async fn run(
    plan: &Plan,
    account: &str,
    senders: Vec<BatchSender>,
    options: &Options,
    clock: &dyn Clock,
    stop: impl Future<Output = ()>,
    mut report: impl FnMut(&Progress),
) -> Outcome {
    let mut run = Run::new(plan, account, senders, options, clock);
    let mut stop = pin!(stop);
    let mut ticks = tokio::time::interval(options.report_every);
    while !run.pace.is_sent() {
        run.send_due();
        tokio::select! {
            biased;
            () = &mut stop => run.end(Ended::Stopped),
            _ = ticks.tick() => report(&run.progress()),
            Some(done) = run.flying.join_next() => run.settle(done),
            () = nap(run.began, run.pace.wake_at()) => {}
        }
    }
    run.drain(&mut ticks, &mut report).await;
    report(&run.progress());
    run.finish()
}

/// Until a batch is due; at once without the timer's millisecond when one is due already.
async fn nap(began: Instant, wake_at: Option<Duration>) {
    match wake_at.map(|at| began + at) {
        None => std::future::pending().await,
        Some(at) if at <= Instant::now() => tokio::task::yield_now().await,
        Some(at) => tokio::time::sleep_until(at).await,
    }
}

type Sent = (u64, Delivery);

struct Run<'p> {
    plan: &'p Plan,
    options: &'p Options,
    clock: &'p dyn Clock,
    senders: Vec<BatchSender>,
    press: Press,
    pace: Pace<'p>,
    flying: JoinSet<Sent>,
    began: Instant,
    cpu_at_start: Duration,
    reported: (Duration, u64),
    result: Outcome,
}

// === impl Run ===

impl<'p> Run<'p> {
    fn new(
        plan: &'p Plan,
        account: &str,
        senders: Vec<BatchSender>,
        options: &'p Options,
        clock: &'p dyn Clock,
    ) -> Self {
        let press = Press::new(plan, account);
        let minute = minute_of(clock);
        Self {
            plan,
            options,
            clock,
            press,
            pace: Pace::new(plan, options.in_flight_max, senders.len()),
            senders,
            flying: JoinSet::new(),
            began: Instant::now(),
            cpu_at_start: cpu_time(),
            reported: (Duration::ZERO, 0),
            result: nothing_yet(plan, MinuteRange::new(minute, minute), options.oracle),
        }
    }

    fn batch_rows(&self) -> u64 {
        u64::from(self.plan.load().batch_rows)
    }

    /// Sends what is due, in part if it is much; gives up when the next batch is too late.
    fn send_due(&mut self) {
        let now = self.began.elapsed();
        for _ in 0..BURST {
            let Some(batch) = self.pace.take(now) else { break };
            self.send(batch);
        }
        let behind = self.pace.behind(now);
        if behind > self.options.behind_max {
            let server = self.pace.is_full();
            self.end(if server { Ended::ServerBehind { behind } } else { Ended::GeneratorBehind { behind } });
        }
    }

    fn send(&mut self, batch: u64) {
        let minute = minute_of(self.clock);
        let window = &mut self.result.window;
        *window = MinuteRange::new(window.from.min(minute), window.to.max(minute.next()));
        let publishers = self.senders.len() as u64;
        let lane = usize::try_from(batch % publishers).unwrap_or(0);
        let sender = self.senders[lane].clone();
        let first = sender.first_stamp();
        let stamp = Stamp { sequence: first.sequence + batch / publishers, ..first };
        let packet = self.press.packet(self.plan, batch, minute, stamp);
        self.flying.spawn(async move { (batch, sender.send(packet).await) });
    }

    fn settle(&mut self, done: Result<Sent, JoinError>) {
        // A transport that panics has a bug; its batch stays in flight and ends among the unconfirmed.
        let Ok((batch, delivery)) = done else { return };
        let now = self.began.elapsed();
        let Some(latency) = self.pace.settle(batch, now) else { return };
        self.result.latency.record(latency);
        self.result.elapsed = now;
        self.result.retried += u64::from(delivery.tries - 1) * self.batch_rows();
        match delivery.answer {
            Ok(receipt) => self.answered(batch, delivery.tries, receipt),
            Err(message) => {
                let refused = [(REJECTED.to_owned(), self.batch_rows())].into();
                let messages = [(REJECTED.to_owned(), message)].into();
                let receipt = Receipt { refused, messages, ..Receipt::default() };
                self.answered(batch, delivery.tries, receipt);
            }
        }
    }

    fn answered(&mut self, batch: u64, tries: u32, receipt: Receipt) {
        let rows = self.batch_rows();
        let accepted = receipt.accepted.min(rows);
        self.result.acked += accepted;
        self.refused(rows - accepted, receipt);
        let Some(oracle) = &mut self.result.oracle else { return };
        if accepted == rows {
            oracle.acknowledged(self.plan, batch);
        } else if accepted > 0 || tries > 1 {
            oracle.unclear(self.plan, batch);
        }
    }

    fn refused(&mut self, mut unnamed: u64, receipt: Receipt) {
        if unnamed > 0 && self.result.refusal.is_none() {
            self.result.refusal = receipt.messages.into_values().next();
        }
        let named = receipt.refused.into_iter().chain([(UNNAMED.to_owned(), u64::MAX)]);
        for (reason, rows) in named {
            let rows = rows.min(unnamed);
            unnamed -= rows;
            if rows > 0 {
                *self.result.refused.entry(reason).or_default() += rows;
            }
        }
    }

    fn end(&mut self, ended: Ended) {
        self.pace.stop();
        self.result.ended = ended;
    }

    /// Waits for the answers to what was sent.
    async fn drain(&mut self, ticks: &mut tokio::time::Interval, report: &mut impl FnMut(&Progress)) {
        let until = Instant::now() + self.options.drain_max;
        while !self.flying.is_empty() {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => return,
                _ = ticks.tick() => report(&self.progress()),
                Some(done) = self.flying.join_next() => self.settle(done),
            }
        }
    }

    fn progress(&mut self) -> Progress {
        let elapsed = self.began.elapsed();
        let (before, acked_before) = std::mem::replace(&mut self.reported, (elapsed, self.result.acked));
        Progress {
            elapsed,
            rows: self.result.rows,
            sent: self.pace.sent() * self.batch_rows(),
            acked: self.result.acked,
            refused: self.result.refused.values().sum(),
            rate: per_second(self.result.acked - acked_before, elapsed - before),
            behind: self.pace.behind(elapsed),
            p99_ms: self.result.latency.percentile_ms(99.0),
        }
    }

    fn finish(mut self) -> Outcome {
        self.result.unconfirmed = self.pace.in_flight().len() as u64 * self.batch_rows();
        self.result.unsent = (self.plan.batches() - self.pace.sent()) * self.batch_rows();
        self.result.cpu = cpu_time().saturating_sub(self.cpu_at_start);
        if let Some(oracle) = &mut self.result.oracle {
            self.pace.in_flight().for_each(|batch| oracle.unclear(self.plan, batch));
        }
        self.result
    }
}

fn nothing_yet(plan: &Plan, window: MinuteRange, oracle: bool) -> Outcome {
    Outcome {
        rows: plan.rows(),
        acked: 0,
        refused: [].into(),
        refusal: None,
        unconfirmed: 0,
        unsent: 0,
        retried: 0,
        elapsed: Duration::ZERO,
        cpu: Duration::ZERO,
        latency: Latency::default(),
        window,
        ended: Ended::Complete,
        oracle: oracle.then(|| Oracle::new(plan)),
    }
}

fn minute_of(clock: &dyn Clock) -> Minute {
    Minute::of_unix_millis(u64::try_from(clock.now().as_millis()).unwrap_or(u64::MAX))
}

/// Of all threads of this process.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
