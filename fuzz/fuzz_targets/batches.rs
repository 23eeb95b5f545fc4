//! Any bytes as a batch: one that can be read to its last row, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use proto::{BatchColumns, BatchView, v1};

fuzz_target!(|data: &[u8]| {
    let Ok(batch) = v1::Batch::decode(data) else { return };
    assert_eq!(v1::Batch::decode(&batch.encode_to_vec()[..]).as_ref(), Ok(&batch));
    if let Ok(columns) = BatchColumns::new(&batch) {
        (0..columns.rows())
            .for_each(|row| assert!((columns.row(row).series as usize) < columns.series_count()));
        (0..columns.string_count() as u32)
            .for_each(|string| assert!(columns.string_bytes(string).len() <= data.len()));
    }
    if let Ok(view) = BatchView::new(&batch) {
        for row in (0..view.rows()).map(|row| view.row(row)) {
            let mut merged = row.scalars;
            merged.merge(&row.scalars);
            let _ = row.scalars.check();
        }
        for series in 0..view.series_count() as u32 {
            let words = view.dims(series).map(|(name, value)| name.len() + value.len());
            assert!(words.max().unwrap_or(0).max(view.metric(series).len()) <= batch.string_bytes.len() * 2);
            let _ = (view.series_hash(series), view.metric_hash(series));
        }
        let side = view.distinct().chain(view.distribution()).map(|(row, _)| row);
        let side = side.chain(view.cumulative().map(|(row, ..)| row));
        side.for_each(|row| assert!((row as usize) < view.rows()));
    }
});
