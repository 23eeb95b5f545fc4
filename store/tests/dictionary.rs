//! The dictionary's records, and that it is read back whole and in order.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use model::{Dims, SeriesKey};
use proptest::prelude::*;
use store::{
    Cf, DictionaryEntry, Kv, KvBatch, MemoryKv, MetricRecord, SeriesRecord, StoreError, read_dictionary,
};

fn series() -> impl Strategy<Value = SeriesKey> {
    let dims = prop::collection::btree_map("[a-zé]{1,6}", "[a-z0-9 =/]{1,9}", 0..6);
    ("[a-z]{1,5}", "[A-Z][a-z]{0,5}", dims).prop_map(|(account, metric, dims)| SeriesKey {
        account,
        metric,
        dims: Dims::new(dims.into_iter().collect()).expect("names of a map are unique"),
    })
}

fn pairs(key: &SeriesKey) -> impl Iterator<Item = (&str, &str)> {
    key.dims.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// One series' record, as stored.
fn stored(key: &SeriesKey) -> Vec<u8> {
    let (mut batch, kv) = (KvBatch::new(), MemoryKv::new());
    SeriesRecord::put(7, key.hash(), 3, pairs(key), &mut batch);
    kv.commit(batch).expect("commits");
    kv.get(Cf::Series, &store::series_key(7)).expect("reads").expect("is there")
}

/// Each entry as a line of text.
fn lines(kv: &dyn Kv) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    read_dictionary(&*kv.snapshot(), 0, &mut |entry| {
        lines.push(match entry {
            DictionaryEntry::Metric(id, record) => format!("M{id} {} {}", record.account, record.metric),
            DictionaryEntry::Series(id, record) => {
                let dims: Vec<String> =
                    record.dims().map(|(name, value)| format!("{name}={value}")).collect();
                format!("S{id} M{} {:032x} {}", record.metric, record.hash.0, dims.join(","))
            }
        });
        Ok(())
    })?;
    Ok(lines)
}

proptest! {
    #[test]
    fn a_dictionary_comes_back_metrics_first(keys in prop::collection::vec(series(), 0..12)) {
        let (mut batch, kv) = (KvBatch::new(), MemoryKv::new());
        for (id, key) in (0_u32..20).zip(&keys) {
            SeriesRecord::put(id, key.hash(), id + 100, pairs(key), &mut batch);
            MetricRecord { account: &key.account, metric: &key.metric }.put(id + 100, &mut batch);
        }
        kv.commit(batch).unwrap();
        let metrics = (100..).zip(&keys).map(|(id, key)| format!("M{id} {} {}", key.account, key.metric));
        let series = (0..).zip(&keys).map(|(id, key)| format!("S{id} M{} {:032x} {}", id + 100, key.hash().0, key.dims));
        prop_assert_eq!(lines(&kv).unwrap(), metrics.chain(series).collect::<Vec<_>>());
    }

    #[test]
    fn a_cut_or_longer_record_is_an_error(key in series(), at: prop::sample::Index) {
        let mut bytes = stored(&key);
        prop_assert!(SeriesRecord::decode(&bytes).is_ok());
        prop_assert!(SeriesRecord::decode(&bytes[..at.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(SeriesRecord::decode(&bytes).is_err());
    }

    #[test]
    fn noise_is_read_in_bounds_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(record) = SeriesRecord::decode(&bytes) {
            prop_assert!(record.dims().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= bytes.len());
        }
        if let Ok(record) = MetricRecord::decode(&bytes) {
            prop_assert!(record.account.len() + record.metric.len() <= bytes.len());
        }
    }
}

#[test]
fn a_damaged_entry_is_named() {
    let kv = MemoryKv::new();
    let mut batch = KvBatch::new();
    batch.put(Cf::Series, store::series_key(5), vec![1, 2, 3]);
    kv.commit(batch).unwrap();
    let error = lines(&kv).unwrap_err().to_string();
    assert!(error.contains("series record of dictionary key 5300000005 is damaged"), "{error}");
}
