//! A slab block or a page read back, as much of it as was asked for.

mod look;

use model::{Kinds, LocalId, Minute, MinuteRange};

use crate::{StoreError, Tier};

use super::directory::{Directory, Tag, decode};
use super::extremes::{self, Seen};
use super::levels;
use super::minutes::PageMinutes;
use super::numbers::{self, Scratch};
use super::sketches::{DistinctRows, DistributionRows, required, retain};
use super::{Columns, OWN_EXTREMES, short, stores_extremes};

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
    /// Where a block in its short form is made long.
    long: Vec<u8>,
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

    /// Replaces the content by the wanted columns of a page of the hour or day that its key says. Every row has its
    /// minute then, and its series may have several rows.
    ///
    /// # Errors
    /// As [`SlabColumns::read`].
    pub fn read_page(&mut self, bytes: &[u8], span: MinuteRange, wanted: Columns) -> Result<(), StoreError> {
        self.replace(bytes, wanted, |columns, directory| {
            columns.page.take(directory, span.len() > Tier::Hour.minutes())?;
            columns.spread_minutes(span.from);
            Ok(())
        })
    }

    /// How many rows a block claims to have, before anything is made room for. Columns of one value take a few bytes
    /// however many rows they claim, so who knows a bound asks.
    ///
    /// # Errors
    /// As [`SlabColumns::read`].
    pub fn rows_of(bytes: &[u8]) -> Result<usize, StoreError> {
        Ok(Directory::open(short::lengthened(bytes, &mut Vec::new())?)?.rows)
    }

    fn replace(
        &mut self,
        bytes: &[u8],
        wanted: Columns,
        fill_ids: impl FnOnce(&mut Self, &Directory<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.clear();
        let mut long = std::mem::take(&mut self.long);
        let result = short::lengthened(bytes, &mut long).and_then(Directory::open).and_then(|directory| {
            self.wanted = wanted;
            fill_ids(self, &directory)?;
            self.fill(&directory, wanted)
        });
        self.long = long;
        if result.is_err() {
            self.clear();
        }
        result
    }

    /// A row for each minute of each series of the page.
    fn spread_minutes(&mut self, from: Minute) {
        let hours = self.page.hours.iter().copied().chain(std::iter::repeat(0));
        for ((&id, &mask), hour) in self.page.series.iter().zip(&self.page.masks).zip(hours) {
            let hour = from.plus(u32::from(hour) * Tier::Hour.minutes());
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
        let Self { kinds, page, scratch, sums, .. } = self;
        if levels::take_sums(directory, page, kinds, scratch, sums)? {
            return Ok(());
        }
        numbers::take(numbers::SUM, directory, kinds, scratch, sums)
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
        if !min && !max {
            return Ok(());
        }
        let Self { counts, kinds, sums, extreme_kinds, extremes, scratch, .. } = self;
        let rows = counts.iter().zip(&*kinds);
        let store_theirs = rows.filter(|(count, kinds)| stores_extremes(**count, **kinds));
        extreme_kinds.extend(store_theirs.map(|(_, kinds)| *kinds));
        let seen = Seen { counts, kinds, sums };
        let columns = [(min, extremes::MIN, &mut self.mins), (max, extremes::MAX, &mut self.maxes)];
        for (_, column, out) in columns.into_iter().filter(|(wanted, ..)| *wanted) {
            column.take(directory, seen, extreme_kinds, scratch, extremes)?;
            spread(counts, kinds, sums, extremes, out);
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
        self.long = Vec::new();
        (self.extreme_kinds, self.extremes) = (Vec::new(), Vec::new());
        self.ids.shrink_to_fit();
        self.minutes.shrink_to_fit();
        self.kinds.shrink_to_fit();
        self.distinct.release();
        self.distribution.release();
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
