//! Micro-batches of one partition: all that waited while the record before was on its way to the disk is one record.
//!
//! In:    parts of batches, each with somebody who waits for it.
//! Out:   log records of about [`RECORD_BYTES`]; to each who waits, whether its part is durable.
//! Kept:  at most [`QUEUE_PARTS_MAX`] parts and [`QUEUE_BYTES_MAX`] bytes.
//! Never: reorders parts, or takes one for which there is no place, or one that would wait behind a log that stands still.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use partition_log::{AppendError, PartitionLog, append_async};
use proto::{encode_rows, v1};
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

/// Bytes of one record: 1 MiB is where the disk's throughput ends to depend on the size of a sync.
pub const RECORD_BYTES: usize = 1 << 20;

/// Parts that wait for one partition.
pub const QUEUE_PARTS_MAX: usize = 1024;

/// Bytes of parts that wait for one partition: a second of what a disk of 48 MiB/s for this partition takes, and enough
/// for any request of our own protocol, all of whose rows may go to one partition.
pub const QUEUE_BYTES_MAX: usize = 48 << 20;

/// Bytes of a row on the wire at least, when every row has a series of its own: that series' metric and number of
/// dimensions; the row's series and minute (of this century), its count and sum.
const ROW_AND_SERIES_BYTES_MIN: usize = 1 + 1 + (1 + 4) + 1 + 8;

/// What a frontend adds to a series: its hashes. To a batch: the name of the default account, lengths of columns.
const HASHES_BYTES: usize = 3 * 8;
const BATCH_BYTES_ADDED_MAX: usize = 64;

// So a request grows to 40/16 of its bytes at most.
const _: () = assert!(
    crate::publish::MESSAGE_BYTES_MAX / ROW_AND_SERIES_BYTES_MIN * (ROW_AND_SERIES_BYTES_MIN + HASHES_BYTES)
        + crate::BATCHES_PER_REQUEST_MAX * BATCH_BYTES_ADDED_MAX
        < QUEUE_BYTES_MAX
);

// The largest part fits beside two others, and with what came before it into a record.
const _: () =
    assert!(3 * (crate::admission::BATCH_BYTES_MAX + 24 * model::ROWS_PER_BATCH_MAX) < QUEUE_BYTES_MAX);
const _: () = assert!(
    RECORD_BYTES + crate::admission::BATCH_BYTES_MAX + 24 * model::ROWS_PER_BATCH_MAX
        < partition_log::limits::RECORD_BYTES_MAX
);

/// A record that a log has had for so long and not answered for: whoever came now would wait behind it, and hears to come
/// back instead. A disk syncs in milliseconds, a partition of Kafka that changes its leader takes a second.
pub const STILL_AFTER: Duration = Duration::from_secs(2);

/// Whether a part is durable.
pub type Appended = oneshot::Receiver<Result<(), AppendError>>;

/// The entry to one partition. Its task ends when the last clone of it is dropped.
#[derive(Clone, Debug)]
pub struct Batcher {
    queue: mpsc::Sender<Waiting>,
    bytes: Arc<Semaphore>,
    /// Since when the log has had the record at work.
    appending: Arc<Mutex<Option<Instant>>>,
}

/// A place in the queue of a partition, not used yet. Dropped unused, it is free again.
#[derive(Debug)]
pub struct Place {
    queue: OwnedPermit<Waiting>,
    bytes: OwnedSemaphorePermit,
}

/// No place: the partition's log is behind, or stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Debug)]
struct Waiting {
    batch: v1::Batch,
    /// Given back when the part is durable or lost.
    bytes: OwnedSemaphorePermit,
    done: oneshot::Sender<Result<(), AppendError>>,
}

// === impl Batcher ===

impl Batcher {
    /// Starts the task of one partition, on the current runtime.
    #[must_use]
    pub fn spawn(log: Arc<dyn PartitionLog>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_PARTS_MAX);
        let appending = Arc::default();
        tokio::spawn(run(log, waiting, Arc::clone(&appending)));
        Self { queue, bytes: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)), appending }
    }

    /// A place for a part of this many bytes.
    ///
    /// # Errors
    /// [`Full`]: nothing waits until there is one, so that the publisher hears of it.
    pub fn reserve(&self, bytes: usize) -> Result<Place, Full> {
        if self.appending.lock().is_some_and(|since| since.elapsed() >= STILL_AFTER) {
            return Err(Full);
        }
        let bytes = u32::try_from(bytes).map_err(|_| Full)?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).map_err(|_| Full)?;
        let queue = self.queue.clone().try_reserve_owned().map_err(|_| Full)?;
        Ok(Place { queue, bytes })
    }
}

// === impl Place ===

impl Place {
    /// Puts the part into the queue.
    #[must_use]
    pub fn put(self, batch: v1::Batch) -> Appended {
        let (done, appended) = oneshot::channel();
        self.queue.send(Waiting { batch, bytes: self.bytes, done });
        appended
    }
}

/// One record at a time; what comes meanwhile becomes the next.
async fn run(
    log: Arc<dyn PartitionLog>,
    mut waiting: mpsc::Receiver<Waiting>,
    appending: Arc<Mutex<Option<Instant>>>,
) {
    while let Some(first) = waiting.recv().await {
        let together = all_that_waited(first, &mut waiting);
        let (batches, acks): (Vec<_>, Vec<_>) =
            together.into_iter().map(|part| (part.batch, (part.done, part.bytes))).unzip();
        *appending.lock() = Some(Instant::now());
        let appended = append_async(&log, encode_rows(&batches)).await.map(drop);
        *appending.lock() = None;
        for (done, bytes) in acks {
            drop(bytes);
            // Who has hung up meanwhile will retry, and the island will know the rows again.
            let _ = done.send(appended.clone());
        }
    }
}

fn all_that_waited(first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let mut bytes = first.bytes.num_permits();
    let mut together = vec![first];
    while bytes < RECORD_BYTES
        && let Ok(next) = waiting.try_recv()
    {
        bytes += next.bytes.num_permits();
        together.push(next);
    }
    together
}

#[cfg(test)]
mod tests {
    use partition_log::{MemoryLog, PartitionLog as _};

    use super::*;

    #[tokio::test]
    async fn behind_a_log_that_stands_still_nobody_waits() {
        let log = Arc::new(MemoryLog::new());
        let batcher = Batcher::spawn(Arc::clone(&log) as Arc<dyn PartitionLog>);
        let long_ago = Instant::now().checked_sub(STILL_AFTER).expect("the machine has run for a while");
        *batcher.appending.lock() = Some(long_ago);
        assert_eq!(batcher.reserve(1).err(), Some(Full));
        *batcher.appending.lock() = Some(Instant::now());
        let appended = batcher.reserve(1).unwrap().put(v1::Batch::default());
        assert_eq!(appended.await, Ok(Ok(())));
        assert_eq!((log.end(), *batcher.appending.lock()), (1, None));
    }
}
