//! Errors as gRPC says them, with the time to come back where there is one.

use std::time::Duration;

use partition_log::AppendError;
use proto::rpc::{RETRY_AFTER_MS, encode_status};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::PublishError;
use crate::decoding::Refused;
use crate::frontend::RETRY_AFTER;

/// The dearest request is decoded and through in less.
pub(crate) const MEMORY_RETRY_AFTER: Duration = Duration::from_secs(1);

// === impl PublishError ===

impl PublishError {
    /// The code of gRPC.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::TooManyBatches { .. } => Code::InvalidArgument,
            Self::TooLarge { .. } => Code::OutOfRange,
            Self::Full { .. } | Self::Throttled { .. } => Code::ResourceExhausted,
            Self::Bug => Code::Internal,
            Self::Log { .. } => Code::Unavailable,
        }
    }

    /// When to come back, if it is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { retry_after, .. } | Self::Throttled { retry_after, .. } => Some(*retry_after),
            // It is looked at once a second whether the log is back.
            Self::Log { source: AppendError::Away(_), .. } => Some(RETRY_AFTER),
            Self::TooManyBatches { .. } | Self::TooLarge { .. } | Self::Log { .. } | Self::Bug => None,
        }
    }
}

impl From<PublishError> for Status {
    fn from(error: PublishError) -> Self {
        status(error.code(), error.to_string(), error.retry_after())
    }
}

// === impl Refused ===

impl Refused {
    /// The code of gRPC.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NoMemory { .. } => Code::ResourceExhausted,
            Self::TooMany(_) | Self::TooDeep { .. } | Self::Malformed { .. } => Code::InvalidArgument,
        }
    }

    /// When to come back, if it is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoMemory { .. } => Some(MEMORY_RETRY_AFTER),
            Self::TooMany(_) | Self::TooDeep { .. } | Self::Malformed { .. } => None,
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        status(refused.code(), refused.to_string(), refused.retry_after())
    }
}

fn status(code: Code, message: String, retry_after: Option<Duration>) -> Status {
    let Some(after) = retry_after else { return Status::new(code, message) };
    let mut metadata = MetadataMap::new();
    let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    metadata.insert(RETRY_AFTER_MS, MetadataValue::from(millis));
    let details = encode_status(code as i32, &message, Some(after));
    Status::with_details_and_metadata(code, message, details.into(), metadata)
}
