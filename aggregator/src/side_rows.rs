//! Rows that do not belong into an open minute: late ones, and those ahead of what may be open at once.
//!
//! In:    rows with their minute.
//! Out:   the same, merged by series, in order of minute, metric and local id.
//! Kept:  what no seal has taken yet. The island bounds it: see `rows()`.

use std::collections::BTreeMap;

use model::{Aggregate, LocalId, MetricId, Minute};

/// Ordered, because there are few and they go to many blocks.
#[derive(Default)]
pub(crate) struct SideRows(BTreeMap<(Minute, MetricId, LocalId), Aggregate>);

/// A row with its place.
pub(crate) type SideRow = ((Minute, MetricId, LocalId), Aggregate);

// === impl SideRows ===

impl SideRows {
    pub(crate) fn merge(&mut self, minute: Minute, metric: MetricId, id: LocalId, row: &Aggregate) {
        self.0.entry((minute, metric, id)).or_default().merge(row);
    }

    /// Only the rows of these series stay.
    pub(crate) fn retain(&mut self, stays: impl Fn(MetricId, LocalId) -> bool) {
        self.0.retain(|(_, metric, id), _| stays(*metric, *id));
    }

    /// Is this row's cell there already, so that merging needs no more memory?
    pub(crate) fn holds(&self, minute: Minute, metric: MetricId, id: LocalId) -> bool {
        self.0.contains_key(&(minute, metric, id))
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.len()
    }

    /// Takes out all rows up to and including a minute.
    pub(crate) fn take_through(&mut self, through: Minute) -> Vec<SideRow> {
        if through.0 == u32::MAX {
            return std::mem::take(&mut self.0).into_iter().collect();
        }
        let after = self.0.split_off(&(through.next(), 0, 0));
        std::mem::replace(&mut self.0, after).into_iter().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&(Minute, MetricId, LocalId), &Aggregate)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use model::{Number, Scalars};

    use super::*;

    #[test]
    fn rows_leave_in_order_and_up_to_their_minute() {
        let mut side = SideRows::default();
        for (minute, metric, id) in [(7, 1, 4), (6, 2, 3), (7, 0, 5), (9, 0, 0), (7, 1, 4)] {
            side.merge(Minute(minute), metric, id, &Aggregate::of(Scalars::of(Number::Int(1))));
        }
        assert!(side.holds(Minute(9), 0, 0));
        let taken: Vec<_> = side
            .take_through(Minute(7))
            .into_iter()
            .map(|((minute, metric, id), row)| (minute.0, metric, id, row.scalars.count))
            .collect();
        assert_eq!(taken, [(6, 2, 3, 1), (7, 0, 5, 1), (7, 1, 4, 2)]);
        assert_eq!(side.rows(), 1);
        assert_eq!(side.take_through(Minute(u32::MAX)).len(), 1);
    }
}
