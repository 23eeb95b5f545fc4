//! Mins and maxes of the rows that store them: plainly, or by how far they lie from the row's mean, whichever takes
//! fewer bytes. The series of a metric differ in level by far more than a minute's measurements differ from their mean.
//!
//! Only where sum, min and max of all these rows are integers: a float's distance from its mean would be rounded.

use model::Kinds;

use super::directory::{Directory, DirectoryWriter, Tag, decode};
use super::numbers::{self, Numbers, Scratch};
use super::stores_extremes;
use crate::StoreError;

/// One of the two, and where it lies.
#[derive(Clone, Copy)]
pub(super) struct Extreme {
    plain: Numbers,
    distances: Tag,
}

pub(super) const MIN: Extreme = Extreme { plain: numbers::MIN, distances: Tag::MinDistances };
pub(super) const MAX: Extreme = Extreme { plain: numbers::MAX, distances: Tag::MaxDistances };

/// What the extremes are seen from: columns of all rows, of which some store theirs.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) counts: &'a [u64],
    pub(super) kinds: &'a [u8],
    pub(super) sums: &'a [u64],
}

const FLOATS: u8 = Kinds::SUM_FLOAT | Kinds::MIN_FLOAT | Kinds::MAX_FLOAT;

/// A plain column that takes a byte for so many rows is good enough.
const ROWS_A_BYTE: usize = 16;

/// Writes both columns of the rows that store them, with the kinds of these rows.
pub(super) fn put(seen: Seen<'_>, mins: &[u64], maxes: &[u64], kinds: &[u8], out: &mut DirectoryWriter) {
    if mins.is_empty() || kinds.iter().any(|kinds| kinds & FLOATS != 0) {
        numbers::put(numbers::MIN, mins, kinds, out);
        numbers::put(numbers::MAX, maxes, kinds, out);
        return;
    }
    let means: Vec<i64> = seen.means().collect();
    let mut columns = [(MIN, mins), (MAX, maxes)].map(|(extreme, bits)| extreme.shorter(bits, &means));
    columns.sort_unstable_by_key(|(tag, _)| *tag);
    for (tag, column) in &columns {
        out.column(*tag, |bytes| bytes.extend_from_slice(column));
    }
}

// === impl Seen ===

impl Seen<'_> {
    /// Of the rows that store their extremes.
    fn means(self) -> impl Iterator<Item = i64> {
        let rows = self.counts.iter().zip(self.kinds).zip(self.sums);
        let theirs = rows.filter(|((count, kinds), _)| stores_extremes(**count, **kinds));
        theirs.map(|((count, _), sum)| mean(*sum, *count))
    }
}

/// The sum divided by the count, towards zero. The format rests on it; 0 where there is nothing to divide.
#[inline]
fn mean(sum: u64, count: u64) -> i64 {
    sum.cast_signed().checked_div(i64::try_from(count).unwrap_or(i64::MAX)).unwrap_or(0)
}

// === impl Extreme ===

impl Extreme {
    fn shorter(self, bits: &[u64], means: &[i64]) -> (Tag, Vec<u8>) {
        let plain = encoded(bits.iter().map(|bits| bits.cast_signed()));
        if plain.len() * ROWS_A_BYTE > bits.len() {
            let distances = means.iter().zip(bits).map(|(mean, bits)| mean.wrapping_sub(bits.cast_signed()));
            let distances = encoded(distances);
            if distances.len() < plain.len() {
                return (self.distances, distances);
            }
        }
        (self.plain.ints, plain)
    }

    /// Reads back the bits of the rows that store them, whose kinds these are.
    pub(super) fn take(
        self,
        directory: &Directory<'_>,
        seen: Seen<'_>,
        kinds: &[u8],
        scratch: &mut Scratch,
        bits: &mut Vec<u64>,
    ) -> Result<(), StoreError> {
        let Some(bytes) = directory.column(self.distances) else {
            return numbers::take(self.plain, directory, kinds, scratch, bits);
        };
        if kinds.iter().any(|kinds| kinds & (Kinds::SUM_FLOAT | self.plain.float_bit) != 0) {
            let why = "its rows' kinds ask for a column of floats";
            return Err(StoreError::damaged(format!("column {:?}", self.distances), why));
        }
        decode(self.distances, bytes, kinds.len(), &mut scratch.ints, codec::decode_ints)?;
        bits.clear();
        let distances = seen.means().zip(&scratch.ints);
        bits.extend(distances.map(|(mean, distance)| mean.wrapping_sub(*distance).cast_unsigned()));
        Ok(())
    }
}

fn encoded(ints: impl Iterator<Item = i64>) -> Vec<u8> {
    let (ints, mut bytes): (Vec<i64>, _) = (ints.collect(), Vec::new());
    codec::encode_ints(&ints, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use model::{Aggregate, Number, Scalars};
    use proptest::prelude::*;

    use super::super::{Columns, SlabBlock, SlabColumns, short};
    use super::*;

    fn block(rows: &[Scalars]) -> Vec<u8> {
        let mut block = SlabBlock::new();
        (0..).zip(rows).for_each(|(id, row)| block.push_aggregate(id, &Aggregate::of(*row)));
        block.encode().unwrap()
    }

    fn has(bytes: &[u8], tag: Tag) -> bool {
        let mut long = Vec::new();
        Directory::open(short::lengthened(bytes, &mut long).unwrap()).unwrap().column(tag).is_some()
    }

    fn row(level: i64, below: i64, above: i64) -> Scalars {
        Scalars::new(3, Number::Int(3 * level), Number::Int(level - below), Number::Int(level + above))
    }

    #[test]
    fn what_is_near_the_mean_is_written_so_and_what_is_constant_is_not() {
        let rows: Vec<_> = (0..1_000_i64).map(|at| row(at * 7_919 % 100_003, at % 3, 5)).collect();
        let bytes = block(&rows);
        assert!(has(&bytes, Tag::MinDistances) && has(&bytes, Tag::MaxDistances));
        let zeros: Vec<_> = (0..1_000_i64).map(|at| row(at * 7_919 % 100_003, 0, 5)).collect();
        let zeros: Vec<_> = zeros.into_iter().map(|row| Scalars { min: 0, ..row }).collect();
        let bytes = block(&zeros);
        assert!(has(&bytes, Tag::MinInts) && has(&bytes, Tag::MaxDistances));
    }

    proptest! {
        #[test]
        fn rows_come_back_whatever_their_numbers(
            rows in prop::collection::vec((0_u64..5, any::<i64>(), any::<i64>(), any::<i64>(), 0_u8..8), 0..300),
            is_near in any::<bool>(),
        ) {
            let scalars = |(count, sum, min, max, kinds): (u64, i64, i64, i64, u8)| {
                let count = if count == 4 { u64::MAX } else { count };
                let [min, max] = if is_near { [sum / 2 - min % 9, sum / 2 + max % 9] } else { [min, max] };
                let kinds = if is_near { 0 } else { kinds & FLOATS };
                Scalars {
                    count,
                    sum: sum.cast_unsigned(),
                    min: min.cast_unsigned(),
                    max: max.cast_unsigned(),
                    kinds: Kinds(kinds),
                }
            };
            let rows: Vec<Scalars> = rows.into_iter().map(scalars).collect();
            let mut columns = SlabColumns::new();
            columns.read(&block(&rows), Columns::SCALARS).unwrap();
            let got: Vec<Scalars> = (0..columns.len()).map(|row| columns.scalars(row)).collect();
            let bits = |rows: &[Scalars]| -> Vec<_> {
                rows.iter().map(|row| (row.count, row.sum, row.min, row.max, row.kinds.0)).collect()
            };
            prop_assert_eq!(bits(&got), bits(&rows));
        }
    }

    #[test]
    fn distances_of_floats_are_damage() {
        let mut out = DirectoryWriter::new(1);
        out.column(Tag::Ids, |bytes| codec::encode_ids(&[7], bytes));
        out.column(Tag::Kinds, |bytes| codec::encode_flags(&[Kinds::MIN_FLOAT], bytes));
        out.column(Tag::Counts, |bytes| codec::encode_uints(&[2], bytes));
        out.column(Tag::SumInts, |bytes| codec::encode_ints(&[5], bytes));
        out.column(Tag::MinDistances, |bytes| codec::encode_ints(&[1], bytes));
        let said = SlabColumns::new().read(&out.finish().unwrap(), Columns::MIN).unwrap_err().to_string();
        assert!(said.contains("MinDistances"), "{said}");
    }
}
