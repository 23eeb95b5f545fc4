//! A slab block: all rows of one metric in one minute that one seal brought, by columns. `FORMAT.md` draws it.
//!
//! [`SlabBlock`] gathers rows and encodes them, [`SlabColumns`] reads back the [`Columns`] that are asked for.

mod columns;
mod directory;
mod numbers;
mod read;
mod sketches;

use model::{Aggregate, Distinct, Distribution, Kinds, LocalId, Scalars};

pub use columns::{Columns, Percentile};
pub use read::SlabColumns;

use crate::StoreError;
use directory::{DirectoryWriter, Tag};
use sketches::{DistinctRows, DistributionRows};

/// Set in a row's kinds on disk: its min and max are stored although its count is 1, because they are not its sum.
/// No admitted row is such a row; the store keeps it as it came all the same.
const OWN_EXTREMES: u8 = 16;
const _: () = assert!(OWN_EXTREMES & Kinds::KNOWN == 0);

/// A block that is being built: columns in memory. Cleared, it keeps its buffers for the next.
#[derive(Debug, Default)]
pub struct SlabBlock {
    ids: Vec<LocalId>,
    kinds: Vec<u8>,
    counts: Vec<u64>,
    sums: Vec<u64>,
    /// Of the rows that store their extremes, with their kinds.
    mins: Vec<u64>,
    maxes: Vec<u64>,
    extreme_kinds: Vec<u8>,
    distinct: DistinctRows,
    distribution: DistributionRows,
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
        self.kinds.clear();
        self.counts.clear();
        self.sums.clear();
        self.mins.clear();
        self.maxes.clear();
        self.extreme_kinds.clear();
        self.distinct.clear();
        self.distribution.clear();
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
        debug_assert!(scalars.kinds.0 & !Kinds::KNOWN == 0, "BUG: kinds has unknown bits");
        let row = u32::try_from(self.ids.len()).unwrap_or(u32::MAX); // ids ascend, so there are no more rows than ids
        let stores_extremes = self.push_extremes(scalars);
        let own = if stores_extremes && scalars.count == 1 { OWN_EXTREMES } else { 0 };
        self.ids.push(id);
        self.kinds.push((scalars.kinds.0 & Kinds::KNOWN) | own);
        self.counts.push(scalars.count);
        self.sums.push(scalars.sum);
        if let Some(sketch) = distinct {
            self.distinct.push(row, sketch);
        }
        if let Some(sketch) = distribution {
            self.distribution.push(row, sketch, scalars);
        }
    }

    /// Min and max, unless both are the sum of the only measurement.
    fn push_extremes(&mut self, scalars: &Scalars) -> bool {
        let implied = scalars.count == 1 && scalars.min() == scalars.sum() && scalars.max() == scalars.sum();
        if !implied {
            self.mins.push(scalars.min);
            self.maxes.push(scalars.max);
            self.extreme_kinds.push(scalars.kinds.0);
        }
        !implied
    }

    /// The bytes of the block.
    ///
    /// # Errors
    /// When ids do not ascend, or the block exceeds [`SlabBlock::ROWS_MAX`] or [`SlabBlock::BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        self.check_order()?;
        let mut out = DirectoryWriter::new(self.len());
        out.column(Tag::Ids, |bytes| codec::encode_ids(&self.ids, bytes));
        if self.kinds.iter().any(|kinds| *kinds != 0) {
            out.column(Tag::Kinds, |bytes| codec::encode_flags(&self.kinds, bytes));
        }
        out.column(Tag::Counts, |bytes| codec::encode_uints(&self.counts, bytes));
        numbers::put(numbers::SUM, &self.sums, &self.kinds, &mut out);
        numbers::put(numbers::MIN, &self.mins, &self.extreme_kinds, &mut out);
        numbers::put(numbers::MAX, &self.maxes, &self.extreme_kinds, &mut out);
        self.distinct.put(&mut out);
        self.distribution.put(&mut out);
        out.finish()
    }

    fn check_order(&self) -> Result<(), StoreError> {
        match self.ids.windows(2).find(|two| two[0] >= two[1]) {
            Some(two) => Err(StoreError::Order { before: two[0], id: two[1] }),
            None => Ok(()),
        }
    }
}

/// Does the row store its own min and max?
#[inline]
fn stores_extremes(count: u64, kinds: u8) -> bool {
    count != 1 || kinds & OWN_EXTREMES != 0
}
