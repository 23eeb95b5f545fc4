//! Any records as a partition's log: an island applies or skips each of them, its books balance, and recovery from its
//! last checkpoint makes the same island again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use proto::{Record, decode_record, encode_delete, encode_delivered, encode_rows, encode_rules, encode_seal};
use sluice_fuzz::{check_records, pieces};

fuzz_target!(|data: &[u8]| {
    let records: Vec<Bytes> = pieces(data).map(Bytes::copy_from_slice).collect();
    for record in records.iter().filter_map(|record| decode_record(record.clone()).ok()) {
        let again = match &record {
            Record::Rows(batches) => encode_rows(batches),
            Record::Seal(minute) => encode_seal(*minute),
            Record::Rules(rules) => encode_rules(rules.clone()),
            Record::Delete(delete) => encode_delete(delete.clone()),
            Record::Delivered(through) => encode_delivered(*through),
        };
        assert_eq!(decode_record(again).as_ref(), Ok(&record));
    }
    check_records(&records);
});
