//! Bytes of versions 1 and 2, for ever. Keys and records have one form; a block may come to be written in better modes, so
//! only that it is read is checked.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use model::{Aggregate, Distinct, Distribution, Minute, Number, Scalars, SeriesHash, Sketches};
use store::{
    Columns, KvBatch, KvOp, MetricRecord, PartKey, Percentile, SeriesRecord, SlabColumns, SlabKey, Tier,
};

#[test]
fn a_slab_key() {
    let key = SlabKey { metric: 258, minute: Minute(28_000_000), seal_offset: 7 };
    assert_eq!(hex(&key.to_bytes()), "0000010201ab3f000000000000000007");
}

#[test]
fn the_records() {
    let mut batch = KvBatch::new();
    MetricRecord { account: "default", metric: "Latency" }.put(2, &mut batch);
    let dims = [("Api", "Get"), ("Région", "é")];
    SeriesRecord::put(
        3,
        SeriesHash(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
        2,
        dims.into_iter(),
        &mut batch,
    );
    let written: Vec<(String, String)> = batch.ops().iter().map(key_and_value).collect();
    assert_eq!(written[0], ("4d00000002".into(), METRIC.into()));
    assert_eq!(written[1], ("5300000003".into(), SERIES.concat()));
}

#[test]
fn a_slab_block() {
    check_block(BLOCK);
}

#[test]
fn a_slab_block_in_its_short_form() {
    check_block(SHORT_BLOCK);
}

fn check_block(block: &[&str]) {
    let mut columns = SlabColumns::new();
    columns.read(&unhex(&block.concat()), Columns::ALL).unwrap();
    assert_eq!(columns.len(), 3);
    for (at, (id, row)) in rows().into_iter().enumerate() {
        assert_eq!((columns.ids()[at], columns.aggregate(at).unwrap()), (id, row));
    }
    assert_eq!(columns.distinct_estimate(2).map(f64::round), Some(2.0));
    assert_eq!(columns.percentile(2, Percentile::P50), Some(2.000_976_562_5));
}

#[test]
fn a_part_key() {
    let key = PartKey { metric: 258, period: 466_667, last: 7 };
    assert_eq!(hex(&key.to_bytes()), "0000010200071eeb00000007");
}

#[test]
fn a_page() {
    check_page(PAGE);
}

#[test]
fn a_page_in_its_short_form() {
    check_page(SHORT_PAGE);
}

#[test]
fn a_page_of_a_folded_day() {
    let mut columns = SlabColumns::new();
    columns.read_page(&unhex(&DAY_PAGE.concat()), Tier::Day.range(1), Columns::ALL).unwrap();
    let mut rows =
        (0..columns.len()).map(|at| (columns.ids()[at], columns.minutes()[at].0 - 1440, columns.sum(at)));
    for id in [4, 9] {
        for hour in [0, 1, 23] {
            for minute in [0, 5, 59] {
                assert_eq!(rows.next(), Some((id, hour * 60 + minute, day_sum(id, hour, minute))));
            }
        }
    }
    assert_eq!(rows.next(), None);
}

/// Two levels, and some noise.
fn day_sum(id: u32, hour: u32, minute: u32) -> Number {
    Number::Int(i64::from(id * 1_000_000 + (hour * 7 + minute * 3) % 5))
}

fn check_page(page: &[&str]) {
    let mut columns = SlabColumns::new();
    columns.read_page(&unhex(&page.concat()), Tier::Hour.range(10), Columns::ALL).unwrap();
    let rows: Vec<_> =
        self::page().into_iter().flat_map(|(id, rows)| rows.into_iter().map(move |row| (id, row))).collect();
    assert_eq!(columns.len(), rows.len());
    for (at, (id, (minute, row))) in rows.into_iter().enumerate() {
        let read = (columns.ids()[at], columns.minutes()[at], columns.aggregate(at).unwrap());
        assert_eq!(read, (id, Minute(600 + u32::from(minute)), row));
    }
}

/// A whole hour, some minutes, the same again, a sketch.
fn page() -> Vec<(u32, Vec<(u8, Aggregate)>)> {
    let row = |value: i64| Aggregate::of(Scalars::of(Number::Int(value)));
    let whole = (0..60).map(|minute| (minute, row(5))).collect();
    let some = || vec![(3, row(7)), (4, row(9)), (59, rows()[1].1.clone())];
    vec![(2, whole), (3, some()), (9, some()), (40, vec![(0, rows()[2].1.clone())])]
}

/// One of each: a sole measurement, several, floats among integers, both sketches.
fn rows() -> Vec<(u32, Aggregate)> {
    let fold = |numbers: &[Number]| {
        let mut all = Scalars::default();
        numbers.iter().for_each(|number| all.record(*number));
        all
    };
    let (mut distinct, mut distribution) = (Distinct::default(), Distribution::new());
    ["a", "b"].into_iter().for_each(|element| distinct.observe(element));
    [2.0, 3.0].into_iter().for_each(|value| distribution.record(value));
    let sketches = Sketches { distinct: Some(distinct), distribution: Some(distribution) };
    vec![
        (7, Aggregate::of(Scalars::of(Number::Int(300)))),
        (8, Aggregate::of(fold(&[Number::Float(12.5), Number::Int(2)]))),
        (
            40,
            Aggregate {
                scalars: fold(&[Number::Int(2), Number::Int(3)]),
                sketches: Some(Box::new(sketches)),
            },
        ),
    ]
}

/// Version, "default", "Latency".
const METRIC: &str = "01070064656661756c7407004c6174656e6379";
/// Version, hash, metric 2, two dimensions.
const SERIES: &[&str] =
    &["01100f0e0d0c0b0a0908070605040302010200000002", "0300417069030047657407005", "2c3a967696f6e0200c3a9"];
const PAGE: &[&str] = &[
    "011343000000020d000000030d0000000516000000060a000000090f000000100b00000011100000001216000000180b",
    "00000019100000001a100000001b100000001c100000001d100000001e12000000200d000000210b000000220a000000",
    "230c000000ff640bc5027443050010638c1941f7b21e0224430502108ff700cbdf29850242430e3004a8800209c30ebb",
    "d8b0c32e661d1c745502100302040072074360024203073004d280025c1df5d894d802300103840100f5b8a872024001",
    "0805000008000000403dfe35a50260010e01000e02838bb4dd02c2a7d8bd0465125c8902300103840100f5b8a8720240",
    "01080000000000020040eb581c470240010800000000000008405ec967950240010800000000000008405ec967950240",
    "010800000000000008405ec967950240010800000000000008405ec967950260010a01010282900801800401e249cf19",
    "0238040502029fa501658c76360271040300010a7aa2d33502200202060354ba991d02730404003dc0030c8bfeaa",
];
const SHORT_PAGE: &[&str] = &[
    "02430000000274050010638c1903240502108ff70005420e3004a8800209c30ebbd8b0c32e6606900302040009c20307",
    "3004d280025c1d10b0010384010011c00108050000080000004012e0010e01000e02838bb4dd02c2a7d8bd0418b00103",
    "84010019c0010800000000000200401ac0010800000000000008401bc0010800000000000008401cc001080000000000",
    "0008401dc0010800000000000008401ee0010a0101028290080180040120b8040502029fa50121f1040300010a22a002",
    "02060323f30404003dc003753c535c",
];
const SHORT_BLOCK: &[&str] = &[
    "02030000000138040c024f0d02730300e70103220204fe0542092e03a081080470850706900202040009c202063000d2",
    "80024110b00102040011c00108050000080000004012e0010e01000e02838bb4dd02c2a7d8bd0418b00102040019c001",
    "0800000000000200401ac0010800000000000008401bc0010800000000000008401cc0010800000000000008401dc001",
    "0800000000000008401ee0010a010102829008018004016fbf4384",
];
const DAY_PAGE: &[&str] = &[
    "0212000000032002020004171180a4e80300cf9ef55902104168b3677d0620b00202080a21f1060300010122a0010206",
    "0023f303030063d524a00202060025f30605009b781303a7b6cad8",
];
const BLOCK: &[&str] = &[
    "011003000000010c000000020b000000030a0000000513000000060a0000000912000000100a00000011100000001216",
    "000000180a00000019100000001a100000001b100000001c100000001d100000001e1200000084f60771023803040c02",
    "4f0dd439cb400273030300e7010b2930cd0222030204fefcdcfddb0241030b01060364940a2b78000000b73633830210",
    "02020400caad06bd0241020a010500fa01bd01000000b7250283023001020400a4918cc4024001080500000800000040",
    "3dfe35a50260010e01000e02838bb4dd02c2a7d8bd0465125c89023001020400a4918cc4024001080000000000020040",
    "eb581c470240010800000000000008405ec967950240010800000000000008405ec96795024001080000000000000840",
    "5ec967950240010800000000000008405ec967950260010a01010282900801800401e249cf19",
];

fn key_and_value(op: &KvOp) -> (String, String) {
    match op {
        KvOp::Put { key, value, .. } => (hex(key), hex(value)),
        other => panic!("not a put: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
