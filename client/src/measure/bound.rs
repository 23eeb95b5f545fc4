//! The cells of bound handles, as the drain sees them.

use std::sync::Arc;

use model::{Aggregate, Minute, Reason};
use parking_lot::Mutex;

use super::Drained;
use super::cell::Reader;
use super::registry::Series;

/// Where a handle's measurements go: to a series, or, when its dimensions are refused, into a count.
pub(crate) type Goal = Result<Arc<Series>, Reason>;

/// One handle's cell.
#[derive(Debug)]
pub(crate) struct BoundCell {
    pub(crate) goal: Goal,
    pub(crate) cell: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// Count, sum, min and max.
    Plain(Reader),
    /// With sketches.
    Wide(Arc<Mutex<Aggregate>>),
}

// === impl BoundCell ===

impl BoundCell {
    /// Drains into `out`, or counts what is refused. False when the handle is gone, and this was the last of it.
    pub(crate) fn drain(
        &mut self,
        minute: Minute,
        close: bool,
        out: &mut Vec<Drained>,
        refused: &mut impl FnMut(Reason, u64),
    ) -> bool {
        // First this, then the drain: what the handle did last is in it.
        let alive = !self.is_orphan();
        let goal = &self.goal;
        let mut take = |minute, aggregate: Aggregate| match goal {
            Ok(series) => out.push(Drained { minute, series: Arc::clone(series), aggregate }),
            Err(reason) => refused(*reason, aggregate.scalars.count),
        };
        match &mut self.cell {
            Kind::Plain(reader) => {
                reader.drain(minute, close, |minute, scalars| take(minute, Aggregate::of(scalars)));
            }
            Kind::Wide(cell) => {
                let aggregate = std::mem::take(&mut *cell.lock());
                if !aggregate.scalars.is_empty() {
                    take(minute, aggregate);
                }
            }
        }
        alive
    }

    fn is_orphan(&mut self) -> bool {
        match &mut self.cell {
            Kind::Plain(reader) => reader.is_orphan(),
            Kind::Wide(cell) => Arc::get_mut(cell).is_some(),
        }
    }
}
