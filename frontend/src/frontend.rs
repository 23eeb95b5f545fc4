//! What all doors lead to: batches in, a reply when their rows are durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Limits, Placement, Reason};
use partition_log::{AppendError, PartitionLog};
use proto::{BatchColumns, v1};
use thiserror::Error;

use crate::PublishError;
use crate::admission::{Refused, Rejected, admit};
use crate::batcher::{Appended, Batcher, Full, Place, QUEUE_BYTES_MAX};
use crate::counters::{Counters, Fate};
use crate::quotas::{AccountRates, Load, Quotas, UsedUp};
use crate::rebucket::{Part, rebucket};

/// Batches of one request. Together with the other limits it bounds what one request may occupy of a queue.
pub const BATCHES_PER_REQUEST_MAX: usize = 256;

/// Long enough for a disk to write what waits (see `batcher`), short enough to stay within the lateness.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

const _: () = assert!(BATCHES_PER_REQUEST_MAX <= crate::batcher::QUEUE_PARTS_MAX / 4);

/// Checks, splits and appends what the doors bring.
#[derive(Debug)]
pub struct Frontend {
    placement: Placement,
    limits: Limits,
    partitions: Vec<Batcher>,
    counters: Arc<Counters>,
    quotas: Quotas,
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
        Ok(Self { placement, limits, partitions, counters: Arc::default(), quotas: Quotas::default() })
    }

    /// From now on accounts may send so much.
    pub fn hold_rates(&self, rates: Arc<dyn AccountRates>) {
        self.quotas.hold(rates);
    }

    /// Rows taken and refused so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Replies when every accepted row is durable. `now` is in unix seconds. Who goes away before that changes nothing
    /// about what becomes of the rows, nor about what is counted.
    ///
    /// # Errors
    /// When no reply about each row can be given; see [`PublishError`].
    pub async fn publish(&self, batches: &[v1::Batch], now: u64) -> Result<v1::PublishReply, PublishError> {
        let (got, max) = (batches.len(), BATCHES_PER_REQUEST_MAX);
        if got > max {
            return Err(PublishError::TooManyBatches { got, max });
        }
        let began = Instant::now();
        self.check_quotas(batches, began)?;
        let mut judged: Vec<Judged> = batches.iter().map(|batch| self.judge(batch, now)).collect();
        let parts = judged.iter_mut().flat_map(|batch| std::mem::take(&mut batch.parts)).collect();
        let appended = match self.append(parts) {
            Ok(appended) => appended,
            Err(error) => {
                count_failed(&self.counters, &judged, &error);
                return Err(error);
            }
        };
        batches.iter().for_each(|batch| self.quotas.charge(account_of(batch), load_of(batch), began));
        // From here on the rows are on their way to the logs, whether anybody waits for them or not.
        let appended = Appending { parts: appended, began, handed_over: Instant::now() };
        let settled = tokio::spawn(settle(appended, judged, Arc::clone(&self.counters)));
        settled.await.unwrap_or(Err(PublishError::Bug))
    }

    /// Before anything costly is done with it.
    fn check_quotas(&self, batches: &[v1::Batch], now: Instant) -> Result<(), PublishError> {
        let used_up = |batch| self.quotas.check(account_of(batch), now).err().map(|why| (batch, why));
        let Some((batch, UsedUp { limit, per_second, retry_after })) = batches.iter().find_map(used_up)
        else {
            return Ok(());
        };
        for one in batches {
            self.counters.add(account_of(one), Fate::Throttled, one.row_series.len() as u64);
        }
        let account = account_of(batch).to_owned();
        Err(PublishError::Throttled { account, limit, per_second, retry_after })
    }

    fn judge(&self, batch: &v1::Batch, now: u64) -> Judged {
        let columns = BatchColumns::new(batch).map_err(Rejected::Always);
        let admitted = columns.and_then(|columns| admit(columns, &self.limits, now));
        let (accepted, refused, parts) = match admitted {
            Err(rejected) => (0, Refused::whole(batch.row_series.len() as u64, &rejected), Vec::new()),
            Ok(mut admitted) => {
                let refused = std::mem::take(&mut admitted.refused);
                (admitted.rows.len() as u64, refused, rebucket(&admitted, self.placement))
            }
        };
        Judged { account: account_of(batch).to_owned(), accepted, refused, parts }
    }

    /// All places first: when one partition has none, no other has got anything.
    fn append(&self, parts: Vec<Part>) -> Result<Vec<(u32, Appended)>, PublishError> {
        check_fits(&parts)?;
        let places: Result<Vec<_>, _> = parts.iter().map(|part| self.reserve(part)).collect();
        let put = |(place, part): (Place, Part)| (part.partition, place.put(part.batch));
        Ok(places?.into_iter().zip(parts).map(put).collect())
    }

    fn reserve(&self, part: &Part) -> Result<Place, PublishError> {
        let bytes = prost::Message::encoded_len(&part.batch);
        let full = |Full| PublishError::Full { partition: part.partition, retry_after: RETRY_AFTER };
        self.partitions[part.partition as usize].reserve(bytes).map_err(full)
    }
}

fn account_of(batch: &v1::Batch) -> &str {
    if batch.account.is_empty() { proto::ACCOUNT_DEFAULT } else { &batch.account }
}

/// What it brings, refused rows too: they were looked at.
fn load_of(batch: &v1::Batch) -> Load {
    Load {
        rows: batch.row_series.len() as f64,
        measurements: batch.row_count.iter().map(|count| *count as f64).sum(),
        bytes: prost::Message::encoded_len(batch) as f64,
    }
}

/// What a partition's queue can never take, it need not be asked for. A request of our own protocol always fits
/// (`batcher.rs`); one of many small OTLP points may not.
fn check_fits(parts: &[Part]) -> Result<(), PublishError> {
    let mut bytes: BTreeMap<u32, usize> = BTreeMap::new();
    for part in parts {
        *bytes.entry(part.partition).or_default() += prost::Message::encoded_len(&part.batch);
    }
    match bytes.into_iter().find(|(_, bytes)| *bytes > QUEUE_BYTES_MAX) {
        None => Ok(()),
        Some((partition, bytes)) => Err(PublishError::TooLarge { partition, bytes, max: QUEUE_BYTES_MAX }),
    }
}

/// Parts of a request on their way to their logs, and since when.
struct Appending {
    parts: Vec<(u32, Appended)>,
    began: Instant,
    handed_over: Instant,
}

/// Waits for all logs, then counts and replies.
async fn settle(
    appending: Appending,
    judged: Vec<Judged>,
    counters: Arc<Counters>,
) -> Result<v1::PublishReply, PublishError> {
    let mut failed = None;
    for (partition, appended) in appending.parts {
        let gone = || AppendError::Stopped("the partition's task has ended".to_owned());
        if let Err(source) = appended.await.unwrap_or_else(|_| Err(gone())) {
            failed.get_or_insert((partition, source));
        }
    }
    if let Some((partition, source)) = failed {
        let error = PublishError::Log { partition, source };
        count_failed(&counters, &judged, &error);
        return Err(error);
    }
    Ok(v1::PublishReply {
        batches: judged.into_iter().map(|batch| batch.reply(&counters)).collect(),
        frontend_us: micros(appending.handed_over - appending.began),
        log_us: micros(appending.handed_over.elapsed()),
    })
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// Refused rows are refused whatever became of the others, but they are told, and counted, when they are told.
fn count_failed(counters: &Counters, judged: &[Judged], error: &PublishError) {
    let fate = match error {
        PublishError::Log { .. } | PublishError::Bug => Fate::LogFailed,
        PublishError::Full { .. } => Fate::QueueFull,
        PublishError::Throttled { .. } => Fate::Throttled,
        PublishError::TooManyBatches { .. } | PublishError::TooLarge { .. } => {
            Fate::Refused(Reason::BatchSize)
        }
    };
    judged.iter().for_each(|batch| counters.add(&batch.account, fate, batch.accepted));
}

// === impl Judged ===

impl Judged {
    fn reply(self, counters: &Counters) -> v1::BatchReply {
        counters.add(&self.account, Fate::Accepted, self.accepted);
        for (reason, rows) in self.refused.by_reason() {
            counters.add(&self.account, Fate::Refused(reason), rows);
        }
        self.refused.into_reply(self.accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_fit_is_counted_as_too_large_and_not_as_waiting() {
        let too_large = PublishError::TooLarge { partition: 0, bytes: 2, max: 1 };
        let full = PublishError::Full { partition: 0, retry_after: RETRY_AFTER };
        for (error, fate) in [(too_large, Fate::Refused(Reason::BatchSize)), (full, Fate::QueueFull)] {
            let (counters, account) = (Counters::default(), "a".to_owned());
            let judged = Judged { account, accepted: 7, refused: Refused::default(), parts: Vec::new() };
            count_failed(&counters, &[judged], &error);
            assert_eq!(counters.rows("a", fate), 7, "{error}");
        }
    }
}
