//! When the server says to come back: `retry-after-ms` in the metadata, or `google.rpc.RetryInfo` in the details.

use std::time::Duration;

use proto::rpc::{RETRY_AFTER_MS, decode_retry_after};
use tonic::Status;

/// How long the server asks to wait, if it does.
pub(crate) fn retry_after(status: &Status) -> Option<Duration> {
    of_header(status).or_else(|| decode_retry_after(status.details()))
}

fn of_header(status: &Status) -> Option<Duration> {
    let millis = status.metadata().get(RETRY_AFTER_MS)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_millis(millis))
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

        let two = Duration::from_secs(2);
        let details = proto::rpc::encode_status(8, "slow down", Some(two));
        let status = Status::with_details(Code::ResourceExhausted, "slow down", details.into());
        assert_eq!(retry_after(&status), Some(two));
    }

    #[test]
    fn nonsense_is_no_pushback() {
        let mut status = Status::with_details(Code::Unavailable, "", vec![0xff; 7].into());
        status.metadata_mut().insert(RETRY_AFTER_MS, "-3".parse().unwrap());
        assert_eq!(retry_after(&status), None);
    }
}
