//! The distinct values of one dimension: id to text and back.
//!
//! Text lies in segments of [`SEGMENT`] values that never change once they are full, so that a copy shares them. A
//! value costs its bytes, 4 for its end and about 8 in the hash table.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::bytes::{Reader, put_text, put_u16};
use crate::names::Names;
use crate::set::ARC_BYTES;
use crate::{LoadError, ValueId};

/// Ids 1, 2, 3 … by first appearance; 0 stands for the absent value, the empty text.
#[derive(Clone, Debug, Default)]
pub struct ValueTable {
    sealed: Vec<Arc<Segment>>,
    open: Segment,
    names: Names,
}

/// Values of consecutive ids.
#[derive(Clone, Debug, Default)]
struct Segment {
    text: String,
    /// The end of each value in `text`; it begins where the one before ends.
    ends: Vec<u32>,
}

/// Values of a full segment: at most 4 MiB of text, so that 32 bits hold its offsets.
pub(crate) const SEGMENT: usize = 4096;

const _: () = assert!(SEGMENT <= u16::MAX as usize, "their number is 16 bits wide on disk");

// === impl ValueTable ===

impl ValueTable {
    /// How many values there are; the ids are `1..=len`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sealed.len() * SEGMENT + self.open.ends.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of an id; empty for 0 and for ids that were never given out.
    #[must_use]
    pub fn text(&self, id: ValueId) -> &str {
        text_of(&self.sealed, &self.open, id)
    }

    /// The id of a text; `None` when no series has it. The empty text is id 0.
    #[must_use]
    pub fn id(&self, text: &str) -> Option<ValueId> {
        if text.is_empty() {
            return Some(crate::ABSENT);
        }
        self.names.find(hash(text), |&id| self.text(id) == text)
    }

    /// All values with their ids, by id.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &str)> {
        let segments = self.sealed.iter().map(|segment| &**segment).chain([&self.open]);
        (1..).zip(segments.flat_map(|segment| (0..segment.ends.len()).map(|at| segment.text(at))))
    }

    /// A text that is not there yet: the caller has asked [`ValueTable::id`].
    pub(crate) fn push(&mut self, new: &str) -> ValueId {
        self.open.push(new);
        let id = ValueId::try_from(self.len()).expect("no more values than series");
        let Self { sealed, open, names } = self;
        names.insert(hash(new), id, |&have| hash(text_of(sealed, open, have)));
        if self.open.ends.len() == SEGMENT {
            self.sealed.push(Arc::new(std::mem::take(&mut self.open)));
        }
        id
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let sealed = |segment: &Arc<Segment>| ARC_BYTES + size_of::<Segment>() + segment.heap_bytes();
        self.sealed.capacity() * size_of::<Arc<Segment>>()
            + self.sealed.iter().map(sealed).sum::<usize>()
            + self.open.heap_bytes()
            + self.names.heap_bytes()
    }

    /// A segment, the open one too.
    pub(crate) fn encode(&self, segment: usize, out: &mut Vec<u8>) {
        let segment = self.sealed.get(segment).map_or(&self.open, |segment| &**segment);
        put_u16(out, segment.ends.len() as u16); // at most SEGMENT
        (0..segment.ends.len()).for_each(|at| put_text(out, segment.text(at)));
    }

    /// The next segment, as [`ValueTable::encode`] wrote it.
    pub(crate) fn decode(&mut self, bytes: &mut Reader<'_>) -> Result<(), LoadError> {
        for _ in 0..bytes.u16()? {
            let text = bytes.text()?;
            if self.id(text).is_some() {
                return Err(bytes.damaged("a value stands twice, or is empty"));
            }
            self.push(text);
        }
        Ok(())
    }
}

// === impl Segment ===

impl Segment {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).expect("4,096 values of 1,024 bytes"));
    }

    fn text(&self, at: usize) -> &str {
        let Some(&to) = self.ends.get(at) else { return "" };
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(from as usize..to as usize).unwrap_or("")
    }

    fn heap_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

fn text_of<'a>(sealed: &'a [Arc<Segment>], open: &'a Segment, id: ValueId) -> &'a str {
    let Some(at) = (id as usize).checked_sub(1) else { return "" };
    sealed.get(at / SEGMENT).map_or(open, |segment| &**segment).text(at % SEGMENT)
}

fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_texts_go_both_ways() {
        let mut table = ValueTable::default();
        let texts: Vec<String> = (0..2 * SEGMENT + 10).map(|n| format!("value-{n}")).collect();
        for (at, text) in texts.iter().enumerate() {
            assert_eq!(table.id(text), None);
            assert_eq!(table.push(text) as usize, at + 1);
        }
        let mut again = ValueTable::default();
        for segment in 0..3 {
            let mut bytes = Vec::new();
            table.encode(segment, &mut bytes);
            again.decode(&mut Reader::new("test", &bytes)).unwrap();
        }
        for table in [table, again] {
            assert_eq!(table.iter().count(), texts.len());
            for (id, text) in table.iter() {
                assert_eq!((table.id(text), text), (Some(id), texts[id as usize - 1].as_str()));
                assert_eq!(table.text(id), text);
            }
            assert_eq!((table.id(""), table.text(0), table.text(9_999)), (Some(0), "", ""));
        }
    }

    #[test]
    fn a_clone_shares_what_is_full() {
        let mut table = ValueTable::default();
        (0..=SEGMENT).for_each(|n| {
            table.push(&n.to_string());
        });
        let clone = table.clone();
        table.push("new");
        assert!(Arc::ptr_eq(&table.sealed[0], &clone.sealed[0]));
        assert_eq!((clone.id("new"), table.id("new")), (None, Some(SEGMENT as u32 + 2)));
    }
}
