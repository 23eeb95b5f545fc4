//! The local ids of a metric's series by position: ascending, so a chunk of them is a line and what differs from it.
//!
//! ```text
//! 7 9 11 13 15 17    base 7, step 2, nothing differs: 24 bytes for a whole chunk
//! 7 9 12 13 15 18    base 7, step 2, and 0 0 1 0 0 1 in a bit each
//! ```
//!
//! Series of one metric mostly come one after the other, or in turn with those of a few other metrics.

use std::sync::Arc;

use model::LocalId;

use crate::bytes::{Reader, put_u32, put_u64};
use crate::packed::Packed;
use crate::{CHUNK, LoadError};

/// Ascending local ids; the index is the position.
#[derive(Clone, Debug, Default)]
pub struct LocalIds {
    sealed: Vec<Line>,
    /// Fewer than a chunk.
    open: Vec<LocalId>,
}

/// A line begins no further from 0 than its ids, all steps together, go: so its sums fit 64 bits.
const BASE_MAX: u64 = (CHUNK as u64 + 1) << 32;

/// One chunk.
#[derive(Clone, Debug)]
struct Line {
    base: i64,
    step: u32,
    rest: Arc<Packed>,
}

// === impl LocalIds ===

impl LocalIds {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sealed.len() * CHUNK + self.open.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.open.is_empty()
    }

    /// The id at a position below [`LocalIds::len`].
    #[must_use]
    #[inline]
    pub fn get(&self, position: u32) -> LocalId {
        let (chunk, at) = (position as usize / CHUNK, position as usize % CHUNK);
        match self.sealed.get(chunk) {
            Some(line) => line.get(at),
            None => self.open[at],
        }
    }

    /// The newest.
    #[must_use]
    pub fn last(&self) -> Option<LocalId> {
        self.open.last().copied().or_else(|| Some(self.sealed.last()?.get(CHUNK - 1)))
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = LocalId> + '_ {
        self.sealed.iter().flat_map(|line| (0..CHUNK).map(|at| line.get(at))).chain(self.open.iter().copied())
    }

    /// Where an id stands.
    #[must_use]
    pub fn position_of(&self, id: LocalId) -> Option<u32> {
        let mut found = Vec::with_capacity(1);
        self.positions_of(&[id], &mut found).ok().and_then(|()| found.pop())
    }

    /// The position of each of these ids, which ascend and may repeat, in `out`.
    ///
    /// # Errors
    /// The first id that is not there.
    pub fn positions_of(&self, ids: &[LocalId], out: &mut Vec<u32>) -> Result<(), LocalId> {
        out.clear();
        let (mut rest, mut buffer) = (ids, Vec::new());
        while let Some(&first) = rest.first() {
            let chunk = self.sealed.partition_point(|line| line.get(CHUNK - 1) < first);
            let base = (chunk * CHUNK) as u32; // positions are 32 bits wide
            let Some(line) = self.sealed.get(chunk) else {
                return walk(&self.open, base, rest, out);
            };
            let here = rest.partition_point(|id| *id <= line.get(CHUNK - 1));
            line.positions_of(&rest[..here], base, &mut buffer, out)?;
            rest = &rest[here..];
        }
        Ok(())
    }

    /// Above the last. True when that made a chunk full, which the caller seals in all columns.
    pub(crate) fn push(&mut self, id: LocalId) -> bool {
        self.open.push(id);
        let is_full = self.open.len() == CHUNK;
        if is_full {
            self.sealed.push(Line::of(&self.open));
            self.open.clear();
        }
        is_full
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.sealed.capacity() * size_of::<Line>()
            + self.sealed.iter().map(|line| size_of::<Packed>() + line.rest.heap_bytes()).sum::<usize>()
            + self.open.capacity() * size_of::<LocalId>()
    }

    /// A chunk, the open one too.
    pub(crate) fn encode(&self, chunk: usize, out: &mut Vec<u8>) {
        let open;
        let line = match self.sealed.get(chunk) {
            Some(line) => line,
            None => {
                open = Line::of(&self.open);
                &open
            }
        };
        put_u64(out, line.base.cast_unsigned());
        put_u32(out, line.step);
        line.rest.encode(out);
    }

    /// The next chunk, as [`LocalIds::encode`] wrote it.
    pub(crate) fn decode(&mut self, bytes: &mut Reader<'_>) -> Result<(), LoadError> {
        let line = Line {
            base: bytes.u64()?.cast_signed(),
            step: bytes.u32()?,
            rest: Arc::new(Packed::decode(bytes)?),
        };
        if line.base.unsigned_abs() > BASE_MAX {
            return Err(bytes.damaged("a line that no local ids are on"));
        }
        let mut ids = Vec::new();
        line.unpack(&mut ids);
        let last = self.last();
        let ascends = ids.is_sorted_by(|a, b| a < b) && last.is_none_or(|last| ids.first() > Some(&last));
        if !ascends || !self.open.is_empty() || ids.is_empty() {
            return Err(bytes.damaged("local ids do not ascend"));
        }
        if ids.len() == CHUNK {
            self.sealed.push(line);
        } else {
            self.open = ids;
        }
        Ok(())
    }
}

// === impl Line ===

impl Line {
    fn of(ids: &[LocalId]) -> Self {
        let (first, last) = (ids.first().copied().unwrap_or(0), ids.last().copied().unwrap_or(0));
        let step = (last - first) / u32::try_from(ids.len()).unwrap_or(1).saturating_sub(1).max(1);
        Self::with_step(ids, step).or_else(|| Self::with_step(ids, 0)).expect("ids are 32 bits wide")
    }

    /// `None` when what differs is wider than 32 bits.
    fn with_step(ids: &[LocalId], step: u32) -> Option<Self> {
        let above = || ids.iter().zip(0_i64..).map(|(id, at)| i64::from(*id) - i64::from(step) * at);
        let base = above().min().unwrap_or(0);
        let rest: Option<Vec<u32>> = above().map(|above| u32::try_from(above - base).ok()).collect();
        Some(Self { base, step, rest: Arc::new(Packed::of(&rest?)) })
    }

    #[inline]
    fn get(&self, at: usize) -> LocalId {
        (self.base + i64::from(self.step) * at as i64 + i64::from(self.rest.get(at))) as LocalId
    }

    fn unpack(&self, out: &mut Vec<LocalId>) {
        self.rest.unpack(out);
        let line = (0_i64..).map(|at| self.base + i64::from(self.step) * at);
        out.iter_mut().zip(line).for_each(|(id, line)| *id = (line + i64::from(*id)) as LocalId);
    }

    /// `ids` are at most this chunk's last.
    fn positions_of(
        &self,
        ids: &[LocalId],
        base: u32,
        buffer: &mut Vec<LocalId>,
        out: &mut Vec<u32>,
    ) -> Result<(), LocalId> {
        let first = self.get(0);
        if self.step == 1 && self.rest.as_constant().is_some() {
            let missing = ids.first().filter(|id| **id < first);
            out.extend(ids.iter().map(|id| base.wrapping_add(id.wrapping_sub(first))));
            return missing.map_or(Ok(()), |id| Err(*id));
        }
        if ids.len() < CHUNK / 64 {
            return ids.iter().try_for_each(|id| {
                out.push(base + self.search(*id).ok_or(*id)?);
                Ok(())
            });
        }
        self.unpack(buffer);
        walk(buffer, base, ids, out)
    }

    fn search(&self, id: LocalId) -> Option<u32> {
        let (mut from, mut to) = (0, CHUNK);
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.get(middle) < id { from = middle + 1 } else { to = middle }
        }
        (from < CHUNK && self.get(from) == id).then_some(from as u32)
    }
}

/// Both ascend.
fn walk(known: &[LocalId], base: u32, ids: &[LocalId], out: &mut Vec<u32>) -> Result<(), LocalId> {
    let mut candidates = known.iter().zip(base..).peekable();
    for &id in ids {
        while candidates.next_if(|(have, _)| **have < id).is_some() {}
        let found = candidates.peek().filter(|(have, _)| **have == id);
        out.push(found.ok_or(id)?.1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gaps between ids: none, steady, any.
    fn ids() -> impl Strategy<Value = Vec<LocalId>> {
        let gap = prop_oneof![Just(1..2_u32), Just(3..4), Just(1..5), Just(1..100_000)];
        let gaps = (gap, 0..3 * CHUNK).prop_flat_map(|(gap, len)| prop::collection::vec(gap, len..=len));
        (0_u32..5, gaps).prop_map(|(first, gaps)| {
            gaps.into_iter()
                .scan(first, |id, gap| {
                    *id += gap;
                    Some(*id)
                })
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn they_are_a_vector(ids in ids(), every in 1_usize..200, strange in 0_u32..200_000) {
            let mut packed = LocalIds::default();
            ids.iter().for_each(|id| { packed.push(*id); });
            prop_assert_eq!(packed.len(), ids.len());
            prop_assert_eq!(packed.last(), ids.last().copied());
            prop_assert_eq!(&packed.iter().collect::<Vec<_>>(), &ids);
            let (asked, expected): (Vec<u32>, Vec<u32>) =
                ids.iter().copied().zip(0_u32..).step_by(every).flat_map(|one| [one; 2]).unzip();
            let mut out = vec![9];
            prop_assert_eq!(packed.positions_of(&asked, &mut out), Ok(()));
            prop_assert_eq!(out, expected);
            prop_assert_eq!(packed.position_of(strange).map(|at| at as usize), ids.binary_search(&strange).ok());
            let mut again = LocalIds::default();
            for chunk in 0..ids.len().div_ceil(CHUNK) {
                let mut bytes = Vec::new();
                packed.encode(chunk, &mut bytes);
                prop_assert_eq!(again.decode(&mut Reader::new("test", &bytes)), Ok(()));
            }
            prop_assert_eq!(again.iter().collect::<Vec<_>>(), ids);
        }
    }

    #[test]
    fn ids_in_turn_cost_nothing() {
        let mut ids = LocalIds::default();
        (0..10 * CHUNK as u32).for_each(|at| {
            ids.push(7 + at * 3);
        });
        assert!(ids.heap_bytes() < 10 * CHUNK / 8 + CHUNK * 4 * 2, "{}", ids.heap_bytes());
        assert!(ids.sealed.iter().all(|line| line.rest.heap_bytes() == 0));
    }

    #[test]
    fn a_line_beyond_all_ids_is_damage() {
        let line = |base: i64| {
            let mut bytes = Vec::new();
            put_u64(&mut bytes, base.cast_unsigned());
            put_u32(&mut bytes, u32::MAX);
            Packed::of(&[1, 2, 3]).encode(&mut bytes);
            LocalIds::default().decode(&mut Reader::new("test", &bytes))
        };
        for base in [i64::MAX, i64::MIN, BASE_MAX as i64 + 1] {
            assert!(line(base).unwrap_err().to_string().contains("no local ids are on"), "{base}");
        }
    }
}
