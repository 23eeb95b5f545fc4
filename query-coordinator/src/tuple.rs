//! The name of a group: `name=value` pairs, and their order.

use std::cmp::Ordering;

use hints_index::MetricIndex;

/// Pairs sorted by name, none of them empty.
pub(crate) type Tuple = Vec<(String, String)>;

/// What rows are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Every series is a group of its own.
    Whole,
    /// These dimensions, sorted and without repeats; none at all is one group of everything.
    Dims(Vec<String>),
}

/// By name, value after value; an absent dimension comes before any value.
pub(crate) fn compare(left: &[(String, String)], right: &[(String, String)]) -> Ordering {
    for (one, other) in left.iter().zip(right) {
        match one.0.cmp(&other.0) {
            Ordering::Equal => match one.1.cmp(&other.1) {
                Ordering::Equal => {}
                decided => return decided,
            },
            // The one whose name comes first has a value there, the other has none.
            Ordering::Less => return Ordering::Greater,
            Ordering::Greater => return Ordering::Less,
        }
    }
    left.len().cmp(&right.len())
}

// === impl By ===

impl By {
    /// The pairs of the group that the series at this position belongs to.
    pub(crate) fn tuple(&self, index: &MetricIndex, position: u32) -> Tuple {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        match self {
            Self::Whole => index.dims_of(position).map(owned).collect(),
            Self::Dims(names) => names
                .iter()
                .filter_map(|name| Some((name.as_str(), index.dim(name)?.value_at(position))))
                .filter(|(_, value)| !value.is_empty())
                .map(owned)
                .collect(),
        }
    }

    /// The order of the groups that two series belong to, without making their tuples.
    pub(crate) fn compare(&self, index: &MetricIndex, left: u32, right: u32) -> Ordering {
        let decided = |dim: &hints_index::Dim| {
            let (one, other) = (dim.value_id(left), dim.value_id(right));
            if one == other {
                return Ordering::Equal;
            }
            dim.values().text(one).cmp(dim.values().text(other))
        };
        let mut order = Ordering::Equal;
        let mut undecided = |dim: &hints_index::Dim| {
            order = decided(dim);
            order.is_eq()
        };
        match self {
            Self::Whole => index.dims().iter().all(&mut undecided),
            Self::Dims(names) => names.iter().filter_map(|name| index.dim(name)).all(&mut undecided),
        };
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_comes_before_any_value() {
        check("", "a=1", Ordering::Less);
        check("a=1", "a=1", Ordering::Equal);
        check("a=1", "a=1,b=0", Ordering::Less);
        check("a=1,b=9", "a=2", Ordering::Less);
        check("b=0", "a=1", Ordering::Less);
        check("a=1,c=0", "a=1,b=0", Ordering::Less);
        check("a=10", "a=9", Ordering::Less);
    }

    #[track_caller]
    fn check(left: &str, right: &str, expected: Ordering) {
        assert_eq!(compare(&read(left), &read(right)), expected);
        assert_eq!(compare(&read(right), &read(left)), expected.reverse());
    }

    fn read(pairs: &str) -> Tuple {
        pairs
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}
