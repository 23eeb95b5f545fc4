//! Scan and retention against a list of what was stored.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use model::{Aggregate, Minute, MinuteRange, Number, Scalars};
use proptest::prelude::*;
use store::{
    Cf, Columns, Kv, KvBatch, MemoryKv, RocksKv, SlabBlock, SlabColumns, SlabKey, StoreError,
    delete_slabs_before, scan,
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

fn scanned(kv: &dyn Kv, metric: u32, minutes: MinuteRange) -> Result<(Blocks, u64), StoreError> {
    let mut found = Blocks::new();
    let stats = scan(
        &*kv.snapshot(),
        metric,
        minutes,
        Columns::SUM,
        &mut SlabColumns::new(),
        |minute, seal_offset, columns| {
            let sums = columns.sum_bits().iter().map(|bits| bits.cast_signed()).collect();
            let before = found.last_key_value().map(|(key, _)| *key);
            let key = SlabKey { metric, minute, seal_offset };
            assert!(before < Some(key), "ascending, each once");
            found.insert(key, sums);
            Ok(ControlFlow::Continue(()))
        },
    )?;
    assert_eq!(stats.blocks, found.len() as u64);
    assert_eq!(stats.rows, found.values().map(|sums| sums.len() as u64).sum::<u64>());
    Ok((found, stats.bytes_read))
}

fn matching(blocks: &Blocks, keep: impl Fn(&SlabKey) -> bool) -> Blocks {
    blocks.iter().filter(|(key, _)| keep(key)).map(|(key, sums)| (*key, sums.clone())).collect()
}

proptest! {
    #[test]
    fn it_finds_the_metric_and_the_minutes(blocks in blocks(), metric in 0_u32..4, from in 9_u32..17, to in 9_u32..17) {
        let kv = MemoryKv::new();
        store(&kv, &blocks);
        let range = MinuteRange::new(Minute(from), Minute(to));
        let (found, bytes) = scanned(&kv, metric, range).unwrap();
        prop_assert_eq!(bytes > 0, !found.is_empty());
        prop_assert_eq!(found, matching(&blocks, |key| key.metric == metric && range.contains(key.minute)));
    }

    #[test]
    fn retention_deletes_what_is_older_of_these_metrics(blocks in blocks(), before in 9_u32..17) {
        let kv = MemoryKv::new();
        store(&kv, &blocks);
        let mut batch = KvBatch::new();
        delete_slabs_before(&mut batch, [0, 2], Minute(before));
        kv.commit(batch).unwrap();
        let left = matching(&blocks, |key| key.metric == 1 || key.minute >= Minute(before));
        let all = MinuteRange::new(Minute(0), Minute(u32::MAX));
        let found: Blocks = (0..3).flat_map(|metric| scanned(&kv, metric, all).unwrap().0).collect();
        prop_assert_eq!(found, left);
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
    assert_eq!(
        scanned(&kv, 1, minutes).unwrap().0,
        matching(&blocks, |key| key.metric == 1 && key.minute.0 == 10)
    );
    let mut batch = KvBatch::new();
    delete_slabs_before(&mut batch, [1], Minute(11));
    kv.commit(batch).unwrap();
    let all = MinuteRange::new(Minute(0), Minute(u32::MAX));
    assert_eq!(
        scanned(&kv, 1, all).unwrap().0,
        matching(&blocks, |key| key.metric == 1 && key.minute.0 == 11)
    );
    assert_eq!(scanned(&kv, 2, all).unwrap().0.len(), 1);
}

#[test]
fn a_damaged_block_is_named() {
    let kv = MemoryKv::new();
    let key = SlabKey { metric: 4, minute: Minute(28_000_000), seal_offset: 99 };
    store(&kv, &Blocks::from([(key, vec![1, 2, 3])]));
    let mut bytes = kv.get(Cf::Slabs, &key.to_bytes()).unwrap().unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let mut batch = KvBatch::new();
    batch.put(Cf::Slabs, key.to_bytes(), bytes);
    kv.commit(batch).unwrap();
    let all = MinuteRange::new(Minute(0), Minute(u32::MAX));
    let error = scanned(&kv, 4, all).unwrap_err().to_string();
    assert!(
        error.contains("SumInts of slab block (metric id 4, minute 28000000, seal 99) is damaged"),
        "{error}"
    );
}

#[test]
fn it_stops_where_it_is_told() {
    let kv = MemoryKv::new();
    let key = |minute| SlabKey { metric: 1, minute: Minute(minute), seal_offset: 0 };
    store(&kv, &(0..5).map(|minute| (key(minute), vec![1])).collect());
    let all = MinuteRange::new(Minute(0), Minute(9));
    let stats = scan(&*kv.snapshot(), 1, all, Columns::IDS, &mut SlabColumns::new(), |minute, _, _| {
        Ok(if minute.0 == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    assert_eq!(stats.unwrap().blocks, 3);
}
