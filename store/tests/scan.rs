//! Scan over slabs alone, against a list of what was stored. `compact.rs` has all tiers.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use model::{Aggregate, Minute, MinuteRange, Number, Scalars};
use proptest::prelude::*;
use store::{
    Cf, Columns, Kv, KvBatch, MemoryKv, RocksKv, Scan, SlabBlock, SlabColumns, SlabKey, StoreError, scan,
};

/// Key of each block and the sums in it.
type Blocks = BTreeMap<SlabKey, Vec<i64>>;

fn blocks() -> impl Strategy<Value = Blocks> {
    let key = (0_u32..3, 10_u32..16, 0_u64..3).prop_map(|(metric, minute, seal_offset)| SlabKey {
        metric,
        minute: Minute(minute),
        seal_offset,
    });
    prop::collection::btree_map(key, prop::collection::vec(-50_i64..50, 1..6), 0..20)
}

fn store(kv: &dyn Kv, blocks: &Blocks) {
    let mut batch = KvBatch::new();
    for (key, sums) in blocks {
        let rows: Vec<Aggregate> =
            sums.iter().map(|sum| Aggregate::of(Scalars::of(Number::Int(*sum)))).collect();
        let block = SlabBlock::of((0_u32..).zip(&rows)).encode().expect("ids ascend");
        batch.put(Cf::Slabs, key.to_bytes(), block);
    }
    kv.commit(batch).expect("commits");
}

fn sums(metric: u32, minutes: MinuteRange) -> Scan<'static> {
    Scan { metric, minutes, step_minutes: 1, wanted: Columns::SUM, series: None }
}

/// Minute and sums of every block, in the order of the scan.
fn scanned(kv: &dyn Kv, metric: u32, minutes: MinuteRange) -> Result<Vec<(Minute, Vec<i64>)>, StoreError> {
    let mut found = Vec::new();
    let stats = scan(&*kv.snapshot(), &sums(metric, minutes), &mut SlabColumns::new(), &mut |batch| {
        let sums = batch.columns.sum_bits().iter().map(|bits| bits.cast_signed()).collect();
        assert_eq!((batch.minutes.len(), batch.minute(0)), (1, batch.minutes.from));
        found.push((batch.minutes.from, sums));
        Ok(ControlFlow::Continue(()))
    })?;
    assert_eq!((stats.slabs, stats.pages, stats.heads, stats.coarse), (found.len() as u64, 0, 0, None));
    assert_eq!(stats.rows, found.iter().map(|(_, sums): &(_, Vec<i64>)| sums.len() as u64).sum::<u64>());
    assert_eq!(stats.bytes_read > 0, !found.is_empty());
    Ok(found)
}

fn matching(blocks: &Blocks, keep: impl Fn(&SlabKey) -> bool) -> Vec<(Minute, Vec<i64>)> {
    blocks.iter().filter(|(key, _)| keep(key)).map(|(key, sums)| (key.minute, sums.clone())).collect()
}

proptest! {
    #[test]
    fn it_finds_the_metric_and_the_minutes(blocks in blocks(), metric in 0_u32..4, from in 9_u32..17, to in 9_u32..17) {
        let kv = MemoryKv::new();
        store(&kv, &blocks);
        let range = MinuteRange::new(Minute(from), Minute(to));
        let found = scanned(&kv, metric, range).unwrap();
        prop_assert_eq!(found, matching(&blocks, |key| key.metric == metric && range.contains(key.minute)));
    }
}

#[test]
fn the_same_on_rocksdb() {
    let dir = tempfile::tempdir().unwrap();
    let kv = RocksKv::open(dir.path()).unwrap();
    let key = |metric, minute, seal_offset| SlabKey { metric, minute: Minute(minute), seal_offset };
    let blocks = Blocks::from([
        (key(1, 10, 7), vec![1]),
        (key(1, 10, 9), vec![2]),
        (key(1, 11, 9), vec![3]),
        (key(2, 10, 9), vec![4]),
    ]);
    store(&kv, &blocks);
    let minutes = MinuteRange::new(Minute(10), Minute(11));
    let expected = matching(&blocks, |key| key.metric == 1 && key.minute.0 == 10);
    assert_eq!(scanned(&kv, 1, minutes).unwrap(), expected);
}

#[test]
fn a_damaged_block_is_named_and_the_others_are_read() {
    let kv = MemoryKv::new();
    let key = |seal_offset| SlabKey { metric: 4, minute: Minute(28_000_000), seal_offset };
    store(&kv, &[98, 99, 100].map(|seal| (key(seal), vec![1, 2, 3])).into());
    let mut bytes = kv.get(Cf::Slabs, &key(99).to_bytes()).unwrap().unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let mut batch = KvBatch::new();
    batch.put(Cf::Slabs, key(99).to_bytes(), bytes);
    kv.commit(batch).unwrap();

    let (all, mut rows) = (MinuteRange::new(Minute(0), Minute(u32::MAX)), 0);
    let stats = scan(&*kv.snapshot(), &sums(4, all), &mut SlabColumns::new(), &mut |batch| {
        rows += batch.columns.len();
        Ok(ControlFlow::Continue(()))
    });
    let damage = stats.unwrap().damage;
    assert_eq!((rows, damage.blocks, damage.names.len()), (6, 1, 1));
    let name = &damage.names[0];
    assert!(name.contains("slab block (metric id 4, minute 28000000, seal 99)"), "{name}");
}

#[test]
fn it_stops_where_it_is_told() {
    let kv = MemoryKv::new();
    let key = |minute| SlabKey { metric: 1, minute: Minute(minute), seal_offset: 0 };
    store(&kv, &(0..5).map(|minute| (key(minute), vec![1])).collect());
    let all = MinuteRange::new(Minute(0), Minute(9));
    let stats = scan(&*kv.snapshot(), &sums(1, all), &mut SlabColumns::new(), &mut |batch| {
        Ok(if batch.minutes.from.0 == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    assert_eq!(stats.unwrap().slabs, 3);
}
