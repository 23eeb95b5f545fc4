//! When the server says to come back: `retry-after-ms` in the metadata, or `google.rpc.RetryInfo` in the details.

use std::time::Duration;

use prost::Message;
use tonic::Status;

/// The header that Sluice's frontends set: whole milliseconds.
pub(crate) const RETRY_AFTER_MS: &str = "retry-after-ms";

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `google.rpc.Status`, as far as it matters here.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// How long the server asks to wait, if it does.
pub(crate) fn retry_after(status: &Status) -> Option<Duration> {
    of_header(status).or_else(|| of_details(status.details()))
}

fn of_header(status: &Status) -> Option<Duration> {
    let millis = status.metadata().get(RETRY_AFTER_MS)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_millis(millis))
}

fn of_details(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let any = status.details.iter().find(|any| any.type_url == RETRY_INFO)?;
    let delay = RetryInfo::decode(any.value.as_slice()).ok()?.retry_delay?;
    Duration::try_from(delay).ok()
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn both_spellings_are_understood() {
        let mut status = Status::new(Code::ResourceExhausted, "slow down");
        assert_eq!(retry_after(&status), None);
        status.metadata_mut().insert(RETRY_AFTER_MS, "1500".parse().unwrap());
        assert_eq!(retry_after(&status), Some(Duration::from_millis(1500)));

        let info = RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 2, nanos: 0 }) };
        let any = prost_types::Any { type_url: RETRY_INFO.to_owned(), value: info.encode_to_vec() };
        let details = RpcStatus { details: vec![any] }.encode_to_vec();
        let status = Status::with_details(Code::ResourceExhausted, "slow down", details.into());
        assert_eq!(retry_after(&status), Some(Duration::from_secs(2)));
    }

    #[test]
    fn nonsense_is_no_pushback() {
        let mut status = Status::with_details(Code::Unavailable, "", vec![0xff; 7].into());
        status.metadata_mut().insert(RETRY_AFTER_MS, "-3".parse().unwrap());
        assert_eq!(retry_after(&status), None);
    }
}
