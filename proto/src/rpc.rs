//! `google.rpc.Status` with `RetryInfo`: how a server says when to come back, and how a client reads it.

use std::time::Duration;

use prost::Message as _;

/// Metadata for those who do not read details: whole milliseconds after which to come back.
pub const RETRY_AFTER_MS: &str = "retry-after-ms";

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
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

/// An encoded `google.rpc.Status`: the body of an error over HTTP, the details of one over gRPC.
#[must_use]
pub fn encode_status(code: i32, message: &str, retry_after: Option<Duration>) -> Vec<u8> {
    let details = retry_after.into_iter().map(retry_info).collect();
    Status { code, message: message.to_owned(), details }.encode_to_vec()
}

fn retry_info(after: Duration) -> Any {
    let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
    let nanos = after.subsec_nanos().cast_signed();
    let info = RetryInfo { retry_delay: Some(RetryDelay { seconds, nanos }) };
    Any { type_url: RETRY_INFO.to_owned(), value: info.encode_to_vec() }
}

/// When an encoded `google.rpc.Status` says to come back, if it does.
#[must_use]
pub fn decode_retry_after(status: &[u8]) -> Option<Duration> {
    let status = Status::decode(status).ok()?;
    let any = status.details.iter().find(|any| any.type_url == RETRY_INFO)?;
    let RetryDelay { seconds, nanos } = RetryInfo::decode(any.value.as_slice()).ok()?.retry_delay?;
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_back_comes_back() {
        for after in [None, Some(Duration::ZERO), Some(Duration::new(2, 999_999_999))] {
            assert_eq!(decode_retry_after(&encode_status(8, "full", after)), after);
        }
    }

    #[test]
    fn the_bytes_are_those_of_googles_messages() {
        let url = [&[0x0a, 40][..], RETRY_INFO.as_bytes()].concat();
        let any = [url.as_slice(), &[0x12, 4, 0x0a, 2, 0x08, 1]].concat();
        let status = [&[0x08, 8, 0x12, 1, b'x', 0x1a, 48][..], &any].concat();
        assert_eq!(encode_status(8, "x", Some(Duration::from_secs(1))), status);
    }

    #[test]
    fn nonsense_is_no_time() {
        assert_eq!(decode_retry_after(&[0xff; 7]), None);
        let minus = RetryInfo { retry_delay: Some(RetryDelay { seconds: -1, nanos: 0 }) }.encode_to_vec();
        let details = vec![Any { type_url: RETRY_INFO.to_owned(), value: minus }];
        assert_eq!(decode_retry_after(&Status { details, ..Status::default() }.encode_to_vec()), None);
    }
}
