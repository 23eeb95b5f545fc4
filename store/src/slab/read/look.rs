//! What was read, column by column and row by row.

use model::{Aggregate, Distinct, Distribution, Kinds, LocalId, Minute, Number, Scalars, Sketches};

use super::SlabColumns;
use crate::StoreError;
use crate::slab::sketches::find;
use crate::slab::{Columns, OWN_EXTREMES, Percentile};

// === impl SlabColumns: columns ===

impl SlabColumns {
    /// What was asked for.
    #[must_use]
    pub fn wanted(&self) -> Columns {
        self.wanted
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

    /// Local ids, ascending; of a page each as often as the series has minutes.
    #[must_use]
    pub fn ids(&self) -> &[LocalId] {
        &self.ids
    }

    /// The minute of each row of a page, ascending within a series; empty of a slab block, whose rows are of one.
    #[must_use]
    pub fn minutes(&self) -> &[Minute] {
        &self.minutes
    }

    /// Measurements.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Bits of the sums; [`SlabColumns::sum`] reads one.
    #[must_use]
    pub fn sum_bits(&self) -> &[u64] {
        &self.sums
    }

    /// Bits of the mins.
    #[must_use]
    pub fn min_bits(&self) -> &[u64] {
        &self.mins
    }

    /// Bits of the maxes.
    #[must_use]
    pub fn max_bits(&self) -> &[u64] {
        &self.maxes
    }

    /// Every number that was asked for is an integer.
    #[must_use]
    pub fn is_all_integers(&self) -> bool {
        self.kinds.iter().all(|kinds| kinds & !OWN_EXTREMES == 0)
    }

    /// How to read the bits, with any of sum, min and max.
    #[must_use]
    #[inline]
    pub fn kinds(&self, row: usize) -> Kinds {
        Kinds(self.kinds.get(row).map_or(0, |kinds| kinds & !OWN_EXTREMES))
    }

    /// The rows that have a distinct sketch, ascending.
    #[must_use]
    pub fn distinct_rows(&self) -> &[u32] {
        &self.distinct.rows
    }

    /// The rows that have a distribution, ascending.
    #[must_use]
    pub fn distribution_rows(&self) -> &[u32] {
        &self.distribution.rows
    }

    /// A percentile of those rows; NaN where the distribution is empty.
    #[must_use]
    pub fn percentiles(&self, which: Percentile) -> &[f64] {
        &self.distribution.percentiles[which as usize]
    }
}

// === impl SlabColumns: rows ===

impl SlabColumns {
    /// The sum of a row.
    #[must_use]
    #[inline]
    pub fn sum(&self, row: usize) -> Number {
        self.number(&self.sums, row, Kinds::SUM_FLOAT)
    }

    /// The least measurement of a row.
    #[must_use]
    #[inline]
    pub fn min(&self, row: usize) -> Number {
        self.number(&self.mins, row, Kinds::MIN_FLOAT)
    }

    /// The greatest measurement of a row.
    #[must_use]
    #[inline]
    pub fn max(&self, row: usize) -> Number {
        self.number(&self.maxes, row, Kinds::MAX_FLOAT)
    }

    /// Count, sum, min and max of a row: ask for [`Columns::SCALARS`].
    #[must_use]
    #[inline]
    pub fn scalars(&self, row: usize) -> Scalars {
        debug_assert!(
            self.wanted.has(Columns::SCALARS),
            "BUG: scalars of a block that was read without them"
        );
        let at = |column: &[u64]| column.get(row).copied().unwrap_or(0);
        Scalars {
            count: at(&self.counts),
            sum: at(&self.sums),
            min: at(&self.mins),
            max: at(&self.maxes),
            kinds: self.kinds(row),
        }
    }

    /// The distinct estimate of a row, as a number.
    #[must_use]
    pub fn distinct_estimate(&self, row: usize) -> Option<f64> {
        self.distinct.estimates.get(find(&self.distinct.rows, row)?).copied()
    }

    /// A percentile of a row, as a number.
    #[must_use]
    pub fn percentile(&self, row: usize, which: Percentile) -> Option<f64> {
        let at = find(&self.distribution.rows, row)?;
        self.percentiles(which).get(at).copied().filter(|read| !read.is_nan())
    }

    /// The distinct sketch of a row. Decoded at each call: it is wide, and a query looks at few.
    ///
    /// # Errors
    /// When its bytes are no sketch.
    pub fn distinct(&self, row: usize) -> Result<Option<Distinct>, StoreError> {
        self.distinct.sketch(row)
    }

    /// The distribution of a row. Decoded at each call.
    ///
    /// # Errors
    /// When its bytes are no distribution.
    pub fn distribution(&self, row: usize) -> Result<Option<Distribution>, StoreError> {
        self.distribution.sketch(row)
    }

    /// All of a row: ask for [`Columns::SCALARS`], [`Columns::DISTINCT`] and [`Columns::DISTRIBUTION`].
    ///
    /// # Errors
    /// When a sketch's bytes are none.
    pub fn aggregate(&self, row: usize) -> Result<Aggregate, StoreError> {
        let (distinct, distribution) = (self.distinct(row)?, self.distribution(row)?);
        let any = distinct.is_some() || distribution.is_some();
        let sketches = any.then(|| Box::new(Sketches { distinct, distribution }));
        Ok(Aggregate { scalars: self.scalars(row), sketches })
    }

    #[inline]
    fn number(&self, column: &[u64], row: usize, float_bit: u8) -> Number {
        let bits = column.get(row).copied().unwrap_or(0);
        Number::from_bits(bits, self.kinds(row).has(float_bit))
    }
}
