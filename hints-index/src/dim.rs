//! One dimension of one metric: a column of value ids by position, and the table of its values.

use std::sync::Arc;

use crate::{ABSENT, ValueId, ValueTable};

/// A dictionary-coded column.
#[derive(Clone, Debug)]
pub struct Dim {
    name: Arc<str>,
    /// By position; never longer than the metric's series list, and absent beyond its end.
    column: Vec<ValueId>,
    /// Apart from the column because most new series bring no new value.
    values: Arc<ValueTable>,
}

// === impl Dim ===

impl Dim {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), column: Vec::new(), values: Arc::default() }
    }

    /// The dimension's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Value ids by position. Shorter than the metric's series list when the last series do not have this dimension.
    #[must_use]
    pub fn column(&self) -> &[ValueId] {
        &self.column
    }

    /// The value id at a position; 0 when absent.
    #[must_use]
    #[inline]
    pub fn value_id(&self, position: u32) -> ValueId {
        self.column.get(position as usize).copied().unwrap_or(ABSENT)
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

    /// Would this value fit?
    pub(crate) fn has_room(&self, value: &str) -> bool {
        self.values.has_room(value.len())
    }

    /// The value of the series that is about to get this position. A dimension has one value a series: the first stays.
    pub(crate) fn set(&mut self, position: u32, value: &str) {
        let at = position as usize;
        debug_assert!(self.column.len() <= at, "BUG: dimension {} stands twice in one series", self.name);
        if self.column.len() > at {
            return;
        }
        let id = self.values.id(value).unwrap_or_else(|| Arc::make_mut(&mut self.values).push(value));
        grow(&mut self.column, at + 1);
        self.column.resize(at, ABSENT);
        self.column.push(id);
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.name.len()
            + self.column.capacity() * size_of::<ValueId>()
            + size_of::<ValueTable>()
            + self.values.heap_bytes()
    }
}

/// Room for `len` items, an eighth more each time: doubling would leave a quarter of the memory idle on average, and
/// large blocks are moved by remapping pages, not by copying.
pub(crate) fn grow(column: &mut Vec<u32>, len: usize) {
    if column.capacity() < len {
        column.reserve_exact(len + len / 8 + 4 - column.len());
    }
}
