//! Blocks of rows by columns; `FORMAT.md` draws them.
//!
//! A slab block has a row a series: of a minute, of an hour, of a day. A page has the minutes of an hour, series by
//! series. [`SlabBlock`] and [`PageBlock`] gather rows and encode them, [`SlabColumns`] reads back the [`Columns`] that
//! are asked for.

mod columns;
mod directory;
mod extremes;
mod levels;
mod minutes;
mod numbers;
mod page;
mod profile;
mod read;
mod rows;
mod short;
mod sketches;

use model::{Aggregate, Distinct, Distribution, Kinds, LocalId, Scalars};

pub use columns::{Columns, Percentile};
pub use page::PageBlock;
pub use profile::{Profile, add_profile};
pub use read::SlabColumns;

use crate::StoreError;
use directory::{DirectoryWriter, Tag};
use rows::Rows;

/// Set in a row's kinds on disk: its min and max are stored although its count is 1, because they are not its sum.
/// No admitted row is such a row; the store keeps it as it came all the same.
const OWN_EXTREMES: u8 = 16;
const _: () = assert!(OWN_EXTREMES & Kinds::KNOWN == 0);

/// A block that is being built: columns in memory. Cleared, it keeps its buffers for the next.
#[derive(Debug, Default)]
pub struct SlabBlock {
    ids: Vec<LocalId>,
    rows: Rows,
}

// === impl SlabBlock ===

impl SlabBlock {
    /// Bytes of one block: RocksDB holds 4 GiB a value and copies it a few times on its way.
    pub const BYTES_MAX: usize = 1 << 30;
    /// Rows of one block, twice what the largest metric is meant to have in all partitions together. A reader that
    /// asks for every scalar needs 60 bytes a row, so this also says what a block can make it allocate: 4 GiB.
    pub const ROWS_MAX: usize = 1 << 26;

    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All rows at once, ascending by id.
    pub fn of<'a>(rows: impl IntoIterator<Item = (LocalId, &'a Aggregate)>) -> Self {
        let mut block = Self::new();
        rows.into_iter().for_each(|(id, row)| block.push_aggregate(id, row));
        block
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.rows.clear();
    }

    /// The next row.
    pub fn push_aggregate(&mut self, id: LocalId, row: &Aggregate) {
        self.push(id, &row.scalars, row.distinct(), row.distribution());
    }

    /// The next row, from its parts. Ids ascend; [`SlabBlock::encode`] refuses what does not.
    pub fn push(
        &mut self,
        id: LocalId,
        scalars: &Scalars,
        distinct: Option<&Distinct>,
        distribution: Option<&Distribution>,
    ) {
        self.ids.push(id);
        self.rows.push(scalars, distinct, distribution);
    }

    /// Bytes of all sketches.
    pub(crate) fn sketch_bytes(&self) -> usize {
        self.rows.sketch_bytes()
    }

    /// The bytes of the block.
    ///
    /// # Errors
    /// When ids do not ascend, or the block exceeds [`SlabBlock::ROWS_MAX`] or [`SlabBlock::BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        check_order(&self.ids)?;
        let mut out = DirectoryWriter::new(self.len());
        out.column(Tag::Ids, |bytes| codec::encode_ids(&self.ids, bytes));
        self.rows.put(&[], &mut out);
        out.finish()
    }
}

fn check_order(ids: &[LocalId]) -> Result<(), StoreError> {
    match ids.array_windows().find(|[before, id]| before >= id) {
        Some([before, id]) => Err(StoreError::Order { before: *before, id: *id }),
        None => Ok(()),
    }
}

/// Does the row store its own min and max?
#[inline]
fn stores_extremes(count: u64, kinds: u8) -> bool {
    count != 1 || kinds & OWN_EXTREMES != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_nobody_knows_is_damage() {
        let of = |kinds: u8| {
            let mut out = DirectoryWriter::new(1);
            out.column(Tag::Ids, |bytes| codec::encode_ids(&[7], bytes));
            out.column(Tag::Kinds, |bytes| codec::encode_flags(&[kinds], bytes));
            out.column(Tag::SumFloats, |bytes| codec::encode_floats(&[1.5], bytes));
            SlabColumns::new().read(&out.finish().unwrap(), Columns::SUM)
        };
        assert_eq!(of(Kinds::SUM_FLOAT), Ok(()));
        let said = of(Kinds::SUM_FLOAT | 32).unwrap_err().to_string();
        assert!(said.contains("column Kinds") && said.contains("0b00100001"), "{said}");
    }
}
