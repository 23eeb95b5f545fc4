//! Measurements that say themselves to which minute they belong: replays and backfills.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Aggregate, Minute};

use super::Drained;
use super::registry::Series;

/// Merged by minute and series until it is full or flushed.
#[derive(Debug, Default)]
pub(crate) struct Explicit {
    rows: HashMap<(Minute, u64), (Arc<Series>, Aggregate)>,
}

// === impl Explicit ===

impl Explicit {
    /// Merges; the number of rows that there are now.
    pub(crate) fn merge(
        &mut self,
        minute: Minute,
        series: Arc<Series>,
        record: impl FnOnce(&mut Aggregate),
    ) -> usize {
        let (_, aggregate) =
            self.rows.entry((minute, series.id)).or_insert_with(|| (series, Aggregate::default()));
        record(aggregate);
        self.rows.len()
    }

    /// All of it.
    pub(crate) fn take(&mut self) -> Vec<Drained> {
        let rows = std::mem::take(&mut self.rows).into_iter();
        rows.map(|((minute, _), (series, aggregate))| Drained { minute, series, aggregate }).collect()
    }
}
