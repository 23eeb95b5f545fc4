//! The columns of rows, whatever they are rows of: the series of a minute, or the minutes of a series.

use model::{Distinct, Distribution, Kinds, Scalars};

use super::OWN_EXTREMES;
use super::directory::{DirectoryWriter, Tag};
use super::extremes::{self, Seen};
use super::levels;
use super::sketches::{DistinctRows, DistributionRows};

/// Rows that are being gathered. Cleared, it keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct Rows {
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

// === impl Rows ===

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(super) fn clear(&mut self) {
        self.kinds.clear();
        self.counts.clear();
        self.sums.clear();
        self.mins.clear();
        self.maxes.clear();
        self.extreme_kinds.clear();
        self.distinct.clear();
        self.distribution.clear();
    }

    pub(super) fn push(
        &mut self,
        scalars: &Scalars,
        distinct: Option<&Distinct>,
        distribution: Option<&Distribution>,
    ) {
        debug_assert!(scalars.kinds.0 & !Kinds::KNOWN == 0, "BUG: kinds has unknown bits");
        // A block has at most `ROWS_MAX` rows, or `encode` refuses it.
        let row = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let stores_extremes = self.push_extremes(scalars);
        let own = if stores_extremes && scalars.count == 1 { OWN_EXTREMES } else { 0 };
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

    /// Bytes of all sketches.
    pub(super) fn sketch_bytes(&self) -> usize {
        self.distinct.sketch_bytes() + self.distribution.sketch_bytes()
    }

    /// Writes every column that has a value. `series` is how many rows each series has, in a page.
    pub(super) fn put(&self, series: &[usize], out: &mut DirectoryWriter) {
        if self.kinds.iter().any(|kinds| *kinds != 0) {
            out.column(Tag::Kinds, |bytes| codec::encode_flags(&self.kinds, bytes));
        }
        out.column(Tag::Counts, |bytes| codec::encode_uints(&self.counts, bytes));
        let levels = levels::put_sums(&self.sums, &self.kinds, series, out);
        let seen = Seen { counts: &self.counts, kinds: &self.kinds, sums: &self.sums };
        extremes::put(seen, &self.mins, &self.maxes, &self.extreme_kinds, out);
        if let Some(levels) = levels {
            levels.put(out);
        }
        self.distinct.put(out);
        self.distribution.put(out);
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
}
