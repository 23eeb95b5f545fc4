//! What all handles of a client share, and how measurements go from cells to the queue.
//!
//! In:   measurements from any thread; the minute's end and the outcomes from the worker.
//! Out:  packets for the worker.
//! Kept: the cells, the registry, the press, the outbox.
//! Never: held while sending. Locks are taken in the order of the fields below, and no lock is held while waiting for
//!        another thread, except the press by a replay that waits for room in the queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use model::{Aggregate, Minute, Reason, Refusal, Scalars};
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::accounting::{Accounting, Refused};
use crate::clock::{Clock, minute_of};
use crate::limits::EXPLICIT_ROWS_MAX;
use crate::measure::bound::BoundCell;
use crate::measure::explicit::Explicit;
use crate::measure::key::Keys;
use crate::measure::registry::{Metric, Registry};
use crate::measure::stripes::Stripes;
use crate::measure::{Drained, merged};
use crate::refusals::Refusals;
use crate::send::heartbeat::Events;
use crate::send::outbox::Outbox;
use crate::send::press::{Press, Pressed};
use crate::send::transport::{Packet, Receipt, SendError, Transport};
use crate::worker::Worker;

/// A replay waits so long for room in the queue before it gives the oldest batch up.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(60);

/// Called with why a batch is sent again.
pub(crate) type OnRetry = Box<dyn Fn(&str) + Send + Sync>;

/// What does not change.
pub(crate) struct Settings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) try_timeout: Duration,
    /// No ticker; a full queue makes the caller wait.
    pub(crate) replay: bool,
    pub(crate) on_retry: Option<OnRetry>,
}

pub(crate) struct Engine {
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) plain: Stripes<Scalars>,
    pub(crate) wide: Stripes<Aggregate>,
    /// One drain at a time.
    open_minute: Mutex<Minute>,
    registry: Mutex<Registry>,
    bound: Mutex<Vec<BoundCell>>,
    explicit: Mutex<Explicit>,
    press: Mutex<Sender>,
    outbox: Mutex<Outbox>,
    /// There is something to send, or to stop for.
    pub(crate) wake: Notify,
    /// Something was answered: there may be room, and there may be nothing left.
    settled: Condvar,
    refused: Mutex<BTreeMap<Reason, u64>>,
    refusals: Refusals,
    pub(crate) stopped: AtomicBool,
    worker: Worker,
}

/// The press, and what its heartbeats have said, those that were dropped unsent left out.
struct Sender {
    press: Press,
    declared: Events,
}

// === impl Engine ===

impl Engine {
    pub(crate) fn new(
        settings: Settings,
        refusals: Refusals,
        series_max: usize,
        press: Press,
        outbox: Outbox,
    ) -> Self {
        let open = minute_of(settings.clock.now());
        Self {
            settings,
            keys: Keys::random(),
            plain: Stripes::new(),
            wide: Stripes::new(),
            open_minute: Mutex::new(open),
            registry: Mutex::new(Registry::new(series_max)),
            bound: Mutex::default(),
            explicit: Mutex::default(),
            press: Mutex::new(Sender { press, declared: Events::default() }),
            outbox: Mutex::new(outbox),
            wake: Notify::new(),
            settled: Condvar::new(),
            refused: Mutex::default(),
            refusals,
            stopped: AtomicBool::new(false),
            worker: Worker::default(),
        }
    }

    /// Starts the thread that sends, once there is something to do.
    pub(crate) fn start(self: &Arc<Self>) {
        self.worker.start(self);
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify_one();
        self.worker.join();
        self.refusals.log();
    }

    // --- measurements come in ---

    /// A series that was not in this thread's table: finds it, or makes it, or counts why not.
    #[cold]
    pub(crate) fn record_unknown<C: crate::measure::table::Cell>(
        self: &Arc<Self>,
        stripes: &Stripes<C>,
        metric: &Metric,
        dims: &[(&str, &str)],
        record: impl FnOnce(&mut C),
    ) {
        self.start();
        let resolved = self.registry.lock().resolve(&self.keys, metric, dims);
        match resolved {
            Ok((key, series)) => stripes.insert(key, &series, record),
            Err(refusal) => self.refuse(refusal.reason, 1),
        }
    }

    /// Enters a bound handle's cell.
    pub(crate) fn bind(
        self: &Arc<Self>,
        metric: &Metric,
        dims: &[(&str, &str)],
        cell: crate::measure::bound::Kind,
    ) {
        self.start();
        let resolved = self.registry.lock().resolve(&self.keys, metric, dims);
        if let Err(refusal) = &resolved {
            tracing::warn!(metric = %metric.name, %refusal, "this series cannot be published");
        }
        let goal = resolved.map(|(_, series)| series).map_err(|refusal| refusal.reason);
        self.bound.lock().push(BoundCell { goal, cell });
    }

    /// Merges into a minute of the caller's choice.
    pub(crate) fn record_at(
        self: &Arc<Self>,
        metric: &Metric,
        dims: &[(&str, &str)],
        minute: Minute,
        record: impl FnOnce(&mut Aggregate),
    ) -> Result<(), Refusal> {
        self.start();
        let resolved = self.registry.lock().resolve(&self.keys, metric, dims);
        let (_, series) = resolved.inspect_err(|refusal| self.refuse(refusal.reason, 1))?;
        let mut explicit = self.explicit.lock();
        let rows = explicit.merge(minute, series, record);
        if rows >= EXPLICIT_ROWS_MAX {
            let full = explicit.take();
            drop(explicit);
            self.send(merged(full), None);
        }
        Ok(())
    }

    /// A measurement that is in no row.
    #[cold]
    pub(crate) fn refuse(&self, reason: Reason, measurements: u64) {
        *self.refused.lock().entry(reason).or_default() += measurements;
    }

    // --- minutes go out ---

    /// Closes the open minute when the clock has left it.
    pub(crate) fn tick(&self) {
        let mut open = self.open_minute.lock();
        // Read under the lock: a thread that had read it before would open a minute again that another one has closed.
        let now = minute_of(self.settings.clock.now());
        if *open != now {
            self.drain(*open, true, Some(*open));
            *open = now;
            drop(open);
            self.refusals.log();
        }
    }

    /// Sends what is there, as rows of the minute that is open.
    pub(crate) fn flush(self: &Arc<Self>) {
        self.start();
        if !self.settings.replay {
            self.tick();
        }
        let open = self.open_minute.lock();
        self.drain(*open, false, None);
    }

    /// Declares everything that was built, and waits until all of it is answered or the time is over. A heartbeat that
    /// found no room in the queue is declared again once the queue is empty.
    pub(crate) fn finish(self: &Arc<Self>, timeout: Duration) -> Accounting {
        let until = Instant::now() + timeout;
        self.flush();
        self.declare_all();
        while self.wait_idle(until) && self.press.lock().press.is_undeclared() {
            self.declare_all();
        }
        self.accounting()
    }

    /// The last client is gone: sends what there is, waits for at most `timeout`, and ends the thread.
    pub(crate) fn close(self: &Arc<Self>, timeout: Duration) {
        if self.worker.is_started() {
            let accounting = self.finish(timeout);
            if accounting.unconfirmed > 0 {
                tracing::warn!(
                    rows = accounting.unconfirmed,
                    "dropped before the server answered for these rows"
                );
            }
        }
        self.stop();
    }

    fn declare_all(&self) {
        let open = self.open_minute.lock();
        let mut sender = self.press.lock();
        let alive = (!self.settings.replay).then(|| (*open, self.events_since(&mut sender)));
        sender.press.at(self.settings.clock.now());
        sender.press.declare(Minute(u32::MAX), alive);
        self.enqueue(&mut sender);
    }

    /// False when the time is over, or the client has stopped.
    fn wait_idle(&self, until: Instant) -> bool {
        let mut outbox = self.outbox.lock();
        while !outbox.is_idle() {
            if self.stopped.load(Ordering::Acquire) || self.settled.wait_until(&mut outbox, until).timed_out()
            {
                return false;
            }
        }
        true
    }

    /// All cells to rows; called under the lock of `open_minute`.
    fn drain(&self, minute: Minute, close: bool, heartbeat: Option<Minute>) {
        let mut all = self.explicit.lock().take();
        let mut push = |series: &Arc<_>, aggregate| {
            all.push(Drained { minute, series: Arc::clone(series), aggregate });
        };
        self.plain.drain(close, &mut push);
        self.wide.drain(close, &mut push);
        let mut refused = |reason, measurements| {
            if measurements > 0 {
                self.refuse(reason, measurements);
            }
        };
        self.bound.lock().retain_mut(|cell| cell.drain(minute, close, &mut all, &mut refused));
        self.send(merged(all), heartbeat);
        if close {
            self.registry.lock().forget_idle();
        }
    }

    /// Rows to packets to the queue. In one go under the press's lock: sequences are queued in their order.
    fn send(&self, rows: Vec<Drained>, heartbeat: Option<Minute>) {
        let mut sender = self.press.lock();
        sender.press.at(self.settings.clock.now());
        rows.iter().for_each(|row| sender.press.add(row));
        drop(rows);
        if let Some(minute) = heartbeat {
            let events = self.events_since(&mut sender);
            sender.press.declare(minute, Some((minute, events)));
        }
        self.enqueue(&mut sender);
    }

    fn enqueue(&self, sender: &mut Sender) {
        for pressed in sender.press.take() {
            let mut outbox = self.outbox.lock();
            if self.settings.replay {
                self.wait_for_room(&mut outbox, pressed.packet.request.len());
            }
            let dropped = outbox.push(pressed);
            drop(outbox);
            self.wake.notify_one();
            if !dropped.is_empty() {
                sender.lost(dropped);
            }
        }
    }

    fn wait_for_room(&self, outbox: &mut parking_lot::MutexGuard<'_, Outbox>, bytes: usize) {
        let until = Instant::now() + ROOM_WAIT_MAX;
        while !outbox.has_room(bytes) && !self.stopped.load(Ordering::Acquire) {
            if self.settled.wait_until(outbox, until).timed_out() {
                return;
            }
        }
    }

    /// What happened since the last heartbeat.
    fn events_since(&self, sender: &mut Sender) -> Events {
        let outbox = self.outbox.lock();
        let tally = outbox.tally();
        let now = Events {
            sent: tally.accepted,
            retried: tally.retried,
            dropped: tally.dropped,
            overflowed: sender.press.output().overflowed,
        };
        now.minus(std::mem::replace(&mut sender.declared, now))
    }

    // --- the worker's side ---

    /// A packet to be sent now.
    pub(crate) fn next_packet(&self, now: Duration) -> Option<Packet> {
        self.outbox.lock().next(now)
    }

    /// When to ask again.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        self.outbox.lock().wake_at()
    }

    /// What became of a try.
    pub(crate) fn settle(&self, packet: &Packet, outcome: &Result<Receipt, SendError>, now: Duration) {
        let unknown = self.outbox.lock().settle(packet.stamp.sequence, outcome, now);
        self.settled.notify_all();
        match outcome {
            Ok(_) if unknown > 0 => {
                tracing::warn!(stamp = %packet.stamp, rows = unknown, "too late to learn whether these rows arrived");
            }
            Ok(receipt) => self.refusals.report(receipt),
            Err(SendError::Rejected { message }) => {
                let (reason, message) = ("rejected".to_owned(), message.clone());
                self.refusals.report_one(&Refused { rows: packet.rows, reason, message });
            }
            Err(SendError::Retry { message, .. }) => {
                tracing::debug!(stamp = %packet.stamp, %message, "a batch will be sent again");
                if let Some(call) = &self.settings.on_retry {
                    call(message);
                }
            }
        }
    }

    // --- accounts ---

    pub(crate) fn accounting(&self) -> Accounting {
        let sender = self.press.lock();
        let output = sender.press.output();
        let outbox = self.outbox.lock();
        let tally = outbox.tally().clone();
        let refused = self.refused.lock().iter().map(|(reason, n)| (reason.name().to_owned(), *n)).collect();
        Accounting {
            measurements: output.measurements,
            refused_measurements: refused,
            overflowed: output.overflowed,
            rows: output.rows,
            heartbeat_rows: output.heartbeat_rows,
            accepted: tally.accepted,
            refused: tally.refused,
            dropped: tally.dropped,
            retried: tally.retried,
            unconfirmed: outbox.rows() + tally.unknown,
        }
    }
}

// === impl Sender ===

impl Sender {
    /// These batches were dropped unsent: the next heartbeat says what theirs would have said.
    fn lost(&mut self, dropped: Vec<Pressed>) {
        let rows: u64 = dropped.iter().map(|pressed| pressed.packet.rows).sum();
        tracing::warn!(rows, "the queue is full: the oldest rows were dropped");
        for pressed in dropped {
            self.declared = self.declared.minus(self.press.lost(pressed.declared));
        }
    }
}
