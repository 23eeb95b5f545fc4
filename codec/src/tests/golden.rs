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
fn integers() {
    let squares = |count: i64| (0..count).map(|index| index * index).collect::<Vec<_>>();
    check(Column::Ints(vec![]), "01100000f59c80e5");
    check(Column::Ints(vec![-7; 1_000]), "0110e807020d007ba75e02");
    check(Column::Ints(vec![100, 107, 101, 106, 100, 103, 105, 107]), "01110806c80103788cf5035f4a36");
    check(
        Column::Ints(vec![10, 11, 13, 12, 12, 11, 13, 14, 90, 91, 90, 89]),
        "01170c081401dcfb66a1f901a2d931b2",
    );
    check(
        Column::Ints(vec![10, 11, 12, 14, 15, 16, 17, 90, 91, 92, 93, 94, 96, 97]),
        "01180e071402bc2e199e017816a670",
    );
    check(Column::Ints([vec![0; 30], vec![5; 30], vec![1; 30]].concat()), "01185a070000d158748f068b72bd55");
    check(Column::Ints([vec![0; 30], vec![-9], vec![0; 9]].concat()), "0114280400d27119b6c8804e");
    check(
        Column::Ints(vec![50, 51, 49, 50, 52, 48, 50, 51, 50, 47, 50, 49, 90, 50, 51, 49, 10, 50]),
        "0112120b649bcff876df15db5cf101811b9116",
    );
    check(
        Column::Ints(vec![
            7, 7, 8, 7, 9, 7, 7, 8, 8, 7, 60, 7, 7, 10, 8, 7, 8, 7, 7, 9, 7, 7, 8, 90, 7, 8, 7,
        ]),
        "01131b0c0eeff9ed557f7b3fbfa1de038c412d27",
    );
    check(
        Column::Ints(vec![1_003, 2_001, 3_003, 4_001, 5_002, 6_000, 7_003, 8_001, 9_003, 10_000, 11_001]),
        "01150b09d60fca0f036918a720948a200b",
    );
    check(
        Column::Ints(vec![i64::MIN, i64::MAX, 0]),
        "01160317ffffffffffffffffff0101ab10528a44054aa08808507117aabe9f",
    );
    check(Column::Timestamps(squares(12)), "015c0c040002043454761f0c");
    check(Column::Uints(vec![u64::MAX, 0, u64::MAX]), "01230302017b45ae7f3d");
}

#[test]
fn timestamps() {
    check(Column::Timestamps(vec![60_000, 120_000, 180_000, 240_000]), "01500406c0a907c0a90734bebfc9");
    check(
        Column::Timestamps(vec![0, 60_000, 120_001, 180_000, 240_000, 300_000, 360_000, 420_000, 480_000]),
        "0158090600c0a907decfd0bc039b",
    );
}

#[test]
fn ids() {
    check(Column::Ids((0..1_000).collect()), "0130e80702000212fbada6");
    check(
        Column::Ids(vec![1, 2, 3, 5, 8, 13, 14, 15, 16, 17, u32::MAX]),
        "01370b0b02026fc6ffaa1010458568fd3d388d",
    );
}

#[test]
fn floats() {
    let floats = |values: &[f64]| Column::Floats(values.iter().map(|value| value.to_bits()).collect());
    check(floats(&[]), "01400000a6614752");
    check(floats(&[f64::NAN; 3]), "01400308000000000000f87f5e6fdf7f");
    check(floats(&[0.25, 12.5, -3.75, 1.0]), "0141040a020632b607a86285920fcadea43e");
    check(
        floats(&[9.475682085032949, 9.475682085032949, 9.47568208503295, -0.0]),
        "01420417eb042d9a8cf32240fc0300000080c14ed0a2c9382f020c6f0b1696",
    );
    check(
        Column::Floats(vec![0x3ff1_2345_6789_abcd, 0xbfe9_8765_4321_0fed, 0x3fd5_a5a5_a5a5_a5a5]),
        "01430318cdab89674523f13fed0f21436587e9bfa5a5a5a5a5a5d53fcea6ca7b",
    );
}

#[test]
fn blobs() {
    check(Column::Bytes(vec![]), "01600000b29a03b3");
    check(Column::Bytes(vec![b"same".to_vec(); 5]), "0160050473616d6504ab4a5f");
    check(
        Column::Bytes(vec![b"a".to_vec(), b"".to_vec(), b"long".to_vec()]),
        "0161030903001e03616c6f6e67cdf3bb1e",
    );
}

#[test]
fn flags() {
    check(Column::Flags(vec![3; 100]), "01706402060019d0c03a");
    check(Column::Flags(vec![0, 1, 1, 0, 0, 0, 1, 0, 1, 1]), "01710a0400014603d46da60d");
}
