//! Which minutes of an hour each series of a page has; of a day's page, which of each hour.
//!
//! A steady series has those of the series before it and costs a bit at most; a page of nothing but whole hours stores
//! nothing at all. What differs is written as the distances between its minutes. A run is the rows of a series and hour.

use model::LocalId;

use crate::StoreError;
use crate::tier::HOURS_A_DAY;

use super::check_order;
use super::directory::{Directory, DirectoryWriter, Tag, decode, decode_some_ids};
use super::page::PageBlock;
use super::sketches::required;

/// The minutes of an hour, one bit each; bit 0 is the first.
pub(super) type Mask = u64;

/// All 60.
const WHOLE: Mask = (1 << 60) - 1;

/// Hours of a day.
const HOURS: usize = HOURS_A_DAY as usize;

/// Runs of a page with their minutes. Cleared, it keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct PageMinutes {
    /// Whose a run is: in an hour's page each series has one.
    pub(super) series: Vec<LocalId>,
    pub(super) masks: Vec<Mask>,
    /// Of a day's page only: the hour of each run, 0 to 23.
    pub(super) hours: Vec<u8>,
    scratch: Scratch,
}

/// Buffers between the codec and the masks.
#[derive(Debug, Default)]
struct Scratch {
    own: Vec<u8>,
    counts: Vec<u64>,
    gaps: Vec<u8>,
}

// === impl PageMinutes ===

impl PageMinutes {
    pub(super) fn clear(&mut self) {
        self.series.clear();
        self.masks.clear();
        self.hours.clear();
    }

    /// How many rows each series has.
    pub(super) fn lengths(&self) -> Vec<usize> {
        let mut masks = self.masks.iter();
        let rows = |runs: usize| masks.by_ref().take(runs).map(|mask| mask.count_ones() as usize).sum();
        self.runs().map(|(_, runs)| runs).map(rows).collect()
    }

    /// Each series, and how many runs it has.
    fn runs(&self) -> impl Iterator<Item = (LocalId, usize)> {
        self.series.chunk_by(|one, other| one == other).map(|runs| (runs[0], runs.len()))
    }

    pub(super) fn check_order(&self) -> Result<(), StoreError> {
        match self.hours.is_empty() {
            true => check_order(&self.series),
            false => check_order(&self.runs().map(|(id, _)| id).collect::<Vec<_>>()),
        }
    }

    pub(super) fn put(&self, out: &mut DirectoryWriter) {
        let (mut columns, mut before) = (Scratch::default(), WHOLE);
        for &mask in &self.masks {
            columns.own.push(u8::from(mask != before));
            if mask != before {
                columns.counts.push(u64::from(mask.count_ones()));
                put_gaps(mask, &mut columns.gaps);
                before = mask;
            }
        }
        let (ids, runs): (Vec<LocalId>, Vec<u64>) = self.runs().map(|(id, runs)| (id, runs as u64)).unzip();
        out.column(Tag::Series, |bytes| codec::encode_ids(&ids, bytes));
        if !columns.counts.is_empty() {
            out.column(Tag::OwnMinutes, |bytes| codec::encode_flags(&columns.own, bytes));
            out.column(Tag::MinuteCounts, |bytes| codec::encode_uints(&columns.counts, bytes));
            out.column(Tag::MinuteGaps, |bytes| codec::encode_flags(&columns.gaps, bytes));
        }
        if !self.hours.is_empty() {
            out.column(Tag::HourCounts, |bytes| codec::encode_uints(&runs, bytes));
            out.column(Tag::Hours, |bytes| codec::encode_flags(&self.hours, bytes));
        }
    }

    /// Reads back what [`PageMinutes::put`] wrote: masks that hold as many minutes as the page has rows. `is_day` is what
    /// the page's key says.
    pub(super) fn take(&mut self, directory: &Directory<'_>, is_day: bool) -> Result<(), StoreError> {
        self.clear();
        decode_some_ids(
            Tag::Series,
            required(Tag::Series, directory)?,
            PageBlock::SERIES_MAX,
            &mut self.series,
        )?;
        if is_day != directory.column(Tag::HourCounts).is_some() {
            return Err(damaged(if is_day { "they are not of a day" } else { "they are of a day" }));
        }
        if is_day {
            self.take_hours(directory)?;
        }
        if directory.column(Tag::OwnMinutes).is_some() {
            self.take_masks(directory)?;
        } else {
            self.masks.resize(self.series.len(), WHOLE);
        }
        let rows: usize = self.masks.iter().map(|mask| mask.count_ones() as usize).sum();
        if rows != directory.rows {
            let why = format!("its series have {rows} minutes and it claims {} rows", directory.rows);
            return Err(StoreError::damaged("the page", &why));
        }
        Ok(())
    }

    /// From series to their runs.
    fn take_hours(&mut self, directory: &Directory<'_>) -> Result<(), StoreError> {
        let ids = std::mem::take(&mut self.series);
        let counts = &mut self.scratch.counts;
        let column = |tag| required(tag, directory);
        decode(Tag::HourCounts, column(Tag::HourCounts)?, ids.len(), counts, codec::decode_uints)?;
        for (id, runs) in ids.iter().zip(counts) {
            let runs = usize::try_from(*runs).ok().filter(|runs| (1..=HOURS).contains(runs));
            let runs = runs.ok_or_else(|| damaged("a series has none of the day's hours, or too many"))?;
            self.series.resize(self.series.len() + runs, *id);
        }
        let runs = self.series.len();
        decode(Tag::Hours, column(Tag::Hours)?, runs, &mut self.hours, codec::decode_flags)?;
        let places = || self.series.iter().zip(&self.hours);
        let ascend = places().zip(places().skip(1)).all(|(run, next)| run < next);
        if ascend && self.hours.iter().all(|hour| usize::from(*hour) < HOURS) {
            Ok(())
        } else {
            Err(damaged("hours of a series do not ascend, or are beyond the day"))
        }
    }

    fn take_masks(&mut self, directory: &Directory<'_>) -> Result<(), StoreError> {
        let Scratch { own, counts, gaps } = &mut self.scratch;
        let column = |tag| required(tag, directory);
        decode(Tag::OwnMinutes, column(Tag::OwnMinutes)?, self.series.len(), own, codec::decode_flags)?;
        let owners = own.iter().filter(|own| **own != 0).count();
        decode(Tag::MinuteCounts, column(Tag::MinuteCounts)?, owners, counts, codec::decode_uints)?;
        let minutes = counts.iter().try_fold(0_usize, |all, count| {
            usize::try_from(*count).ok().filter(|count| (1..=60).contains(count)).map(|count| all + count)
        });
        let minutes =
            minutes.ok_or_else(|| damaged("a series has none of the hour's minutes, or too many"))?;
        decode(Tag::MinuteGaps, column(Tag::MinuteGaps)?, minutes, gaps, codec::decode_flags)?;

        let (mut counts, mut gaps, mut mask) = (counts.iter(), &gaps[..], WHOLE);
        for own in own {
            if *own != 0 {
                // Counted above, so neither ends early.
                let count = counts.next().copied().unwrap_or(0) as usize;
                let (mine, others) = gaps.split_at(count.min(gaps.len()));
                mask = mask_of(mine).ok_or_else(|| damaged("a minute is beyond the hour"))?;
                gaps = others;
            }
            self.masks.push(mask);
        }
        Ok(())
    }
}

fn damaged(why: &str) -> StoreError {
    StoreError::damaged("the minutes", why)
}

/// How many minutes are left out before each.
fn put_gaps(mut mask: Mask, gaps: &mut Vec<u8>) {
    let mut next = 0;
    while mask != 0 {
        let minute = mask.trailing_zeros();
        gaps.push((minute - next) as u8); // below 60
        next = minute + 1;
        mask &= mask - 1;
    }
}

fn mask_of(gaps: &[u8]) -> Option<Mask> {
    let (mut mask, mut next) = (0, 0_u32);
    for gap in gaps {
        let minute = next + u32::from(*gap);
        if minute >= 60 {
            return None;
        }
        mask |= 1 << minute;
        next = minute + 1;
    }
    Some(mask)
}
