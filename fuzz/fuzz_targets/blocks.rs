//! Any bytes as a slab block and as a page, with good checksums around them: rows or an error; and rows that are
//! written again and read again are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{Aggregate, LocalId};
use sluice_fuzz::mended_block;
use store::{Columns, SlabBlock, SlabColumns, Tier};

/// An hour and a day, as keys of pages say.
const PERIODS: [(Tier, u32); 2] = [(Tier::Hour, 466_667), (Tier::Day, 19_444)];

fuzz_target!(|data: &[u8]| {
    check(&mended_block(data), &mut SlabColumns::new());
});

fn check(bytes: &[u8], columns: &mut SlabColumns) {
    for (tier, period) in PERIODS {
        let span = tier.range(period);
        if columns.read_page(bytes, span, Columns::ALL).is_ok() {
            assert_eq!(columns.minutes().len(), columns.len());
            assert!(columns.minutes().iter().all(|minute| span.contains(*minute)));
            (0..columns.len()).for_each(|row| drop(columns.aggregate(row)));
        } else {
            assert!(columns.is_empty());
        }
    }
    if columns.read(bytes, Columns::ALL).is_err() {
        assert!(columns.is_empty());
        return;
    }
    let Some(rows) = rows(columns) else { return };
    let again = SlabBlock::of(rows.iter().map(|(id, row)| (*id, row)));
    let Ok(again) = again.encode() else { return };
    let mut read = SlabColumns::new();
    read.read(&again, Columns::ALL).expect("what was just encoded");
    assert_eq!(self::rows(&read).as_ref(), Some(&rows));
}

/// Nothing when a sketch cannot be decoded.
fn rows(columns: &SlabColumns) -> Option<Vec<(LocalId, Aggregate)>> {
    let rows = columns.ids().iter().enumerate();
    rows.map(|(row, id)| Some((*id, columns.aggregate(row).ok()?))).collect()
}
