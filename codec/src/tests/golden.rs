//! Bytes of version 2, for ever: if one of these changes, the version must.

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
    check(Column::Ints(vec![]), "02100000cc15a287");
    check(Column::Ints(vec![-7; 1_000]), "0210e807020d0023d25bba");
    check(Column::Ints(vec![100, 107, 101, 106, 100, 103, 105, 107]), "02110806c80103788cf51da55c6e");
    check(
        Column::Ints(vec![10, 11, 13, 12, 12, 11, 13, 14, 90, 91, 90, 89]),
        "02180c08160173ef9b85e607f774b333",
    );
    check(
        Column::Ints(vec![10, 11, 12, 14, 15, 16, 17, 90, 91, 92, 93, 94, 96, 97]),
        "02190e071202bd2e199e0182f0794a",
    );
    check(Column::Ints([vec![0; 30], vec![5; 30], vec![1; 30]].concat()), "02195a070000d258748f0668d7a66a");
    check(Column::Ints([vec![0; 30], vec![-9], vec![0; 9]].concat()), "0214280400d27119df4fc495");
    check(
        Column::Ints(vec![50, 51, 49, 50, 52, 48, 50, 51, 50, 47, 50, 49, 90, 50, 51, 49, 10, 50]),
        "0212120b649bcff876df15db5cf101821c02be",
    );
    check(
        Column::Ints(vec![
            7, 7, 8, 7, 9, 7, 7, 8, 8, 7, 60, 7, 7, 10, 8, 7, 8, 7, 7, 9, 7, 7, 8, 90, 7, 8, 7,
        ]),
        "02131b0c0eeff9ed557f7b3fbfa1de037f21d534",
    );
    check(
        Column::Ints(vec![1_003, 2_001, 3_003, 4_001, 5_002, 6_000, 7_003, 8_001, 9_003, 10_000, 11_001]),
        "02160b090cca0f0348c338050103c7526e",
    );
    check(
        Column::Ints(vec![i64::MIN, i64::MAX, 0]),
        "0218031701fdffffffffffffffff01ab10528a44054aa0880850f157c185d8",
    );
    check(Column::Timestamps(squares(12)), "025e0c040205046089a2755a");
    check(Column::Uints(vec![u64::MAX, 0, u64::MAX]), "02230302017b9f65c309");
}

/// Four lanes; then a list of shares, with a common number in it.
#[test]
fn long_integers() {
    check(
        Column::Ints(
            (0..258).map(|place: i64| i64::from(((place * 37 % 64) | 64).trailing_zeros().pow(3))).collect(),
        ),
        "0215820257020678f2d460b8fa4edd299b240f23091158f5ee772f7af44a52dabbdfbde8d12b4969ef7ef7a247af24a5bdfbdd8b1ebd92940297ffffffffffffff2f02000000000000000000000000000000002effffffffffffff2fa9cc3b2d",
    );
    let switch = |place: i64| if place * place % 7 > 1 { 90_000 } else { place % 2 };
    check(
        Column::Ints((0..259).map(switch).collect()),
        "021583024100167cf8b093a2120b060d0d0d3000071c70c001071c70c00107b038f7dc73cf3df7dc73cf3d1b601e70c001071c70c001071c14807ecf3df7dc73cf3df7dc730f560d0339",
    );
}

#[test]
fn timestamps() {
    check(Column::Timestamps(vec![60_000, 120_000, 180_000, 240_000]), "02500406c0a907c0a9072a44a991");
    check(
        Column::Timestamps(vec![0, 60_000, 120_001, 180_000, 240_000, 300_000, 360_000, 420_000, 480_000]),
        "02590909bfa907c0a907bc9f015d620f2e",
    );
}

#[test]
fn ids() {
    check(Column::Ids((0..1_000).collect()), "0230e8070200024a8ea81e");
    check(
        Column::Ids(vec![1, 2, 3, 5, 8, 13, 14, 15, 16, 17, u32::MAX]),
        "02380b0c0002bf19ffab42401415a201b1aa9ba6",
    );
}

#[test]
fn floats() {
    let floats = |values: &[f64]| Column::Floats(values.iter().map(|value| value.to_bits()).collect());
    check(floats(&[]), "024000009fe86530");
    check(floats(&[f64::NAN; 3]), "02400308000000000000f87f0e134d2c");
    check(floats(&[0.25, 12.5, -3.75, 1.0]), "0241040e020902c80140572126211f00000042fe9335");
    check(
        floats(&[9.475682085032949, 9.475682085032949, 9.47568208503295, -0.0]),
        "024204190002d693e8a293e3f9a280016f011151012155482a4aaa540713d65c86",
    );
    check(floats(&[0.1, 0.1 + 0.2, 0.7 + 0.1, -0.25]), "0241040c0206023cc02f2de002009b0f74215505");
    check(
        Column::Floats(vec![0x3ff1_2345_6789_abcd, 0xbfe9_8765_4321_0fed, 0x3fd5_a5a5_a5a5_a5a5]),
        "024103220f1c029ebcf3a8f1e79901a822548880540454d1201094a42a245420411f0103022265630e0b",
    );
}

#[test]
fn blobs() {
    check(Column::Bytes(vec![]), "026000008b1321d1");
    check(Column::Bytes(vec![b"same".to_vec(); 5]), "0260050473616d656d2c0e84");
    check(
        Column::Bytes(vec![b"a".to_vec(), b"".to_vec(), b"long".to_vec()]),
        "0261030903001e03616c6f6e6762bbcd4f",
    );
}

#[test]
fn flags() {
    check(Column::Flags(vec![3; 100]), "027064020600c31b7c0e");
    check(Column::Flags(vec![0, 1, 1, 0, 0, 0, 1, 0, 1, 1]), "02710a0400014603bdeae2d6");
}
