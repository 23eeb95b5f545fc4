//! How large an embedded log's parts are.

use super::error::OpenError;
use crate::limits;
use crate::log::Offset;

/// How large an embedded log's parts are. The defaults are the limits of [`limits`], with their reasons.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// A segment is closed before it would grow past this many bytes.
    pub segment_bytes_max: u64,
    /// One write and one fsync take so many bytes at most, or one record.
    pub group_bytes_max: usize,
    /// Appends that may wait.
    pub queue_records_max: usize,
    /// Bytes that may wait.
    pub queue_bytes_max: usize,
    /// Bytes of recent records kept in memory for readers.
    pub tail_bytes_max: usize,
    /// One index entry per so many bytes of a segment.
    pub index_every_bytes: u64,
    /// Records below this one are never asked for again: they are checkpointed. Damage that lies wholly among them does not
    /// keep the log from being opened; it begins behind it then, and says so.
    pub needed_from: Offset,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes_max: limits::SEGMENT_BYTES_MAX,
            group_bytes_max: limits::GROUP_BYTES_MAX,
            queue_records_max: limits::QUEUE_RECORDS_MAX,
            queue_bytes_max: limits::QUEUE_BYTES_MAX,
            tail_bytes_max: limits::TAIL_BYTES_MAX,
            index_every_bytes: limits::INDEX_EVERY_BYTES,
            needed_from: 0,
        }
    }
}

impl LogConfig {
    /// Refuses what cannot work.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let refuse = |field, reason| Err(OpenError::Config { field, reason });
        if self.queue_bytes_max < limits::RECORD_BYTES_MAX {
            return refuse("queue_bytes_max", "must hold the largest record, 16 MiB");
        }
        if self.queue_records_max == 0 {
            return refuse("queue_records_max", "must be at least 1");
        }
        if self.group_bytes_max as u64 > self.segment_bytes_max {
            return refuse(
                "group_bytes_max",
                "must be at most segment_bytes_max: a group lies in one segment",
            );
        }
        if self.segment_bytes_max > limits::SEGMENT_BYTES_CEILING {
            return refuse("segment_bytes_max", "must be at most 1 GiB, which is what an open reads at once");
        }
        Ok(())
    }
}
