//! Why a request was not acknowledged, for every door.

use std::time::Duration;

use partition_log::AppendError;
use thiserror::Error;

/// Why a request was not acknowledged. Repeating it is safe: batches with a stamp are applied once.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum PublishError {
    /// The call is wrong and will be wrong again.
    #[error("the request has {got} batches, at most {max} are taken: split it")]
    TooManyBatches {
        /// In the request.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// Nothing of the request was appended, and never will be.
    #[error(
        "the request has {bytes} bytes for partition {partition} once its rows are hashed, at most {max} are taken: \
         split it"
    )]
    TooLarge {
        /// The partition.
        partition: u32,
        /// What its rows take.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Nothing of the request was appended.
    #[error(
        "partition {partition} is behind with writing, or stands still: nothing was taken, come back in {retry_after:?}"
    )]
    Full {
        /// The first that had no place.
        partition: u32,
        /// When.
        retry_after: Duration,
    },
    /// Nothing of the request was looked at: an account in it sends more than it may.
    #[error(
        "account {account:?} has used up its {limit} of {per_second}, averaged over a minute: nothing was taken, come back in \
         {retry_after:?}, or raise it under limits: in the rules folder"
    )]
    Throttled {
        /// The first.
        account: String,
        /// As the rule file calls it.
        limit: &'static str,
        /// What it is.
        per_second: f64,
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
    /// The task that waits for the logs has ended by itself; rows may be durable.
    #[error("BUG: the server failed while it wrote this request: report it; publish the same batches again")]
    Bug,
}
