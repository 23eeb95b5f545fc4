//! The one operator that reads slabs: the blocks of a metric over a range of minutes, by columns.

use std::ops::ControlFlow;

use model::{MetricId, Minute, MinuteRange};

use crate::{Cf, Columns, KvSnapshot, SlabColumns, SlabKey, StoreError};

/// What a scan has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Blocks.
    pub blocks: u64,
    /// Rows of them.
    pub rows: u64,
    /// Bytes of their values on disk.
    pub bytes_read: u64,
}

/// Calls `each` with the minute, the log offset of the seal and the wanted columns of every block of a metric within
/// the range, ascending by minute and seal, until it breaks. `columns` is the buffer, so that a scan allocates
/// nothing once it has grown.
///
/// # Errors
/// When the disk cannot be read, a block is damaged, which is named, or what `each` returned.
pub fn scan<F>(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    minutes: MinuteRange,
    wanted: Columns,
    columns: &mut SlabColumns,
    mut each: F,
) -> Result<ScanStats, StoreError>
where
    F: FnMut(Minute, u64, &SlabColumns) -> Result<ControlFlow<()>, StoreError>,
{
    let mut stats = ScanStats::default();
    let from = SlabKey::first(metric, minutes.from).to_bytes();
    let to = SlabKey::first(metric, minutes.to).to_bytes();
    snapshot.range(Cf::Slabs, &from, &to, &mut |key, value| {
        let key = SlabKey::from_bytes(key).ok_or_else(|| not_a_key(key))?;
        columns.read(value, wanted).map_err(|error| error.within(|| key.to_string()))?;
        stats.blocks += 1;
        stats.rows += columns.len() as u64;
        stats.bytes_read += value.len() as u64;
        each(key.minute, key.seal_offset, columns)
    })?;
    Ok(stats)
}

fn not_a_key(key: &[u8]) -> StoreError {
    StoreError::damaged(format!("slab key {key:02x?}"), "it is not 16 bytes long")
}
