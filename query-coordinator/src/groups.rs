//! Which group each series of a metric belongs to, by position.

use std::collections::HashMap;

use hints_index::{ABSENT, MetricIndex, Selection, ValueId};

use crate::QueryError;
use crate::budget::Budget;
use crate::cells::NONE;
use crate::tuple::{By, Tuple};

/// Groups `0..len`, whether they have data or not.
#[derive(Debug)]
pub(crate) struct Groups {
    members: Members,
    /// The position of one series of each group; empty when group and position are the same.
    representatives: Vec<u32>,
    len: usize,
}

/// From position to group.
#[derive(Debug)]
pub(crate) enum Members {
    /// Every series of the metric is the group of its position.
    Identity,
    /// Every series of the metric is in group 0.
    One,
    /// By position; [`NONE`] where a series is in no group.
    Table(Vec<u32>),
}

// === impl Groups ===

impl Groups {
    /// The selected series, grouped.
    pub(crate) fn of(
        index: &MetricIndex,
        by: &By,
        selection: &Selection,
        budget: &Budget,
    ) -> Result<Self, QueryError> {
        match (by, selection) {
            (By::Whole, Selection::All(len)) => Self::identity(*len as usize, budget),
            (By::Whole, Selection::Some(_)) => Self::each(index, selection, budget),
            (By::Dims(names), Selection::All(_)) if names.iter().all(|name| index.dim(name).is_none()) => {
                Ok(Self {
                    members: Members::One,
                    representatives: vec![0],
                    len: usize::from(!index.is_empty()),
                })
            }
            (By::Dims(names), _) => Self::by_values(index, names, selection, budget),
        }
    }

    /// The groups of these names, in their order; all other series are in none.
    pub(crate) fn named(index: &MetricIndex, by: &By, selection: &Selection, tuples: &[Tuple]) -> Self {
        let dims: Vec<&hints_index::Dim> = match by {
            By::Whole => index.dims().iter().collect(),
            By::Dims(names) => names.iter().filter_map(|name| index.dim(name)).collect(),
        };
        let wanted: HashMap<Vec<ValueId>, u32> =
            tuples.iter().zip(0..).filter_map(|(tuple, group)| Some((key(&dims, tuple)?, group))).collect();
        let mut table = vec![NONE; index.len()];
        let first: Vec<bool> = first_ids(&dims, &wanted);
        let mut have = Vec::with_capacity(dims.len());
        for position in selection.iter() {
            if dims.first().is_some_and(|dim| !first[dim.value_id(position) as usize]) {
                continue;
            }
            have.clear();
            have.extend(dims.iter().map(|dim| dim.value_id(position)));
            if let Some(&group) = wanted.get(&have) {
                table[position as usize] = group;
            }
        }
        Self { members: Members::Table(table), representatives: Vec::new(), len: tuples.len() }
    }

    fn identity(len: usize, budget: &Budget) -> Result<Self, QueryError> {
        budget.take_groups(len)?;
        Ok(Self { members: Members::Identity, representatives: Vec::new(), len })
    }

    fn each(index: &MetricIndex, selection: &Selection, budget: &Budget) -> Result<Self, QueryError> {
        budget.take_groups(selection.len())?;
        let mut table = vec![NONE; index.len()];
        let representatives: Vec<u32> = selection.iter().collect();
        representatives.iter().zip(0..).for_each(|(&position, group)| table[position as usize] = group);
        let len = representatives.len();
        Ok(Self { members: Members::Table(table), representatives, len })
    }

    /// Splits one group of everything by one dimension after the other.
    fn by_values(
        index: &MetricIndex,
        names: &[String],
        selection: &Selection,
        budget: &Budget,
    ) -> Result<Self, QueryError> {
        let mut groups = vec![0_u32; selection.len()];
        let mut representatives: Vec<u32> = selection.iter().take(1).collect();
        for dim in names.iter().filter_map(|name| index.dim(name)) {
            let mut split = Split::new(representatives.len(), dim.values().len() + 1, selection.len());
            representatives.clear();
            let mut rows = groups.iter_mut().zip(selection.iter());
            dim.each_id(selection, |id| {
                let Some((group, position)) = rows.next() else { return };
                let (new, is_first) = split.group(*group, id);
                *group = new;
                if is_first {
                    representatives.push(position);
                }
            });
            budget.check_groups(representatives.len())?;
        }
        let len = representatives.len();
        budget.take_groups(len)?;
        let table = match selection {
            Selection::All(_) => groups,
            Selection::Some(_) => {
                let mut table = vec![NONE; index.len()];
                selection.iter().zip(groups).for_each(|(position, group)| table[position as usize] = group);
                table
            }
        };
        Ok(Self { members: Members::Table(table), representatives, len })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// The position of one series of the group.
    pub(crate) fn representative(&self, group: u32) -> u32 {
        self.representatives.get(group as usize).copied().unwrap_or(group)
    }
}

/// The value ids of a tuple; `None` when no series here can have it.
fn key(dims: &[&hints_index::Dim], tuple: &Tuple) -> Option<Vec<ValueId>> {
    let known = |name: &str| dims.iter().any(|dim| dim.name() == name);
    if !tuple.iter().all(|(name, _)| known(name)) {
        return None;
    }
    let value = |name: &str| tuple.iter().find(|(have, _)| have == name).map_or("", |(_, value)| value);
    dims.iter().map(|dim| dim.values().id(value(dim.name()))).collect()
}

/// By value id of the first dimension: does any wanted key begin with it? Most series fail here already.
fn first_ids(dims: &[&hints_index::Dim], wanted: &HashMap<Vec<ValueId>, u32>) -> Vec<bool> {
    let mut first = vec![false; dims.first().map_or(0, |dim| dim.values().len() + 1)];
    wanted.keys().filter_map(|key| key.first()).for_each(|&id| first[id as usize] = true);
    first
}

/// Numbers (group, value id) pairs by first appearance.
enum Split {
    Table { next: u32, width: usize, groups: Vec<u32> },
    Map { next: u32, groups: HashMap<(u32, ValueId), u32> },
}

// === impl Split ===

impl Split {
    /// A table while it is not much larger than what will be looked up in it.
    fn new(groups: usize, values: usize, rows: usize) -> Self {
        let size = groups.saturating_mul(values);
        if size <= 4 * rows + 65_536 {
            Self::Table { next: 0, width: values, groups: vec![NONE; size] }
        } else {
            Self::Map { next: 0, groups: HashMap::new() }
        }
    }

    #[inline]
    fn group(&mut self, group: u32, value: ValueId) -> (u32, bool) {
        let (next, slot) = match self {
            Self::Table { next, width, groups } => {
                (next, &mut groups[group as usize * *width + value as usize])
            }
            Self::Map { next, groups } => (next, groups.entry((group, value)).or_insert(NONE)),
        };
        let is_first = *slot == NONE;
        if is_first {
            *slot = *next;
            *next += 1;
        }
        (*slot, is_first)
    }
}

const _: () = assert!(ABSENT == 0); // it is a value like any other: the group of those without
