//! What finds no room is dropped by name, and nothing else suffers.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use aggregator::{Island, IslandLimits};
use model::{Aggregate, Minute, Number, OPEN_MINUTES_MAX, Scalars};
use proto::{BatchBuilder, decode_record, encode_rows, encode_seal};

const NANOS: u64 = 1_000_000_000;

/// A total of `m` since the beginning, read in this minute.
fn total(minute: u32, total: i64) -> bytes::Bytes {
    let mut builder = BatchBuilder::new("a");
    let aggregate = Aggregate::of(Scalars::of(Number::Int(total)));
    builder.add_cumulative("m", [], Minute(minute), &aggregate, 1, u64::from(minute) * 60 * NANOS);
    encode_rows(&[builder.build()])
}

#[test]
fn a_point_without_room_is_part_of_the_next_increase() {
    let mut island = Island::new(IslandLimits { ahead_rows_max: 0, ..IslandLimits::DEFAULT });
    let mut script: Vec<bytes::Bytes> = (1..=OPEN_MINUTES_MAX).map(|minute| total(minute, 10)).collect();
    let beyond = OPEN_MINUTES_MAX + 1;
    script.extend([total(beyond, 17), encode_seal(Minute(OPEN_MINUTES_MAX)), total(beyond + 1, 19)]);
    for (offset, record) in script.iter().enumerate() {
        assert!(decode_record(record.clone()).is_ok());
        island.apply(offset as u64, record).unwrap();
    }
    let counters = island.counters();
    assert_eq!((counters.rows_applied, counters.rows_dropped), (u64::from(OPEN_MINUTES_MAX) + 1, 1));
    let open = island.open_view(&[]).unwrap();
    let [block] = open.blocks.as_slice() else { panic!("one open minute, not {:?}", open.blocks) };
    assert_eq!(block.minute, Minute(beyond + 1));
    let mut columns = store::SlabColumns::new();
    columns.read(&block.bytes, store::Columns::SCALARS).unwrap();
    assert_eq!(columns.scalars(0).sum(), Number::Int(9), "all since the last point that counted");
}
