//! What one matcher says about every value of one dimension. It is asked once per distinct value, never per series: a
//! regular expression over a million series of ten regions runs ten times.

use model::{Matcher, Op};

use crate::bits::Bits;
use crate::{Dim, ValueId};

/// Which series pass a matcher, by value id.
pub(crate) enum Verdict<'a> {
    /// The same for all.
    Each(bool),
    /// These few ids of a dimension pass.
    Few(&'a Dim, Vec<ValueId>),
    /// A bit for each id of a dimension.
    Table(&'a Dim, Vec<u64>),
}

/// Looking for one id in a chunk takes a microsecond, unpacking the chunk and looking up each of its ids four.
const FEW: usize = 4;

/// A chunk in which no more than this are left is asked position by position.
const SPARSE: usize = 256;

// === impl Verdict ===

impl<'a> Verdict<'a> {
    /// `dim` is `None` when no series of the metric has the dimension, which reads as absent.
    pub(crate) fn of(matcher: &Matcher, dim: Option<&'a Dim>) -> Self {
        let Some(dim) = dim else { return Self::Each(matcher.matches("")) };
        match &matcher.op {
            // Lists of values are looked up, because a dimension may have a million; all else is asked value by value.
            Op::In(values) => Self::listed(values, dim, true),
            Op::NotIn(values) => Self::listed(values, dim, false),
            _ => {
                let mut table = vec![0; table_words(dim)];
                let texts = std::iter::once((0, "")).chain(dim.values().iter());
                texts.filter(|(_, text)| matcher.matches(text)).for_each(|(id, _)| flip(&mut table, id));
                Self::condensed(dim, table)
            }
        }
    }

    /// Roughly which part of the series pass: the stricter verdict is asked first.
    pub(crate) fn part(&self) -> f64 {
        match self {
            Self::Each(passes) => f64::from(u8::from(*passes)),
            Self::Few(dim, ids) => ids.len() as f64 / (dim.values().len() + 1) as f64,
            Self::Table(dim, table) => passing(table) as f64 / (dim.values().len() + 1) as f64,
        }
    }

    /// Keeps what passes.
    pub(crate) fn apply(&self, chunk: usize, bits: &mut Bits, buffer: &mut Vec<ValueId>) {
        match self {
            Self::Each(true) => {}
            Self::Each(false) => *bits = Bits::NONE,
            Self::Few(dim, _) | Self::Table(dim, _) if bits.len() <= SPARSE => self.each(dim, chunk, bits),
            Self::Few(dim, ids) => {
                let mut found = Bits::NONE;
                ids.iter().for_each(|id| dim.find(chunk, *id, &mut found));
                bits.intersect(&found);
            }
            Self::Table(dim, table) => {
                dim.unpack(chunk, buffer);
                for (word, ids) in bits.0.iter_mut().zip(buffer.chunks(64)) {
                    *word &= ids.iter().rev().fold(0, |all, id| all << 1 | u64::from(is_set(table, *id)));
                }
            }
        }
    }

    fn each(&self, dim: &Dim, chunk: usize, bits: &mut Bits) {
        let passes = |id| match self {
            Self::Each(passes) => *passes,
            Self::Few(_, ids) => ids.contains(&id),
            Self::Table(_, table) => is_set(table, id),
        };
        let asked = *bits;
        let fails = |at: &usize| !passes(dim.value_id((chunk * crate::CHUNK + at) as u32));
        asked.iter().filter(fails).for_each(|at| bits.remove(at));
    }

    fn listed(values: &[String], dim: &'a Dim, passes_if_listed: bool) -> Self {
        let mut ids: Vec<ValueId> = values.iter().filter_map(|value| dim.values().id(value)).collect();
        ids.sort_unstable();
        ids.dedup();
        if passes_if_listed && ids.len() <= FEW {
            return if ids.is_empty() { Self::Each(false) } else { Self::Few(dim, ids) };
        }
        let mut table = vec![0; table_words(dim)];
        if !passes_if_listed {
            (0..).take(dim.values().len() + 1).for_each(|id| flip(&mut table, id));
        }
        ids.iter().for_each(|id| flip(&mut table, *id));
        Self::condensed(dim, table)
    }

    /// A condition that every value meets leaves the selection as it is, without a scan; one that a few meet is a list.
    fn condensed(dim: &'a Dim, table: Vec<u64>) -> Self {
        match passing(&table) {
            0 => Self::Each(false),
            all if all > dim.values().len() => Self::Each(true),
            1..=FEW => {
                Self::Few(dim, (0..).take(dim.values().len() + 1).filter(|id| is_set(&table, *id)).collect())
            }
            _ => Self::Table(dim, table),
        }
    }
}

fn table_words(dim: &Dim) -> usize {
    (dim.values().len() + 1).div_ceil(64)
}

fn passing(table: &[u64]) -> usize {
    table.iter().map(|word| word.count_ones() as usize).sum()
}

fn flip(table: &mut [u64], id: ValueId) {
    table[id as usize / 64] ^= 1 << (id % 64);
}

#[inline]
fn is_set(table: &[u64], id: ValueId) -> bool {
    table[id as usize / 64] >> (id % 64) & 1 == 1
}
