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
    /// A bit for each id of a dimension, and the ids unless they are many.
    Table(&'a Dim, Vec<u64>, Vec<ValueId>),
}

/// More ids than this have no lists: finding so many in a block takes as long as looking through it.
const LISTED: usize = 32;

/// To find the list of an id takes as long as to look up the values of so many positions: some two dozen
/// cache lines, which lie anywhere, against neighbours. An estimate.
const FINDING: usize = 256;

/// To walk along so much of a list takes as long as to look up the value of one position.
const WALKING: usize = 8;

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
            Self::Table(dim, table, _) => passing(table) as f64 / (dim.values().len() + 1) as f64,
        }
    }

    /// Where in a block the values stand that pass; `None` when that is not listed, or when it is cheaper to look at the
    /// column at the positions that are left.
    pub(crate) fn lists(&self, block: usize, left: usize) -> Option<Vec<&[u16]>> {
        let (Self::Few(dim, ids) | Self::Table(dim, _, ids)) = self else { return None };
        if ids.is_empty() || left < ids.len() * FINDING {
            return None;
        }
        let lists = dim.lists(block, ids)?;
        let listed: usize = lists.iter().map(|list| list.len()).sum();
        (listed <= left * WALKING).then_some(lists)
    }

    /// Keeps what passes.
    pub(crate) fn apply(&self, chunk: usize, bits: &mut Bits, buffer: &mut Vec<ValueId>) {
        match self {
            Self::Each(true) => {}
            Self::Each(false) => *bits = Bits::NONE,
            Self::Few(dim, _) | Self::Table(dim, ..) if bits.len() <= SPARSE => self.each(dim, chunk, bits),
            Self::Few(dim, ids) => {
                let mut found = Bits::NONE;
                ids.iter().for_each(|id| dim.find(chunk, *id, &mut found));
                bits.intersect(&found);
            }
            Self::Table(dim, table, _) => {
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
            Self::Table(_, table, _) => is_set(table, id),
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
            1..=FEW => Self::Few(dim, ids_of(dim, &table)),
            few => {
                let ids = if few <= LISTED { ids_of(dim, &table) } else { Vec::new() };
                Self::Table(dim, table, ids)
            }
        }
    }
}

fn ids_of(dim: &Dim, table: &[u64]) -> Vec<ValueId> {
    (0..).take(dim.values().len() + 1).filter(|id| is_set(table, *id)).collect()
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
