//! The client's own thread: a small runtime that closes minutes and sends.
//!
//! In:   packets of the engine, the time.
//! Out:  tries, and their outcomes back to the engine.
//! Kept: the tries that are on their way.
//! Never: waits for a lock that someone holds while waiting for this thread.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::{Id, JoinError, JoinSet};

use crate::clock::until_next_minute;
use crate::engine::Engine;
use crate::limits::CLOCK_CHECK;
use crate::send::transport::{Receipt, SendError, one_try};

/// The thread, once it was needed.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    started: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What became of one try.
type Outcome = Result<Receipt, SendError>;

// === impl Worker ===

impl Worker {
    pub(crate) fn start(&self, engine: &Arc<Engine>) {
        if self.started.load(Ordering::Acquire) {
            return;
        }
        let mut thread = self.thread.lock();
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let engine = Arc::clone(engine);
        match thread::Builder::new().name("sluice-client".to_owned()).spawn(move || run(&engine)) {
            Ok(handle) => *thread = Some(handle),
            Err(error) => {
                tracing::error!(%error, "cannot start the sending thread: nothing will be published");
            }
        }
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    pub(crate) fn join(&self) {
        let Some(handle) = self.thread.lock().take() else { return };
        // A transport or a callback that owns the last `Client` ends here on the thread itself.
        if handle.thread().id() != thread::current().id() && handle.join().is_err() {
            tracing::error!("the sending thread panicked: rows may not have been published");
        }
    }
}

fn run(engine: &Arc<Engine>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(send_all(engine)),
        Err(error) => tracing::error!(%error, "cannot start a runtime: nothing will be published"),
    }
}

async fn send_all(engine: &Arc<Engine>) {
    let began = Instant::now();
    let mut tries = JoinSet::new();
    let mut packets = HashMap::new();
    while !engine.stopped.load(Ordering::Acquire) {
        if !engine.settings.replay {
            engine.tick();
        }
        while let Some(packet) = engine.next_packet(began.elapsed()) {
            let (engine, sent) = (Arc::clone(engine), packet.clone());
            let sending = async move {
                one_try(engine.settings.transport.as_ref(), sent, engine.settings.try_timeout).await
            };
            packets.insert(tries.spawn(sending).id(), packet);
        }
        tokio::select! {
            Some(done) = tries.join_next_with_id(), if !tries.is_empty() => {
                let (id, outcome) = outcome_of(done);
                if let Some(packet) = packets.remove(&id) {
                    engine.settle(&packet, &outcome, began.elapsed());
                }
            }
            () = engine.wake.notified() => {}
            () = tokio::time::sleep(nap(engine, began.elapsed())) => {}
        }
    }
}

/// A transport that panics has a bug; the batch is tried again as after any other failure.
fn outcome_of(done: Result<(Id, Outcome), JoinError>) -> (Id, Outcome) {
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "BUG: the transport panicked");
        (error.id(), Err(SendError::Retry { after: None, message: error.to_string() }))
    })
}

/// Until there is something to do: a retry, the next minute, or a look at the clock.
fn nap(engine: &Engine, now: Duration) -> Duration {
    let retry = engine.wake_at().map_or(CLOCK_CHECK, |at| at.saturating_sub(now));
    retry.min(until_next_minute(engine.settings.clock.now())).min(CLOCK_CHECK)
}
