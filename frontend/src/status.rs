//! Errors as gRPC and Google say them: `google.rpc.Status`, with `RetryInfo` when there is a time to come back.

use std::time::Duration;

use prost::Message as _;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::PublishError;
use crate::decoding::Refused;

/// Milliseconds after which to come back, for those who do not read details.
pub(crate) const RETRY_AFTER_MS: &str = "retry-after-ms";

/// The dearest request is decoded and through in less.
pub(crate) const MEMORY_RETRY_AFTER: Duration = Duration::from_secs(1);

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `google.rpc.Status`: the body of an error over HTTP, and the details of one over gRPC.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RetryDelay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryDelay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

// === impl RpcStatus ===

impl RpcStatus {
    pub(crate) fn new(code: Code, message: &str, retry_after: Option<Duration>) -> Self {
        let details = retry_after.into_iter().map(retry_info).collect();
        Self { code: code as i32, message: message.to_owned(), details }
    }
}

fn retry_info(after: Duration) -> Any {
    let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
    let nanos = after.subsec_nanos().cast_signed();
    let info = RetryInfo { retry_delay: Some(RetryDelay { seconds, nanos }) };
    Any { type_url: RETRY_INFO.to_owned(), value: info.encode_to_vec() }
}

// === impl PublishError ===

impl PublishError {
    /// The code of gRPC.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::TooManyBatches { .. } => Code::InvalidArgument,
            Self::TooLarge { .. } => Code::OutOfRange,
            Self::Full { .. } => Code::ResourceExhausted,
            Self::Bug => Code::Internal,
            Self::Log { .. } => Code::Unavailable,
        }
    }

    /// When to come back, if it is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { retry_after, .. } => Some(*retry_after),
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
    let details = RpcStatus::new(code, &message, Some(after)).encode_to_vec();
    Status::with_details_and_metadata(code, message, details.into(), metadata)
}
