//! Each way to be refused, by name and in words.

use super::*;
use crate::block;

fn sealed(kind: Kind, mode: u8, count: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    block::put(kind, mode, count, payload, &mut bytes);
    bytes
}

#[track_caller]
fn check(kind: Kind, bytes: &[u8], expected: &str) {
    let error = Column::decode(kind, &mut &*bytes, 1_000).expect_err("a block that is refused");
    assert_eq!(error.to_string().strip_prefix("cannot read block"), Some(expected));
}

#[test]
fn an_unknown_version() {
    let why = " version 2: this build reads version 1; a newer build wrote it, or the bytes are damaged";
    check(Kind::Ints, &[2, 0x10], why);
}

#[test]
fn nothing_at_all() {
    check(Kind::Ints, &[], ": truncated at byte 0, in its head, 1 bytes missing");
}

#[test]
fn a_length_of_gigabytes() {
    let bytes = [VERSION, 0x10, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0];
    check(Kind::Ints, &bytes, ": truncated at byte 10, in its payload, 4294967294 bytes missing");
}

#[test]
fn a_length_above_64_bits() {
    let bytes = [&[VERSION, 0x10, 1][..], &[0xff; 12]].concat();
    check(Kind::Ints, &bytes, ": damaged, its head holds a number of more than 64 bits");
}

#[test]
fn a_checksum_cut_short() {
    let bytes = Column::Ints(vec![7]).encode();
    check(Kind::Ints, &bytes[..bytes.len() - 3], ": truncated at byte 7, in its crc, 3 bytes missing");
}

#[test]
fn a_wrong_checksum() {
    let mut bytes = Column::Ints(vec![7]).encode();
    let end = bytes.len();
    let stored: [u8; 4] = bytes[end - 4..].try_into().unwrap();
    bytes[end - 1] ^= 0x80;
    let got = u32::from_le_bytes(stored);
    let why = format!(": damaged, crc32c is {got:08x} and should be {:08x}", got ^ 0x8000_0000);
    check(Kind::Ints, &bytes, &why);
}

#[test]
fn another_kind() {
    check(Kind::Floats, &Column::Ints(vec![7]).encode(), ": it holds kind 0x1, and floats were asked for");
    let unknown = [VERSION, 0xf0, 0, 0];
    let unknown = [&unknown[..], &crc32c::crc32c(&unknown).to_le_bytes()].concat();
    check(Kind::Ids, &unknown, ": it holds kind 0xf, and ids were asked for");
}

#[test]
fn more_values_than_allowed() {
    let few_bytes = sealed(Kind::Ints, 0, 1 << 40, &[0, 0]);
    assert!(few_bytes.len() < 20);
    check(Kind::Ints, &few_bytes, ": it claims 1099511627776 values and at most 1000 are allowed here");
    for column in
        [Column::Floats(vec![0; 1_001]), Column::Bytes(vec![vec![]; 1_001]), Column::Flags(vec![1; 1_001])]
    {
        let result = Column::decode(column.kind(), &mut &column.encode()[..], 1_000);
        assert_eq!(result, Err(CodecError::TooManyValues { claimed: 1_001, max: 1_000 }));
    }
}

#[test]
fn content_that_breaks_the_format() {
    let unknown_mode = " of ints: the mode is not one of version 1";
    check(Kind::Ints, &sealed(Kind::Ints, 15, 3, &[0; 9]), unknown_mode);
    check(Kind::Floats, &sealed(Kind::Floats, 4, 3, &[0; 9]), " of floats: the mode is not one of version 1");
    check(Kind::Ints, &sealed(Kind::Ints, 0, 3, &[0; 9]), " of ints: bytes are left over after the values");
    check(Kind::Ints, &sealed(Kind::Ints, 0, 3, &[]), " of ints: a varint has no end");
    check(
        Kind::Ints,
        &sealed(Kind::Ints, 9, 1, &[0; 9]),
        " of ints: fewer values than the mode's head holds",
    );
    check(Kind::Ints, &sealed(Kind::Ints, 1, 9, &[0, 65]), " of ints: the packed width is above 64 bits");
    check(
        Kind::Ints,
        &sealed(Kind::Ints, 1, 9, &[0, 64, 1]),
        " of ints: fewer packed values than the count says",
    );
    check(
        Kind::Ints,
        &sealed(Kind::Ints, 2, 900, &[0, 255]),
        " of ints: fewer Fibonacci codes than the count says",
    );
    check(Kind::Ints, &sealed(Kind::Ints, 2, 4, &[0, 3, 0]), " of ints: a Fibonacci code has no end");
    // A run of three zeros (1011) where two values were announced.
    let long_run = sealed(Kind::Ints, 4, 2, &[0, 0b1101]);
    check(Kind::Ints, &long_run, " of ints: a run of zeros is longer than the count allows");
    check(
        Kind::Flags,
        &sealed(Kind::Flags, 0, 2, &[0xfe, 3, 2]),
        " of flags: a value is too large for its kind",
    );
    check(Kind::Ids, &sealed(Kind::Ids, 0, 2, &[2, 0]), " of ids: the ids are not strictly ascending");
    check(
        Kind::Floats,
        &sealed(Kind::Floats, 1, 2, &[23, 0, 0, 0]),
        " of floats: the decimal scale is above 22",
    );
    let short = " of bytes: the lengths add up to more bytes than there are";
    check(Kind::Bytes, &sealed(Kind::Bytes, 1, 2, &[0, 4, 0, 1, 2, 3]), short);
}

#[test]
fn a_count_without_codes_takes_no_memory() {
    for (kind, mode) in [(Kind::Ints, 2), (Kind::Ints, 3), (Kind::Floats, 2), (Kind::Floats, 3)] {
        let bytes = sealed(kind, mode, 1 << 40, &[0; 64]);
        match kind {
            Kind::Ints => {
                let mut out = Vec::new();
                assert!(decode_ints(&mut &bytes[..], usize::MAX, &mut out).is_err());
                assert_eq!(out.capacity(), 0, "mode {mode}");
            }
            _ => {
                let mut out = Vec::new();
                assert!(decode_floats(&mut &bytes[..], usize::MAX, &mut out).is_err());
                assert_eq!(out.capacity(), 0, "mode {mode}");
            }
        }
    }
}
