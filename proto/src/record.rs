//! What one record of a partition log holds, as bytes and back.

use bytes::{Buf, Bytes, BytesMut};
use model::Minute;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, message};
use thiserror::Error;

use crate::v1;
use v1::log_record::Kind;

/// One record of a partition log.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Batches of many publishers, each under its own identity.
    Rows(Vec<v1::Batch>),
    /// The owner's clock has passed this minute.
    Seal(Minute),
    /// The rules from a minute on.
    Rules(v1::Rules),
    /// These series go, with all their rows.
    Delete(v1::Delete),
    /// What the island put out at seals up to this offset has arrived.
    Delivered(u64),
}

/// Bytes that are no record.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RecordError {
    /// Not protobuf of this shape.
    #[error("the log record cannot be decoded: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// None of these: written by a later version, or empty.
    #[error("the log record is of a kind that this version does not know: update the reader")]
    Kind,
}

/// Fields of `LogRecord` and `Rows`; a test holds them to the generated code.
const RECORD_ROWS: u32 = 1;
const ROWS_BATCHES: u32 = 1;

/// A record of these batches. They are not copied before they are written.
#[must_use]
pub fn encode_rows(batches: &[v1::Batch]) -> Bytes {
    let rows_len = message::encoded_len_repeated(ROWS_BATCHES, batches);
    let mut record = BytesMut::with_capacity(rows_len + 1 + encoded_len_varint(rows_len as u64));
    encode_key(RECORD_ROWS, WireType::LengthDelimited, &mut record);
    encode_varint(rows_len as u64, &mut record);
    for batch in batches {
        message::encode(ROWS_BATCHES, batch, &mut record);
    }
    record.freeze()
}

/// The record that closes a minute.
#[must_use]
pub fn encode_seal(minute: Minute) -> Bytes {
    v1::LogRecord { kind: Some(Kind::Seal(v1::Seal { minute: minute.0 })) }.encode_to_vec().into()
}

/// The record that changes the rules.
#[must_use]
pub fn encode_rules(rules: v1::Rules) -> Bytes {
    v1::LogRecord { kind: Some(Kind::Rules(rules)) }.encode_to_vec().into()
}

/// The record that deletes series.
#[must_use]
pub fn encode_delete(delete: v1::Delete) -> Bytes {
    v1::LogRecord { kind: Some(Kind::Delete(delete)) }.encode_to_vec().into()
}

/// The record that says what has arrived of what an island put out.
#[must_use]
pub fn encode_delivered(through: u64) -> Bytes {
    v1::LogRecord { kind: Some(Kind::Delivered(v1::Delivered { through })) }.encode_to_vec().into()
}

/// Back from bytes; given as `Bytes`, strings and sketches are not copied.
///
/// # Errors
/// When the bytes are no record of this version.
pub fn decode_record(record: impl Buf) -> Result<Record, RecordError> {
    match v1::LogRecord::decode(record)?.kind {
        Some(Kind::Rows(rows)) => Ok(Record::Rows(rows.batches)),
        Some(Kind::Seal(seal)) => Ok(Record::Seal(Minute(seal.minute))),
        Some(Kind::Rules(rules)) => Ok(Record::Rules(rules)),
        Some(Kind::Delete(delete)) => Ok(Record::Delete(delete)),
        Some(Kind::Delivered(delivered)) => Ok(Record::Delivered(delivered.through)),
        None => Err(RecordError::Kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_the_generated_code_would_write() {
        let batch = |account: &str| v1::Batch { account: account.to_owned(), ..v1::Batch::default() };
        for batches in [vec![], vec![batch("a")], vec![batch("a"), batch(&"b".repeat(300))]] {
            let theirs = v1::LogRecord { kind: Some(Kind::Rows(v1::Rows { batches: batches.clone() })) };
            assert_eq!(encode_rows(&batches), theirs.encode_to_vec());
            assert_eq!(decode_record(encode_rows(&batches)), Ok(Record::Rows(batches)));
        }
    }

    #[test]
    fn a_seal_comes_back() {
        for minute in [0, 1, u32::MAX] {
            assert_eq!(decode_record(&encode_seal(Minute(minute))[..]), Ok(Record::Seal(Minute(minute))));
        }
    }

    #[test]
    fn what_has_arrived_comes_back() {
        for through in [0, 1, u64::MAX] {
            assert_eq!(decode_record(encode_delivered(through)), Ok(Record::Delivered(through)));
        }
    }

    #[test]
    fn rules_come_back() {
        let files = vec![v1::RuleFile { name: "a.yaml".into(), text: "alerts: []".into() }];
        let rules = v1::Rules { version: 7, from_minute: 9, files };
        assert_eq!(decode_record(encode_rules(rules.clone())), Ok(Record::Rules(rules)));
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        assert_eq!(decode_record(&[][..]), Err(RecordError::Kind));
        assert!(matches!(decode_record(&[0xff, 0xff][..]), Err(RecordError::Protobuf(_))));
        // Field 1, with a length of 2^63 and nothing behind it.
        let lying = [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
        assert!(matches!(decode_record(&lying[..]), Err(RecordError::Protobuf(_))));
    }
}
