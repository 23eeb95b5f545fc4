//! The values of a dimension among selected series: counted, searched, a page at a time.

use crate::{Dim, MetricIndex, Selection, ValueId};

/// Which values, and how many of them at once.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// They begin with this.
    pub prefix: &'a str,
    /// They contain this.
    pub substring: &'a str,
    /// They sort after this: the last value of the page before. The empty text begins at the beginning.
    pub after: &'a str,
    /// No more than this many.
    pub limit: usize,
}

/// A page of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values<'a> {
    /// Ascending, each with the number of selected series that have it.
    pub page: Vec<(&'a str, u64)>,
    /// On all pages.
    pub total: usize,
    /// There are values after this page.
    pub more: bool,
}

/// A selection of fewer series than a 16th of the values is sorted; else every value has a counter.
const SPARSE: usize = 16;

// === impl Search ===

impl Search<'static> {
    /// All values, on one page.
    pub const ALL: Self = Self { prefix: "", substring: "", after: "", limit: usize::MAX };
}

impl Search<'_> {
    fn finds(&self, value: &str) -> bool {
        value.starts_with(self.prefix) && value.contains(self.substring)
    }
}

// === impl MetricIndex ===

impl MetricIndex {
    /// The values that the selected series have in a dimension. A page costs the values that there are, not those that
    /// were on pages before; what is inserted between two pages is on the second if it sorts there.
    #[must_use]
    pub fn values_of(&self, dim: &str, selection: &Selection, search: Search<'_>) -> Values<'_> {
        let Some(dim) = self.dim(dim) else { return Values::default() };
        let (mut page, mut total) = (Vec::new(), 0);
        each_count(dim, selection, |id, count| {
            let value = dim.values().text(id);
            if search.finds(value) {
                total += 1;
                if value > search.after {
                    page.push((value, count));
                }
            }
        });
        let more = page.len() > search.limit;
        if more {
            page.select_nth_unstable_by_key(search.limit, |(value, _)| *value);
            page.truncate(search.limit);
        }
        page.sort_unstable();
        Values { page, total, more }
    }
}

/// Every value that a selected series has, in any order, with how many have it.
fn each_count(dim: &Dim, selection: &Selection, mut each: impl FnMut(ValueId, u64)) {
    if selection.len() < dim.values().len() / SPARSE {
        let mut ids = Vec::with_capacity(selection.len());
        dim.each_id(selection, |id| ids.push(id));
        ids.sort_unstable();
        let same = ids.chunk_by(|one, next| one == next).filter(|same| same[0] != crate::ABSENT);
        return same.for_each(|same| each(same[0], same.len() as u64));
    }
    let mut counts = vec![0_u32; dim.values().len() + 1];
    dim.each_id(selection, |id| counts[id as usize] += 1);
    let counts = (0..).zip(counts).skip(1).filter(|(_, count)| *count > 0);
    counts.for_each(|(id, count)| each(id, u64::from(count)));
}
