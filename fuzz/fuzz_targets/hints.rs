//! Any records as saved hints, then as their journal: an index or an error, and what the index says of itself holds.
#![no_main]

use hints_index::{HEAD_KEY, HintsIndex, JOURNAL_KEYS, Journal, Loader};
use libfuzzer_sys::fuzz_target;
use model::{Minute, MinuteRange};
use sluice_fuzz::{entries, record};

fuzz_target!(|data: &[u8]| {
    let (mut loader, mut journal) = (Loader::new(), Vec::new());
    for entry in entries(data) {
        let value = record(1, entry.value);
        if entry.key.first() == Some(&JOURNAL_KEYS.0[0]) {
            journal.push(value);
        } else if loader.record(entry.key, &value).is_err() {
            return;
        }
    }
    let Ok(mut index) = loader.finish() else { return };
    check(&index);
    for record in journal {
        if index.replay(&record).is_err() {
            return; // it must not be used any more
        }
    }
    check(&index);
    let sealed = index.saved_through().unwrap_or_default();
    index.sealed(sealed.next(), &mut Journal::default());
    assert_eq!(shown(&saved(&index)), shown(&index));
});

/// Every column of every metric can be read.
fn check(index: &HintsIndex) {
    let metrics = index.accounts().flat_map(|account| index.metrics(account));
    assert_eq!(index.metric_count(), metrics.count());
    let now = index.saved_through().unwrap_or_default();
    for (_, metric) in index.accounts().flat_map(|account| index.metrics(account)) {
        assert_eq!(metric.local_ids().len(), metric.len());
        let _ = metric.select_active(&[], MinuteRange::new(Minute(now.0.saturating_sub(90)), now)).finish();
        for position in 0..metric.len() as u32 {
            let id = metric.local_ids().get(position);
            assert_eq!(metric.position_of(id), Some(position));
            assert!(
                metric.dims_of(position).all(|(name, value)| metric.dim(name).is_some() && !value.is_empty())
            );
        }
    }
}

/// Saved as a whole, and loaded again.
fn saved(index: &HintsIndex) -> HintsIndex {
    let (mut all, mut records) = (index.clone(), std::collections::BTreeMap::new());
    all.forget_saved();
    all.save(index.saved_through().unwrap_or_default(), &mut |key, value| match value {
        Some(value) => drop(records.insert(key, value)),
        None => drop(records.remove(&key)),
    });
    assert!(records.contains_key(&HEAD_KEY[..]));
    let mut loader = Loader::new();
    for (key, value) in &records {
        loader.record(key, value).expect("what was just saved");
    }
    loader.finish().expect("what was just saved")
}

/// Names and dimensions of every series.
fn shown(index: &HintsIndex) -> Vec<String> {
    let metrics = index.accounts().flat_map(|account| index.metrics(account).map(move |one| (account, one)));
    let series = metrics.flat_map(|(account, (name, metric))| {
        (0..metric.len() as u32).map(move |position| {
            let dims: Vec<_> = metric.dims_of(position).collect();
            format!("{account} {name} {} {dims:?}", metric.local_ids().get(position))
        })
    });
    series.collect()
}
