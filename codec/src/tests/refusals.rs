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
    for version in [1, 3] {
        let why = format!(
            " version {version}: this build reads version 2; another build wrote it, or the bytes are damaged"
        );
        check(Kind::Ints, &[version, 0x10], &why);
    }
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
    let ints = |mode, count, payload: &[u8], why: &str| {
        check(Kind::Ints, &sealed(Kind::Ints, mode, count, payload), &format!(" of ints: {why}"));
    };
    ints(0, 3, &[0; 9], "bytes are left over after the values");
    ints(0, 3, &[], "a varint has no end");
    ints(1, 9, &[0, 65], "the packed width is above 64 bits");
    ints(1, 9, &[0, 64, 1], "fewer packed values than the count says");
    ints(2, 200, &[0, 255], "fewer Fibonacci codes than the count says");
    ints(2, 4, &[0, 3, 0], "a Fibonacci code has no end");
    ints(2, 256, &[[0, 90, 0, 0].as_slice(), &[255; 80]].concat(), "a lane is longer than the payload");
    ints(2, 256, &[[0, 30, 16, 16].as_slice(), &[255; 80]].concat(), "a lane does not end where it should");
    // A run of three zeros (1011) where two values were announced.
    ints(4, 2, &[0, 0b1101], "a run of zeros is longer than the count allows");
    ints(5, 2, &[0], "the table of a binned column is missing");
    ints(5, 2, &[0, 4, 0b1111], "the table of a binned column has not 5 to 12 bits");
    ints(5, 2, &[0, 5, 0b1111], "the shares of a binned column do not fill its table");
    let unknown_mode = " of floats: the mode does not exist";
    check(Kind::Floats, &sealed(Kind::Floats, 4, 3, &[0; 9]), unknown_mode);
    check(
        Kind::Flags,
        &sealed(Kind::Flags, 0, 2, &[0xfe, 3, 2]),
        " of flags: a value is too large for its kind",
    );
    check(Kind::Ids, &sealed(Kind::Ids, 0, 2, &[2, 0]), " of ids: the ids are not strictly ascending");
    let floats = |mode, payload: &[u8], why: &str| {
        check(Kind::Floats, &sealed(Kind::Floats, mode, 2, payload), &format!(" of floats: {why}"));
    };
    floats(0, &[0; 7], "the constant is missing");
    floats(1, &[23, 0, 0, 0], "the decimal scale is above 22");
    floats(1, &[2, 9, 0, 0], "the decimal integers are longer than the payload");
    floats(1, &[2, 4, 0, 0, 0, 0, 0, 0, 0], "bytes are left over after the decimal integers");
    floats(2, &[64, 0, 0, 0], "the shift of a float column is above 63");
    let short = " of bytes: the lengths add up to more bytes than there are";
    check(Kind::Bytes, &sealed(Kind::Bytes, 1, 2, &[0, 4, 0, 1, 2, 3]), short);
}

#[test]
fn a_count_without_codes_takes_no_memory() {
    for mode in [1, 2, 3] {
        // A packed width of 8, and for the others a base.
        let bytes = sealed(Kind::Ints, mode, 1 << 40, &[[0, 8].as_slice(), &[0; 64]].concat());
        let mut out = Vec::new();
        assert!(decode_ints(&mut &bytes[..], usize::MAX, &mut out).is_err());
        assert_eq!(out.capacity(), 0, "mode {mode}");
    }
}
