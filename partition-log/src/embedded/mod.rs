//! The log of `sluice serve`: one directory a partition, segment files of our own, group commit.
//!
//! In:    appends from any thread, into a bounded queue.
//! Out:   acks from one committer thread, after one write and one fdatasync a group; records to readers.
//! Kept:  segments until they are released; the newest records in memory, so that an island which keeps up never
//!        reads the disk; a sparse index.
//! Never: an ack before the sync, a read of what is not durable, a write after a failed sync.
//!
//! Lost on a crash: what was not acknowledged. Whether a directory is in use is the binary's business.

mod committer;
mod config;
mod error;
mod frame;
mod inspect;
mod queue;
mod recover;
mod scan;
mod segment;
mod shared;
mod tail;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

pub use config::LogConfig;
pub use error::OpenError;
pub use inspect::{Inspected, inspect};
pub use recover::{PassedOver, Recovery};

use crate::disk::{Disk, RealDisk};
use crate::log::{Ack, Entry, Offset, PartitionLog, ReadError, ReleaseError};
use committer::Committer;
use queue::Queue;
use recover::{Recovered, recover};
use shared::{Durable, Shared};
use tail::Tail;

/// A log in a directory of this machine.
pub struct EmbeddedLog {
    dir: PathBuf,
    shared: Arc<Shared>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

/// A log, and what was found when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: EmbeddedLog,
    /// What was found, and what was cut.
    pub report: Recovery,
}

impl EmbeddedLog {
    /// Opens the log in `dir`, or makes one. Cuts a torn tail and says so; nobody else may have it open.
    ///
    /// # Errors
    /// Damage in durable data, a newer format, or what the disk says.
    pub fn open(dir: impl AsRef<Path>, config: LogConfig) -> Result<Opened, OpenError> {
        Self::open_on(Arc::new(RealDisk), dir, config)
    }

    /// As [`open`](Self::open), on a disk of your own.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: impl AsRef<Path>,
        config: LogConfig,
    ) -> Result<Opened, OpenError> {
        config.check()?;
        let dir = dir.as_ref();
        let Recovered { segments, active, report } = recover(disk.as_ref(), dir, &config)?;
        warn_of(&report);
        let tail = Tail::new(report.end, config.tail_bytes_max);
        let queue = Queue::new(config.clone());
        let durable = Durable { segments, tail, readable_from: report.start };
        let shared = Arc::new(Shared::new(disk, queue, durable));
        let (next, buffer, at) = (report.end, Vec::new(), dir.to_owned());
        let committer =
            Committer { shared: shared.clone(), dir: at, config, active, next, buffer, has_room: true };
        let thread = spawn(committer).map_err(OpenError::io("start the committer thread for", dir))?;
        let log = Self { dir: dir.to_owned(), shared, committer: Mutex::new(Some(thread)) };
        Ok(Opened { log, report })
    }

    /// Takes nothing more, makes durable what waits, and returns when all acks have run. So does dropping it.
    pub fn close(&self) {
        self.shared.queue.stop("it is closed");
        let Some(committer) = self.committer.lock().take() else { return };
        // An ack may hold the last handle: the committer cannot wait for itself, and ends by itself.
        if committer.thread().id() != thread::current().id() {
            // The thread contains its panics, so that there is nothing to hear from it.
            drop(committer.join());
        }
    }
}

fn warn_of(report: &Recovery) {
    for PassedOver { file, position, from, to, reason } in &report.passed_over {
        let file = file.display();
        tracing::error!(
            %file, position, from, to, reason, "damaged records are passed over: they are checkpointed, and the file goes once it is full"
        );
    }
    if let Some(file) = &report.torn_file {
        let (bytes, end) = (report.torn_bytes_cut, report.end);
        tracing::warn!(file = %file.display(), bytes, end, "cut a torn tail that no ack had promised");
    }
}

fn spawn(committer: Committer) -> std::io::Result<JoinHandle<()>> {
    let shared = committer.shared.clone();
    thread::Builder::new().name("log-committer".to_owned()).spawn(move || {
        // An ack that panics is a bug of its owner; here it must not leave senders waiting for ever.
        if catch_unwind(AssertUnwindSafe(|| committer.run())).is_err() {
            tracing::error!("BUG: an ack or the committer panicked; the log stops");
            shared.refuse_all(Vec::new(), "BUG: its committer panicked; restart to recover");
        }
    })
}

impl PartitionLog for EmbeddedLog {
    fn append(&self, record: Bytes, ack: Ack) {
        self.shared.queue.push(record, ack);
    }

    fn start(&self) -> Offset {
        self.shared.durable().start()
    }

    fn end(&self) -> Offset {
        self.shared.durable().end()
    }

    fn stopped(&self) -> Option<String> {
        self.shared.queue.stopped()
    }

    fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError> {
        self.shared.read(from, bytes_max, wait)
    }

    fn release(&self, before: Offset) -> Result<(), ReleaseError> {
        self.shared.release(&self.dir, before)
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLog").field("dir", &self.dir).finish_non_exhaustive()
    }
}
