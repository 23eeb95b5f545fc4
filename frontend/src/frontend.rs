//! What all doors lead to: batches in, a reply when their rows are durable.

use std::sync::Arc;
use std::time::Duration;

use model::{Limits, Placement};
use partition_log::{AppendError, PartitionLog};
use proto::{BatchColumns, v1};
use thiserror::Error;

use crate::admission::{Refused, Rejected, admit};
use crate::batcher::{Appended, Batcher, Full};
use crate::counters::{Counters, Fate};
use crate::rebucket::{Part, rebucket};

/// Batches of one request. Together with the other limits it bounds what one request may occupy of a queue.
pub const BATCHES_PER_REQUEST_MAX: usize = 256;

/// Long enough for a disk to write what waits (see `batcher`), short enough to stay within the lateness.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const _: () = assert!(BATCHES_PER_REQUEST_MAX <= crate::batcher::QUEUE_PARTS_MAX / 4);

/// Checks, splits and appends what the doors bring.
#[derive(Debug)]
pub struct Frontend {
    placement: Placement,
    limits: Limits,
    partitions: Vec<Batcher>,
    counters: Counters,
}

/// A frontend that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the placement has {placement} partitions, but there are {logs} logs: give one log for each partition"
)]
pub struct LogsMismatch {
    /// By the placement.
    pub placement: u32,
    /// Given.
    pub logs: usize,
}

/// Why a request was not acknowledged. Repeating it is safe: batches with a stamp are applied once.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// The call is wrong and will be wrong again.
    #[error("the request has {got} batches, at most {max} are taken: split it")]
    TooManyBatches {
        /// In the request.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// Nothing of the request was appended.
    #[error("partition {partition} is behind with writing: nothing was taken, come back in {retry_after:?}")]
    Full {
        /// The first that had no place.
        partition: u32,
        /// When.
        retry_after: Duration,
    },
    /// Some parts of the request may be durable, others are not.
    #[error("partition {partition} did not take its part: {source}; publish the same batches again")]
    Log {
        /// The first that failed.
        partition: u32,
        /// What its log said.
        source: AppendError,
    },
}

/// A batch after admission.
struct Judged {
    account: String,
    accepted: u64,
    refused: Refused,
    parts: Vec<Part>,
}

// === impl Frontend ===

impl Frontend {
    /// With one log for each partition. Must be called within a Tokio runtime, on which the partitions' tasks run
    /// until the frontend is dropped.
    ///
    /// # Errors
    /// When the number of logs is not the number of partitions.
    pub fn new(
        placement: Placement,
        limits: Limits,
        logs: Vec<Arc<dyn PartitionLog>>,
    ) -> Result<Self, LogsMismatch> {
        if logs.len() != placement.partitions() as usize {
            return Err(LogsMismatch { placement: placement.partitions(), logs: logs.len() });
        }
        let partitions = logs.into_iter().map(Batcher::spawn).collect();
        Ok(Self { placement, limits, partitions, counters: Counters::default() })
    }

    /// Rows taken and refused so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Replies when every accepted row is durable. `now` is in unix seconds.
    ///
    /// # Errors
    /// When no reply about each row can be given; see [`PublishError`].
    pub async fn publish(&self, batches: &[v1::Batch], now: u64) -> Result<v1::PublishReply, PublishError> {
        let (got, max) = (batches.len(), BATCHES_PER_REQUEST_MAX);
        if got > max {
            return Err(PublishError::TooManyBatches { got, max });
        }
        let mut judged: Vec<Judged> = batches.iter().map(|batch| self.judge(batch, now)).collect();
        let parts = judged.iter_mut().flat_map(|batch| std::mem::take(&mut batch.parts)).collect();
        if let Err(error) = self.append(parts).await {
            self.count_failed(&judged, &error);
            return Err(error);
        }
        Ok(v1::PublishReply { batches: judged.into_iter().map(|batch| self.reply(batch)).collect() })
    }

    fn judge(&self, batch: &v1::Batch, now: u64) -> Judged {
        let account = if batch.account.is_empty() { proto::ACCOUNT_DEFAULT } else { &batch.account };
        let columns = BatchColumns::new(batch).map_err(Rejected::Always);
        let admitted = columns.and_then(|columns| admit(columns, &self.limits, now));
        let (accepted, refused, parts) = match admitted {
            Err(rejected) => (0, Refused::whole(batch.row_series.len() as u64, &rejected), Vec::new()),
            Ok(mut admitted) => {
                let refused = std::mem::take(&mut admitted.refused);
                (admitted.rows.len() as u64, refused, rebucket(&admitted, self.placement))
            }
        };
        Judged { account: account.to_owned(), accepted, refused, parts }
    }

    /// All places first: when one partition has none, no other has got anything.
    async fn append(&self, parts: Vec<Part>) -> Result<(), PublishError> {
        let places: Result<Vec<_>, _> = parts.iter().map(|part| self.reserve(part)).collect();
        let appended: Vec<(u32, Appended)> = places?
            .into_iter()
            .zip(parts)
            .map(|(place, part)| (part.partition, place.put(part.batch)))
            .collect();
        let mut failed = None;
        for (partition, appended) in appended {
            let gone = || AppendError::Stopped("the partition's task has ended".to_owned());
            if let Err(source) = appended.await.unwrap_or_else(|_| Err(gone())) {
                failed.get_or_insert((partition, source));
            }
        }
        match failed {
            None => Ok(()),
            Some((partition, source)) => Err(PublishError::Log { partition, source }),
        }
    }

    fn reserve(&self, part: &Part) -> Result<crate::batcher::Place, PublishError> {
        let bytes = prost::Message::encoded_len(&part.batch);
        let full = |Full| PublishError::Full { partition: part.partition, retry_after: RETRY_AFTER };
        self.partitions[part.partition as usize].reserve(bytes).map_err(full)
    }

    fn reply(&self, judged: Judged) -> v1::BatchReply {
        self.counters.add(&judged.account, Fate::Accepted, judged.accepted);
        self.count_refused(&judged);
        judged.refused.into_reply(judged.accepted)
    }

    /// Refused rows are refused whatever became of the others, but they are told, and counted, when they are told.
    fn count_failed(&self, judged: &[Judged], error: &PublishError) {
        let fate = match error {
            PublishError::Log { .. } => Fate::LogFailed,
            PublishError::Full { .. } | PublishError::TooManyBatches { .. } => Fate::QueueFull,
        };
        judged.iter().for_each(|batch| self.counters.add(&batch.account, fate, batch.accepted));
    }

    fn count_refused(&self, judged: &Judged) {
        for (reason, rows) in judged.refused.by_reason() {
            self.counters.add(&judged.account, Fate::Refused(reason), rows);
        }
    }
}
