//! One dimension of one metric: a column of value ids by position, and the table of its values.

use std::sync::Arc;

use crate::bits::Bits;
use crate::bytes::Reader;
use crate::packed::Packed;
use crate::postings::{BLOCK, CHUNKS, Postings};
use crate::set::ARC_BYTES;
use crate::{ABSENT, CHUNK, LoadError, Selection, ValueId, ValueTable};

/// A dictionary-coded column.
#[derive(Clone, Debug)]
pub struct Dim {
    name: Arc<str>,
    /// Its number among the dimensions of the metric, by first appearance: what it is stored under.
    slot: u16,
    /// Whole chunks; absent in all chunks before the first series that has the dimension.
    sealed: Vec<Arc<Packed>>,
    /// The series after those; absent beyond its end.
    open: Vec<ValueId>,
    /// Of each whole block of whole chunks.
    postings: Vec<Arc<Postings>>,
    /// Apart from the column because most new series bring no new value.
    values: Arc<ValueTable>,
}

// === impl Dim ===

impl Dim {
    /// A dimension that none of `chunks` whole chunks has.
    pub(crate) fn new(name: &str, slot: u16, chunks: usize) -> Self {
        let (mut sealed, mut postings) = (Vec::new(), Vec::new());
        if chunks > 0 {
            sealed.resize(chunks, Arc::new(Packed::constant(ABSENT, CHUNK)));
            postings.resize(chunks / CHUNKS, Arc::new(Postings::crowded(ABSENT)));
        }
        Self { name: name.into(), slot, sealed, open: Vec::new(), postings, values: Arc::default() }
    }

    /// The dimension's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value id at a position; 0 when absent.
    #[must_use]
    #[inline]
    pub fn value_id(&self, position: u32) -> ValueId {
        let (chunk, at) = (position as usize / CHUNK, position as usize % CHUNK);
        match self.sealed.get(chunk) {
            Some(packed) => packed.get(at),
            None => self.open.get(at).copied().unwrap_or(ABSENT),
        }
    }

    /// The value at a position; empty when absent.
    #[must_use]
    pub fn value_at(&self, position: u32) -> &str {
        self.values.text(self.value_id(position))
    }

    /// Its values, id to text and back.
    #[must_use]
    pub fn values(&self) -> &ValueTable {
        &self.values
    }

    /// Calls `each` with the value id of every selected series, in order of positions; 0 where it is absent.
    pub fn each_id(&self, selection: &Selection, mut each: impl FnMut(ValueId)) {
        match selection {
            Selection::All(len) => {
                let (mut buffer, chunks) = (Vec::new(), (*len as usize).div_ceil(CHUNK));
                for chunk in 0..chunks {
                    self.unpack(chunk, &mut buffer);
                    buffer.truncate(*len as usize - chunk * CHUNK);
                    buffer.iter().for_each(|id| each(*id));
                }
            }
            Selection::Some(positions) => positions.iter().for_each(|position| each(self.value_id(position))),
        }
    }

    pub(crate) fn slot(&self) -> u16 {
        self.slot
    }

    /// The value of the series that is about to get this position. A dimension has one value a series: the first stays.
    pub(crate) fn set(&mut self, at: usize, value: &str) {
        debug_assert!(self.open.len() <= at, "BUG: dimension {} stands twice in one series", self.name);
        if self.open.len() > at {
            return;
        }
        let id = self.values.id(value).unwrap_or_else(|| Arc::make_mut(&mut self.values).push(value));
        self.open.resize(at, ABSENT);
        self.open.push(id);
    }

    /// The open chunk is full.
    pub(crate) fn seal(&mut self) {
        let absent =
            self.sealed.last().filter(|last| self.open.is_empty() && last.as_constant() == Some(ABSENT));
        let packed = match absent {
            Some(shared) => Arc::clone(shared),
            None => {
                self.open.resize(CHUNK, ABSENT);
                Arc::new(Packed::of(&self.open))
            }
        };
        self.push_chunk(packed);
        self.open = Vec::new();
    }

    /// The next whole chunk; the last of a block brings its postings.
    fn push_chunk(&mut self, packed: Arc<Packed>) {
        self.sealed.push(packed);
        if let (blocks, []) = self.sealed.as_chunks::<CHUNKS>()
            && let Some(block) = blocks.last()
        {
            self.postings.push(Arc::new(Postings::of(block)));
        }
    }

    /// Where in a block these values stand; `None` when the block is not whole, or one of them stands at too many.
    pub(crate) fn lists(&self, block: usize, ids: &[ValueId]) -> Option<Vec<&[u16]>> {
        let (postings, first) = (self.postings.get(block)?, block * BLOCK);
        let value_at =
            |at: u16| self.sealed[first / CHUNK + usize::from(at) / CHUNK].get(usize::from(at) % CHUNK);
        ids.iter().map(|id| postings.list(*id, value_at)).collect()
    }

    /// All ids of a chunk, as many as a chunk can have.
    pub(crate) fn unpack(&self, chunk: usize, out: &mut Vec<ValueId>) {
        match self.sealed.get(chunk) {
            Some(packed) => packed.unpack(out),
            None => {
                out.clear();
                out.extend_from_slice(&self.open);
                out.resize(CHUNK, ABSENT);
            }
        }
    }

    /// Adds to `found` where this value stands in a chunk. [`ABSENT`] also stands beyond the last series.
    pub(crate) fn find(&self, chunk: usize, id: ValueId, found: &mut Bits) {
        match self.sealed.get(chunk) {
            Some(packed) => packed.find(id, found),
            None => {
                let all = self.open.iter().copied().chain(std::iter::repeat(ABSENT)).take(CHUNK);
                all.enumerate().filter(|(_, have)| *have == id).for_each(|(at, _)| found.insert(at));
            }
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let sealed = |packed: &Arc<Packed>| ARC_BYTES + size_of::<Packed>() + packed.heap_bytes();
        let postings = |block: &Arc<Postings>| ARC_BYTES + size_of::<Postings>() + block.heap_bytes();
        self.name.len()
            + self.sealed.capacity() * size_of::<Arc<Packed>>()
            + self.sealed.iter().map(sealed).sum::<usize>()
            + self.open.capacity() * size_of::<ValueId>()
            + self.postings.capacity() * size_of::<Arc<Postings>>()
            + self.postings.iter().map(postings).sum::<usize>()
            + size_of::<ValueTable>()
            + self.values.heap_bytes()
    }

    /// A chunk of the column, the open one too, of so many series.
    pub(crate) fn encode(&self, chunk: usize, len: usize, out: &mut Vec<u8>) {
        match self.sealed.get(chunk) {
            Some(packed) => packed.encode(out),
            None => {
                let mut open = self.open.clone();
                open.resize(len, ABSENT);
                Packed::of(&open).encode(out);
            }
        }
    }

    /// The next chunk of the column, as [`Dim::encode`] wrote it; the values are there already.
    pub(crate) fn decode(&mut self, len: usize, bytes: &mut Reader<'_>) -> Result<(), LoadError> {
        let packed = Packed::decode(bytes)?;
        let mut ids = Vec::new();
        packed.unpack(&mut ids);
        if packed.len() != len || ids.iter().any(|id| *id as usize > self.values.len()) {
            return Err(bytes.damaged("a column that does not fit its metric"));
        }
        self.restore(packed);
        Ok(())
    }

    /// The next chunk of the column, while it is read back.
    pub(crate) fn restore(&mut self, packed: Packed) {
        if packed.len() == CHUNK { self.push_chunk(Arc::new(packed)) } else { packed.unpack(&mut self.open) }
    }

    /// The values, while they are read back.
    pub(crate) fn values_mut(&mut self) -> &mut ValueTable {
        Arc::make_mut(&mut self.values)
    }
}
