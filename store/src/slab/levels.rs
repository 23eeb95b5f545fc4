//! Sums of a page by how far they lie from a level that each of its series has, where that takes fewer bytes.
//!
//! The series of a metric differ in level, and what is noise around a level costs more by its deltas: they hold the noise
//! of two minutes, and once a series the way from one level to the next. Only where all sums are integers.

use model::Kinds;

use super::directory::{Directory, DirectoryWriter, Tag, decode};
use super::minutes::PageMinutes;
use super::numbers::{self, Scratch};
use super::sketches::required;
use crate::StoreError;

/// Sums as they are written.
pub(super) struct Levels {
    /// Of each series.
    levels: Vec<u8>,
    /// Of each row from its series' level.
    distances: Vec<u8>,
}

/// Plain sums that take a byte for so many rows are good enough.
const ROWS_A_BYTE: usize = 16;
/// One more column's head in a large page.
const COLUMN_BYTES: usize = 13;

/// Writes the sums, of which each series has so many, unless they are shorter by levels, which are returned: those come
/// after other columns.
pub(super) fn put_sums(
    sums: &[u64],
    kinds: &[u8],
    series: &[usize],
    out: &mut DirectoryWriter,
) -> Option<Levels> {
    if series.len() < 2 || kinds.iter().any(|kinds| kinds & Kinds::SUM_FLOAT != 0) {
        numbers::put(numbers::SUM, sums, kinds, out);
        return None;
    }
    let sums: Vec<i64> = sums.iter().map(|sum| sum.cast_signed()).collect();
    let plain = encoded(&sums);
    let good_enough = plain.len() * ROWS_A_BYTE <= sums.len();
    let levels = if good_enough { None } else { Levels::below(plain.len(), sums, series) };
    if levels.is_none() {
        out.column(Tag::SumInts, |bytes| bytes.extend_from_slice(&plain));
    }
    levels
}

/// Reads back what levels wrote; false where the block has none.
pub(super) fn take_sums(
    directory: &Directory<'_>,
    page: &PageMinutes,
    kinds: &[u8],
    scratch: &mut Scratch,
    bits: &mut Vec<u64>,
) -> Result<bool, StoreError> {
    let Some(levels) = directory.column(Tag::SumLevels) else { return Ok(false) };
    let damaged = |why| Err(StoreError::damaged(format!("column {:?}", Tag::SumLevels), why));
    if kinds.iter().any(|kinds| kinds & Kinds::SUM_FLOAT != 0) {
        return damaged("its rows' kinds ask for a column of floats");
    }
    let series = page.lengths();
    decode(Tag::SumLevels, levels, series.len(), &mut scratch.ints, codec::decode_ints)?;
    bits.clear();
    for (level, rows) in scratch.ints.iter().zip(series) {
        bits.resize(bits.len() + rows, level.cast_unsigned());
    }
    if bits.len() != directory.rows {
        return damaged("only a page has series with levels");
    }
    let distances = required(Tag::SumDistances, directory)?;
    decode(Tag::SumDistances, distances, bits.len(), &mut scratch.ints, codec::decode_ints)?;
    let sums = bits.iter_mut().zip(&scratch.ints);
    sums.for_each(|(sum, distance)| *sum = sum.wrapping_add(distance.cast_unsigned()));
    Ok(true)
}

// === impl Levels ===

impl Levels {
    /// `None` unless they take fewer bytes than this.
    fn below(bytes: usize, mut sums: Vec<i64>, series: &[usize]) -> Option<Self> {
        let (mut levels, mut rest) = (Vec::with_capacity(series.len()), &mut sums[..]);
        for rows in series {
            let mine = rest.split_off_mut(..*rows)?; // the rows are those of the series
            let level = middle(mine);
            mine.iter_mut().for_each(|sum| *sum = sum.wrapping_sub(level));
            levels.push(level);
        }
        let found = Self { levels: encoded(&levels), distances: encoded(&sums) };
        (found.levels.len() + found.distances.len() + COLUMN_BYTES < bytes).then_some(found)
    }

    pub(super) fn put(self, out: &mut DirectoryWriter) {
        out.column(Tag::SumLevels, |bytes| bytes.extend_from_slice(&self.levels));
        out.column(Tag::SumDistances, |bytes| bytes.extend_from_slice(&self.distances));
    }
}

/// The median: a spike moves it not.
fn middle(sums: &[i64]) -> i64 {
    let (mut sums, half) = (sums.to_vec(), sums.len() / 2);
    if sums.is_empty() { 0 } else { *sums.select_nth_unstable(half).1 }
}

fn encoded(ints: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode_ints(ints, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use model::{Aggregate, Number, Scalars};
    use proptest::prelude::*;

    use super::super::{Columns, PageBlock, SlabColumns};
    use super::*;
    use crate::Tier;

    type Series = Vec<Vec<i64>>;

    /// Each series has its sums in the first minutes of the hour.
    fn page(series: &Series) -> Vec<u8> {
        let row = |sum: i64| Aggregate::of(Scalars::of(Number::Int(sum)));
        let mut page = PageBlock::new();
        for (id, sums) in (0..).zip(series) {
            page.push(id, &(0..).zip(sums).map(|(minute, sum)| (minute, row(*sum))).collect::<Vec<_>>());
        }
        page.encode().unwrap()
    }

    fn read(bytes: &[u8]) -> Vec<i64> {
        let mut columns = SlabColumns::new();
        columns.read_page(bytes, Tier::Hour.range(10), Columns::SCALARS).unwrap();
        columns.sum_bits().iter().map(|bits| bits.cast_signed()).collect()
    }

    /// Whether they are written by levels, and how many bytes the page has.
    fn check(series: &Series) -> (bool, usize) {
        let (bytes, mut long) = (page(series), Vec::new());
        assert_eq!(read(&bytes), series.concat());
        let directory = Directory::open(super::super::short::lengthened(&bytes, &mut long).unwrap()).unwrap();
        (directory.column(Tag::SumLevels).is_some(), bytes.len())
    }

    /// 200 series of an hour, from the number of a series and of a minute.
    fn hour(sum: impl Fn(i64, i64) -> i64) -> Series {
        (0..200).map(|series| (0..60).map(|minute| sum(series, minute)).collect()).collect()
    }

    /// SplitMix64: multiples of one constant differ by few deltas, which codes too well.
    fn mixed(number: i64) -> u64 {
        let number = (number.cast_unsigned() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// 0 to 6, without a pattern.
    fn noise(series: i64, minute: i64) -> i64 {
        (mixed(series * 60 + minute) % 7).cast_signed()
    }

    fn level(series: i64) -> i64 {
        (mixed(series + 1_000_000) % 1_000_003).cast_signed()
    }

    #[test]
    fn noise_around_levels_is_written_so_and_steps_are_not() {
        let (by_levels, bytes) = check(&hour(|series, minute| level(series) + noise(series, minute)));
        assert!(by_levels);
        let entropy_bytes = (200.0 * (60.0 * 7_f64.log2() + 20.0) / 8.0) as usize;
        assert!(bytes < entropy_bytes * 11 / 10, "{bytes} bytes, entropy {entropy_bytes}");
        assert!(!check(&hour(|series, minute| level(series) + minute * noise(series, 0))).0);
        assert!(!check(&hour(|_, _| 5)).0);
    }

    proptest! {
        #[test]
        fn sums_come_back_whatever_their_levels(
            series in prop::collection::vec((any::<i64>(), prop::collection::vec(any::<i64>(), 0..60)), 0..30),
            spread in prop::sample::select(vec![2_i64, 9, 1_000, i64::MAX]),
        ) {
            let sums = |(level, sums): (i64, Vec<i64>)| sums.iter().map(|sum| level.wrapping_add(sum % spread)).collect();
            check(&series.into_iter().map(sums).collect());
        }
    }

    #[test]
    fn levels_of_a_slab_block_or_of_floats_are_damage() {
        let with = |kinds: u8| {
            let mut out = DirectoryWriter::new(1);
            out.column(Tag::Ids, |bytes| codec::encode_ids(&[7], bytes));
            out.column(Tag::Kinds, |bytes| codec::encode_flags(&[kinds], bytes));
            out.column(Tag::SumLevels, |bytes| codec::encode_ints(&[], bytes));
            out.column(Tag::SumDistances, |bytes| codec::encode_ints(&[5], bytes));
            SlabColumns::new().read(&out.finish().unwrap(), Columns::SUM).unwrap_err().to_string()
        };
        assert!(with(0).contains("only a page has series with levels"), "{}", with(0));
        assert!(with(Kinds::SUM_FLOAT).contains("ask for a column of floats"), "{}", with(Kinds::SUM_FLOAT));
    }
}
