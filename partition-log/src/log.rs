//! What a partition's log is to everybody else: one trait, its entries and its errors.
//!
//! In:    records, opaque bytes, for one partition.
//! Out:   the durable ones, in order, by offset.
//! Kept:  nothing; the implementations keep.
//! Never: an ack before the record is durable, a gap between two offsets, a record skipped in silence.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// The place of a record in its partition: 0, 1, 2 … one per record, without gaps.
pub type Offset = u64;

/// Called once per append, when the record is durable or refused.
///
/// It runs on the log's own thread (or the caller's, when the refusal is immediate), so it must be cheap and
/// must not wait: every record behind it waits too. Within one log, acks come in the order of offsets.
pub type Ack = Box<dyn FnOnce(Result<Offset, AppendError>) + Send>;

/// One record that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub offset: Offset,
    /// Its bytes, as they were appended.
    pub record: Bytes,
}

/// Append to and read from one partition.
pub trait PartitionLog: Send + Sync {
    /// Queues `record`; `ack` learns the offset once the record is durable, or why it was refused.
    ///
    /// Never blocks on the disk. A full queue refuses at once with [`AppendError::Full`].
    fn append(&self, record: Bytes, ack: Ack);

    /// The offset of the oldest record that is still there; equals [`end`](Self::end) when there is none.
    fn start(&self) -> Offset;

    /// One past the newest durable record.
    fn end(&self) -> Offset;

    /// Why it is not known yet where the log starts and ends: it is kept elsewhere and has not answered. Until it has, `start` and
    /// `end` say nothing, and reads give nothing. A log of this machine always knows.
    fn unknown(&self) -> Option<String> {
        None
    }

    /// Why appends are refused now; `None` while they are taken. For whoever says how the process does: a full queue
    /// is no such reason; a full disk is one until an append finds room again, and so is a log elsewhere that is away.
    fn stopped(&self) -> Option<String>;

    /// The durable records from `from` on, in order: as many as fit into `bytes_max`, but at least one.
    ///
    /// At the end it waits up to `wait` for a record and returns `[]` when none came. It may return fewer
    /// records than there are; whoever wants them all asks again. A log that is away is waited for in the same way.
    ///
    /// # Errors
    /// [`ReadError::Expired`] below the start, [`ReadError::BeyondEnd`] above the end, and what the disk says. Whatever the
    /// error, nothing was skipped.
    fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError>;

    /// Says that this reader does not need the records below `before` any more, so that their space may be freed.
    ///
    /// The log frees what is convenient (whole segments; nothing at all where other readers may still need it), so
    /// [`start`](Self::start) moves to `before` or less.
    ///
    /// # Errors
    /// [`ReleaseError::BeyondEnd`] when `before` is above the end; nothing is freed then.
    fn release(&self, before: Offset) -> Result<(), ReleaseError>;
}

/// Why a record was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Backpressure: as much waits to be durable as may wait.
    #[error(
        "log queue is full: {records} records, {bytes} bytes wait to be durable \
         (limits {records_max}, {bytes_max}); try again later"
    )]
    Full {
        /// Records that wait.
        records: usize,
        /// Bytes that wait.
        bytes: usize,
        /// The limit of the records.
        records_max: usize,
        /// The limit of the bytes.
        bytes_max: usize,
    },
    /// The record can never be appended.
    #[error("record of {bytes} bytes is above the limit of {max}; split the batch")]
    TooLarge {
        /// The record's size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// There was no room on the disk, and nothing of the record is left there. The next append tries again.
    #[error("the log has no room: {0}")]
    NoRoom(String),
    /// The log is kept elsewhere and cannot be reached, or is not as it must be. Nothing of the record was taken, and the
    /// next append tries again.
    #[error("the log is away: {0}; try again later")]
    Away(String),
    /// The record was sent, and nobody can say whether it is durable: its sender retries under the same identity.
    #[error("the log did not confirm the record: {0}; send it again")]
    Unconfirmed(String),
    /// The log takes nothing more until it is opened again. Durable records stay readable.
    ///
    /// A record that was already queued may or may not be durable: its sender retries under the same identity.
    #[error("log has stopped: {0}")]
    Stopped(String),
}

/// Why a read gave no records.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The record was released. The reader's position is older than the log: it must not go on as if nothing was missing.
    #[error("offset {from} was released; the log starts at {start}")]
    Expired {
        /// Asked for.
        from: Offset,
        /// The oldest there is.
        start: Offset,
    },
    /// The reader is ahead of the log: it belongs to another log, or this one lost records.
    #[error("offset {from} is beyond the end of the log at {end}")]
    BeyondEnd {
        /// Asked for.
        from: Offset,
        /// One past the newest.
        end: Offset,
    },
    /// A record is not there, and later ones are: the topic is compacted or has transactions, which it must not have.
    #[error(
        "record {from} is missing, the next is {next}: restore the log; a topic must be neither compacted nor transactional"
    )]
    Gap {
        /// Asked for.
        from: Offset,
        /// What came.
        next: Offset,
    },
    /// Between two reads the log was replaced: what was read before is not in it.
    #[error(
        "record {offset} is not the one that was read before: the topic was made anew, or has lost records"
    )]
    Replaced {
        /// Read before.
        offset: Offset,
    },
    /// The bytes on the disk are not what was written.
    #[error("{}: damaged at byte {position}: {reason}; restore this file from a copy", file.display())]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// The byte at which the first bad record begins.
        position: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The disk refused.
    #[error("{}: cannot read: {source}", file.display())]
    Io {
        /// The segment.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<std::io::Error>,
    },
}

// === impl ReadError ===

impl ReadError {
    /// May a log that goes from `start` to `end` be read from here?
    pub(crate) fn check(from: Offset, start: Offset, end: Offset) -> Result<(), Self> {
        match from {
            _ if from < start => Err(Self::Expired { from, start }),
            _ if from > end => Err(Self::BeyondEnd { from, end }),
            _ => Ok(()),
        }
    }
}

/// Why nothing was released.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReleaseError {
    /// Nobody can have finished with records that are not there yet.
    #[error("cannot release before {before}: the log ends at {end}")]
    BeyondEnd {
        /// Asked for.
        before: Offset,
        /// One past the newest.
        end: Offset,
    },
    /// The disk refused; what was released before stays released, the next release tries this file again.
    #[error("{}: cannot delete: {source}", file.display())]
    Io {
        /// The segment.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<std::io::Error>,
    },
}

/// Appends, and gives a future of the ack. The record is queued now, not at the first poll.
pub fn append_async(
    log: &dyn PartitionLog,
    record: Bytes,
) -> impl Future<Output = Result<Offset, AppendError>> + Send + use<> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // A receiver that has gone away does not want to know: the record is in the log all the same.
    log.append(record, Box::new(move |acked| drop(sender.send(acked))));
    async move { receiver.await.unwrap_or_else(|_| Err(ack_lost())) }
}

/// Appends and waits for the ack. For tools and tests: it blocks the thread.
///
/// # Errors
/// What the log answered.
pub fn append_blocking(log: &dyn PartitionLog, record: Bytes) -> Result<Offset, AppendError> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    log.append(record, Box::new(move |acked| drop(sender.send(acked))));
    receiver.recv().unwrap_or_else(|_| Err(ack_lost()))
}

fn ack_lost() -> AppendError {
    AppendError::Stopped("it went away without an answer".to_owned())
}

// === pointers to a log are logs ===

macro_rules! forward_to_inner {
    ($pointer:ident) => {
        impl<L: PartitionLog + ?Sized> PartitionLog for $pointer<L> {
            fn append(&self, record: Bytes, ack: Ack) {
                (**self).append(record, ack);
            }
            fn start(&self) -> Offset {
                (**self).start()
            }
            fn end(&self) -> Offset {
                (**self).end()
            }
            fn unknown(&self) -> Option<String> {
                (**self).unknown()
            }
            fn stopped(&self) -> Option<String> {
                (**self).stopped()
            }
            fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError> {
                (**self).read(from, bytes_max, wait)
            }
            fn release(&self, before: Offset) -> Result<(), ReleaseError> {
                (**self).release(before)
            }
        }
    };
}

forward_to_inner!(Arc);
forward_to_inner!(Box);
