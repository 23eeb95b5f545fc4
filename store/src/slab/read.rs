//! A slab block or a page read back, as much of it as was asked for.

use model::{Aggregate, Distinct, Distribution, Kinds, LocalId, Minute, Number, Scalars, Sketches};

use crate::StoreError;

use super::directory::{Directory, Tag, decode};
use super::minutes::PageMinutes;
use super::numbers::{self, Scratch};
use super::sketches::{DistinctRows, DistributionRows, find, required, retain};
use super::{Columns, OWN_EXTREMES, Percentile, stores_extremes};

/// Columns by row. Reused from block to block, it allocates only when a block is larger than all before.
///
/// What was not asked for is absent: slices are empty, numbers are 0, sketches are `None`.
#[derive(Debug, Default)]
pub struct SlabColumns {
    wanted: Columns,
    ids: Vec<LocalId>,
    /// Of a page only.
    minutes: Vec<Minute>,
    /// Empty also where all are 0.
    kinds: Vec<u8>,
    counts: Vec<u64>,
    sums: Vec<u64>,
    mins: Vec<u64>,
    maxes: Vec<u64>,
    distinct: DistinctRows,
    distribution: DistributionRows,
    scratch: Scratch,
    page: PageMinutes,
    /// Kinds and bits of the rows that store their extremes.
    extreme_kinds: Vec<u8>,
    extremes: Vec<u64>,
}

// === impl SlabColumns: reading ===

impl SlabColumns {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the content by the wanted columns of a slab block.
    ///
    /// # Errors
    /// When the block is damaged where it was read, or of a newer version. There are no rows then.
    pub fn read(&mut self, bytes: &[u8], wanted: Columns) -> Result<(), StoreError> {
        self.replace(bytes, wanted, |columns, directory| {
            let bytes = required(Tag::Ids, directory)?;
            decode(Tag::Ids, bytes, directory.rows, &mut columns.ids, decode_ids)
        })
    }

    /// Replaces the content by the wanted columns of a page of the hour that begins with `hour`. Every row has its
    /// minute then, and its series may have several rows.
    ///
    /// # Errors
    /// As [`SlabColumns::read`].
    pub fn read_page(&mut self, bytes: &[u8], hour: Minute, wanted: Columns) -> Result<(), StoreError> {
        self.replace(bytes, wanted, |columns, directory| {
            columns.page.take(directory)?;
            columns.spread_minutes(hour);
            Ok(())
        })
    }

    /// How many rows a block claims to have.
    pub(crate) fn rows_of(bytes: &[u8]) -> Result<usize, StoreError> {
        Ok(Directory::open(bytes)?.rows)
    }

    fn replace(
        &mut self,
        bytes: &[u8],
        wanted: Columns,
        fill_ids: impl FnOnce(&mut Self, &Directory<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.clear();
        let result = Directory::open(bytes).and_then(|directory| {
            self.wanted = wanted;
            fill_ids(self, &directory)?;
            self.fill(&directory, wanted)
        });
        if result.is_err() {
            self.clear();
        }
        result
    }

    /// A row for each minute of each series of the page.
    fn spread_minutes(&mut self, hour: Minute) {
        for (&id, &mask) in self.page.series.iter().zip(&self.page.masks) {
            let mut left = mask;
            while left != 0 {
                self.ids.push(id);
                self.minutes.push(hour.plus(left.trailing_zeros()));
                left &= left - 1;
            }
        }
    }

    fn fill(&mut self, directory: &Directory<'_>, wanted: Columns) -> Result<(), StoreError> {
        let rows = directory.rows;
        if wanted.has(Columns::COUNT) {
            decode(
                Tag::Counts,
                required(Tag::Counts, directory)?,
                rows,
                &mut self.counts,
                codec::decode_uints,
            )?;
        }
        if wanted.has(Columns::SUM) {
            self.fill_sums(directory)?;
        }
        self.fill_extremes(directory)?;
        self.distinct.take(directory, wanted)?;
        self.distribution.take(directory, wanted)
    }

    /// Without a column of kinds every number is an integer, and nobody looks at each to know; the extremes still ask for
    /// the kinds of their rows.
    fn fill_sums(&mut self, directory: &Directory<'_>) -> Result<(), StoreError> {
        let extremes = self.wanted.has(Columns::MIN) || self.wanted.has(Columns::MAX);
        if let (None, Some(bytes), false) =
            (directory.column(Tag::Kinds), directory.column(Tag::SumInts), extremes)
        {
            return decode(Tag::SumInts, bytes, directory.rows, &mut self.sums, codec::decode_int_bits);
        }
        self.fill_kinds(directory)?;
        numbers::take(numbers::SUM, directory, &self.kinds, &mut self.scratch, &mut self.sums)
    }

    fn fill_kinds(&mut self, directory: &Directory<'_>) -> Result<(), StoreError> {
        match directory.column(Tag::Kinds) {
            Some(bytes) => {
                decode(Tag::Kinds, bytes, directory.rows, &mut self.kinds, codec::decode_flags)?;
                check_kinds(&self.kinds)
            }
            None => {
                self.kinds.resize(directory.rows, 0);
                Ok(())
            }
        }
    }

    fn fill_extremes(&mut self, directory: &Directory<'_>) -> Result<(), StoreError> {
        let (min, max) = (self.wanted.has(Columns::MIN), self.wanted.has(Columns::MAX));
        if min || max {
            let rows = self.counts.iter().zip(&self.kinds);
            self.extreme_kinds.extend(
                rows.filter(|(count, kinds)| stores_extremes(**count, **kinds)).map(|(_, kinds)| *kinds),
            );
        }
        if min {
            numbers::take(
                numbers::MIN,
                directory,
                &self.extreme_kinds,
                &mut self.scratch,
                &mut self.extremes,
            )?;
            spread(&self.counts, &self.kinds, &self.sums, &self.extremes, &mut self.mins);
        }
        if max {
            numbers::take(
                numbers::MAX,
                directory,
                &self.extreme_kinds,
                &mut self.scratch,
                &mut self.extremes,
            )?;
            spread(&self.counts, &self.kinds, &self.sums, &self.extremes, &mut self.maxes);
        }
        Ok(())
    }

    /// Keeps the rows whose flag is set.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        debug_assert_eq!(keep.len(), self.len(), "BUG: a flag for each row");
        retain(&mut self.ids, keep);
        retain(&mut self.minutes, keep);
        retain(&mut self.kinds, keep);
        retain(&mut self.counts, keep);
        retain(&mut self.sums, keep);
        retain(&mut self.mins, keep);
        retain(&mut self.maxes, keep);
        self.distinct.retain(keep);
        self.distribution.retain(keep);
    }

    /// Gives back all memory that the rows do not need.
    pub(crate) fn release(&mut self) {
        (self.scratch, self.page) = (Scratch::default(), PageMinutes::default());
        (self.extreme_kinds, self.extremes) = (Vec::new(), Vec::new());
        self.ids.shrink_to_fit();
        self.kinds.shrink_to_fit();
        for column in [&mut self.counts, &mut self.sums, &mut self.mins, &mut self.maxes] {
            column.shrink_to_fit();
        }
    }

    fn clear(&mut self) {
        self.wanted = Columns::IDS;
        self.ids.clear();
        self.minutes.clear();
        self.page.clear();
        self.kinds.clear();
        self.counts.clear();
        self.sums.clear();
        self.mins.clear();
        self.maxes.clear();
        self.extreme_kinds.clear();
        self.extremes.clear();
        self.distinct.clear();
        self.distribution.clear();
    }
}

/// Most metrics have every series in every minute, and their ids are a range.
fn decode_ids(input: &mut &[u8], rows: usize, out: &mut Vec<LocalId>) -> Result<(), codec::CodecError> {
    match codec::decode_dense_ids(input, rows)? {
        Some(ids) => out.extend(ids),
        None => codec::decode_ids(input, rows, out)?,
    }
    Ok(())
}

/// What a bit that nobody knows says of a number cannot be guessed.
fn check_kinds(kinds: &[u8]) -> Result<(), StoreError> {
    let all = kinds.iter().fold(0, |all, kinds| all | kinds);
    if all & !(Kinds::KNOWN | OWN_EXTREMES) == 0 {
        Ok(())
    } else {
        let why = format!("its rows have bits {all:#010b}, not all of which are of this version");
        Err(StoreError::damaged("column Kinds", &why))
    }
}

/// Every row's extreme: its own where it stores one, else its sum.
fn spread(counts: &[u64], kinds: &[u8], sums: &[u64], extremes: &[u64], out: &mut Vec<u64>) {
    out.clear();
    if extremes.len() == sums.len() {
        out.extend_from_slice(extremes);
        return;
    }
    let mut own = extremes.iter();
    out.extend(counts.iter().zip(kinds).zip(sums).map(|((count, kinds), sum)| {
        // There are as many as rows that store one, so this never falls back for such a row.
        if stores_extremes(*count, *kinds) { own.next().copied().unwrap_or(*sum) } else { *sum }
    }));
}

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

    /// The estimates of those rows.
    #[must_use]
    pub fn distinct_estimates(&self) -> &[f64] {
        &self.distinct.estimates
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
