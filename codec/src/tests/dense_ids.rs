//! Ids without gaps need not be decoded; all others must be.

use std::ops::Range;

use super::*;

#[track_caller]
fn check(ids: &[u32], expected: &Option<Range<u32>>) {
    let mut bytes = Vec::new();
    encode_ids(ids, &mut bytes);
    let block_bytes = bytes.len();
    bytes.extend([1, 2, 3]);
    let mut input = &bytes[..];
    assert_eq!(decode_dense_ids(&mut input, ids.len()), Ok(expected.clone()));
    let taken = if expected.is_some() { block_bytes } else { 0 };
    assert_eq!(input.len(), bytes.len() - taken);
    let damaged = [&bytes[..block_bytes - 1], &[!bytes[block_bytes - 1]]].concat();
    assert!(decode_dense_ids(&mut &damaged[..], ids.len()).is_err());
}

#[test]
fn a_run_is_told() {
    check(&[0, 1], &Some(0..2));
    check(&(7..5_000).collect::<Vec<_>>(), &Some(7..5_000));
    check(&[u32::MAX - 2, u32::MAX - 1], &Some(u32::MAX - 2..u32::MAX));
}

#[test]
fn all_else_is_not() {
    check(&[], &None);
    check(&[3], &None);
    check(&[3, 5, 7], &None);
    check(&[3, 4, 6], &None);
    // A range cannot hold the greatest id.
    check(&[u32::MAX - 1, u32::MAX], &None);
}

#[test]
fn more_than_allowed_is_an_error() {
    let mut bytes = Vec::new();
    encode_ids(&[1, 2, 3], &mut bytes);
    assert_eq!(decode_dense_ids(&mut &bytes[..], 2), Err(CodecError::TooManyValues { claimed: 3, max: 2 }));
}
