//! The series of one metric, by position.

use std::sync::Arc;

use model::{LocalId, Matcher, MetricId};

use crate::dim::grow;
use crate::verdict;
use crate::{ABSENT, Dim, HintsError, Selection, ValueId, ValueTable};

/// All series of one metric of one account within a partition.
#[derive(Clone, Debug)]
pub struct MetricIndex {
    name: Arc<str>,
    metric_id: MetricId,
    /// Ascending; the index is the position.
    local_ids: Vec<LocalId>,
    /// Sorted by name.
    dims: Vec<Dim>,
}

// === impl MetricIndex ===

impl MetricIndex {
    pub(crate) fn new(name: &str, metric_id: MetricId) -> Self {
        Self { name: name.into(), metric_id, local_ids: Vec::new(), dims: Vec::new() }
    }

    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The metric's id within the partition, which its slabs are stored under.
    #[must_use]
    pub fn metric_id(&self) -> MetricId {
        self.metric_id
    }

    /// Local ids, ascending; the index is the position.
    #[must_use]
    pub fn local_ids(&self) -> &[LocalId] {
        &self.local_ids
    }

    /// How many series; positions are `0..len`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.local_ids.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.local_ids.is_empty()
    }

    /// All dimensions that any series of the metric has, sorted by name.
    #[must_use]
    pub fn dims(&self) -> &[Dim] {
        &self.dims
    }

    /// A dimension by its name; `None` when no series has it.
    #[must_use]
    pub fn dim(&self, name: &str) -> Option<&Dim> {
        self.find(name).ok().map(|at| &self.dims[at])
    }

    /// The value ids of a dimension by position: see [`Dim::column`].
    #[must_use]
    pub fn column(&self, dim: &str) -> Option<&[ValueId]> {
        self.dim(dim).map(Dim::column)
    }

    /// The value id at a position; 0 when absent.
    #[must_use]
    pub fn value_id(&self, dim: &str, position: u32) -> ValueId {
        self.dim(dim).map_or(ABSENT, |dim| dim.value_id(position))
    }

    /// The text of a value id; empty for 0.
    #[must_use]
    pub fn value(&self, dim: &str, id: ValueId) -> &str {
        self.dim(dim).map_or("", |dim| dim.values().text(id))
    }

    /// Where a series stands; `None` when it is not one of this metric.
    #[must_use]
    #[inline]
    pub fn position_of(&self, id: LocalId) -> Option<u32> {
        // Series of a metric that appear together have consecutive ids: the guess is right for most.
        let guess = id.wrapping_sub(*self.local_ids.first()?);
        if self.local_ids.get(guess as usize) == Some(&id) {
            return Some(guess);
        }
        self.local_ids.binary_search(&id).ok().and_then(|at| u32::try_from(at).ok())
    }

    /// Name and value of every dimension that the series at this position has, sorted by name.
    pub fn dims_of(&self, position: u32) -> impl Iterator<Item = (&str, &str)> {
        self.dims
            .iter()
            .map(move |dim| (dim.name(), dim.value_at(position)))
            .filter(|(_, value)| !value.is_empty())
    }

    /// The whole metric.
    #[must_use]
    pub fn all(&self) -> Selection {
        Selection::All(u32::try_from(self.len()).unwrap_or(u32::MAX)) // as many as there are LocalIds at most
    }

    /// The series that fulfil every condition. An absent dimension reads as the empty string.
    #[must_use]
    pub fn select(&self, matchers: &[Matcher]) -> Selection {
        let mut selection = self.all();
        for matcher in matchers {
            verdict::apply(matcher, self.dim(&matcher.dim), &mut selection);
        }
        selection
    }

    /// The values that the selected series have in a dimension, with the number of series that have them, sorted by
    /// value. Only values that begin with `prefix` and contain `substring`; empty ones ask for nothing.
    #[must_use]
    pub fn values_of(
        &self,
        dim: &str,
        selection: &Selection,
        prefix: &str,
        substring: &str,
    ) -> Vec<(&str, u64)> {
        let Some(dim) = self.dim(dim) else { return Vec::new() };
        let mut values: Vec<(&str, u64)> = dim
            .values()
            .iter()
            .zip(counts(dim, selection).into_iter().skip(1))
            .filter(|((_, value), count)| {
                *count > 0 && value.starts_with(prefix) && value.contains(substring)
            })
            .map(|((_, value), count)| (value, u64::from(count)))
            .collect();
        values.sort_unstable();
        values
    }

    /// Bytes that it occupies, itself included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.local_ids.capacity() * size_of::<LocalId>()
            + self.dims.capacity() * size_of::<Dim>()
            + self.dims.iter().map(Dim::heap_bytes).sum::<usize>()
    }

    /// Is this a series that may be inserted next?
    pub(crate) fn check<'a>(
        &self,
        metric_id: MetricId,
        local_id: LocalId,
        dims: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), HintsError> {
        let metric = || self.name.to_string();
        if metric_id != self.metric_id {
            return Err(HintsError::MetricId { metric: metric(), have: self.metric_id, got: metric_id });
        }
        if let Some(&newest) = self.local_ids.last()
            && newest >= local_id
        {
            return Err(HintsError::Order { metric: metric(), newest, got: local_id });
        }
        for (name, value) in dims {
            if self.dim(name).is_some_and(|dim| !dim.has_room(value)) {
                let max = ValueTable::BYTES_MAX;
                return Err(HintsError::Full { metric: metric(), dim: name.to_owned(), max });
            }
        }
        Ok(())
    }

    /// A series that was checked.
    pub(crate) fn push<'a>(&mut self, local_id: LocalId, dims: impl Iterator<Item = (&'a str, &'a str)>) {
        let position = u32::try_from(self.len()).unwrap_or(u32::MAX);
        grow(&mut self.local_ids, position as usize + 1);
        self.local_ids.push(local_id);
        let mut guess = 0;
        for (name, value) in dims.filter(|(_, value)| !value.is_empty()) {
            let at = self.dim_at(name, guess);
            self.dims[at].set(position, value);
            guess = at + 1;
        }
    }

    /// Where the dimension is, made when it is not there. Series come with their names sorted, so the one after the
    /// last is the best guess.
    fn dim_at(&mut self, name: &str, guess: usize) -> usize {
        if self.dims.get(guess).is_some_and(|dim| dim.name() == name) {
            return guess;
        }
        self.find(name).unwrap_or_else(|at| {
            self.dims.insert(at, Dim::new(name));
            at
        })
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.dims.binary_search_by(|dim| dim.name().cmp(name))
    }
}

/// By value id, how many of the selected series have it.
fn counts(dim: &Dim, selection: &Selection) -> Vec<u32> {
    let mut counts = vec![0; dim.values().len() + 1];
    match selection {
        Selection::All(_) => dim.column().iter().for_each(|&id| counts[id as usize] += 1),
        Selection::Some(positions) => {
            positions.iter().for_each(|&position| counts[dim.value_id(position) as usize] += 1);
        }
    }
    counts
}
