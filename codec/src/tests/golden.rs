//! Bytes of version 1, for ever: if one of these changes, the version must.

use super::*;

#[track_caller]
fn check(column: Column, expected: &str) {
    let bytes = column.encode();
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join("");
    assert_eq!(hex, expected.replace(' ', ""));
    assert_eq!(Column::decode(column.kind(), &mut &bytes[..], column.len()), Ok(column));
}

#[test]
fn print() {
    let floats = |values: &[f64]| Column::Floats(values.iter().map(|value| value.to_bits()).collect());
    check(Column::Ints(vec![]), "");
}
