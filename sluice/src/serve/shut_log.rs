//! A log that can be read and takes nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partition_log::{Ack, AppendError, EmbeddedLog, Entry, Offset, PartitionLog, ReadError, ReleaseError};

/// Refuses every append, and says why.
pub(super) struct ShutLog {
    pub(super) log: Arc<EmbeddedLog>,
    pub(super) why: String,
}

impl PartitionLog for ShutLog {
    fn append(&self, _record: Bytes, ack: Ack) {
        ack(Err(AppendError::Stopped(self.why.clone())));
    }

    fn start(&self) -> Offset {
        self.log.start()
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn stopped(&self) -> Option<String> {
        Some(self.why.clone())
    }

    fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError> {
        self.log.read(from, bytes_max, wait)
    }

    fn release(&self, before: Offset) -> Result<(), ReleaseError> {
        self.log.release(before)
    }
}
