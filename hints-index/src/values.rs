//! The distinct values of one dimension: id to text and back.
//!
//! All text lies in one string, so that a value costs its bytes, 4 for its end and about 8 in the hash table, and a
//! copy of the whole is three block copies.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::ValueId;

/// Ids 1, 2, 3 … by first appearance; 0 stands for the absent value, the empty text.
#[derive(Clone, Debug, Default)]
pub struct ValueTable {
    text: String,
    /// The end of value `id` in `text` at `id - 1`; it begins where the one before ends.
    ends: Vec<u32>,
    by_text: HashTable<ValueId>,
}

// === impl ValueTable ===

impl ValueTable {
    /// Bytes of text that 32-bit offsets can name.
    pub const BYTES_MAX: u64 = u32::MAX as u64;

    /// How many values there are; the ids are `1..=len`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of an id; empty for 0 and for ids that were never given out.
    #[must_use]
    pub fn text(&self, id: ValueId) -> &str {
        text_of(&self.text, &self.ends, id)
    }

    /// The id of a text; `None` when no series has it. The empty text is id 0.
    #[must_use]
    pub fn id(&self, text: &str) -> Option<ValueId> {
        if text.is_empty() {
            return Some(crate::ABSENT);
        }
        self.by_text.find(hash(text), |&id| self.text(id) == text).copied()
    }

    /// All values with their ids, by id.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &str)> {
        (1..).take(self.len()).map(|id| (id, self.text(id)))
    }

    /// Is there room for this many more bytes of text?
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        (self.text.len() + bytes) as u64 <= Self::BYTES_MAX
    }

    /// A text that is not there yet. The caller has asked [`ValueTable::id`] and [`ValueTable::has_room`].
    pub(crate) fn push(&mut self, new: &str) -> ValueId {
        let Self { text, ends, by_text } = self;
        text.push_str(new);
        ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        let id = ValueId::try_from(ends.len()).unwrap_or(ValueId::MAX); // every value has a byte, so there are fewer
        by_text.insert_unique(hash(new), id, |&have| hash(text_of(text, ends, have)));
        id
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>() + self.by_text.allocation_size()
    }
}

fn text_of<'a>(text: &'a str, ends: &[u32], id: ValueId) -> &'a str {
    let Some(at) = (id as usize).checked_sub(1) else { return "" };
    let from = at.checked_sub(1).map_or(0, |before| ends[before]);
    ends.get(at).and_then(|&to| text.get(from as usize..to as usize)).unwrap_or("")
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
        let texts: Vec<String> = (0..5000).map(|n| format!("value-{n}")).collect();
        for (at, text) in texts.iter().enumerate() {
            assert_eq!(table.id(text), None);
            assert_eq!(table.push(text) as usize, at + 1);
        }
        for (id, text) in table.iter() {
            assert_eq!((table.id(text), text), (Some(id), texts[id as usize - 1].as_str()));
        }
        assert_eq!((table.id(""), table.text(0), table.text(5001)), (Some(0), "", ""));
    }
}
