//! What a query may spend and has spent: it goes with each job, and what the job took comes back.

use model::{Minute, MinuteRange};
use proto::v1;

use crate::QueryLimits;
use crate::budget::{Budget, Maxima, Spent};

// === impl Budget ===

impl Budget {
    pub(crate) fn to_wire(&self) -> v1::JobBudget {
        let (maxima, spent) = (self.maxima(), self.all_spent());
        v1::JobBudget {
            points_max: maxima.points,
            points: spent.points,
            sketch_bytes_max: maxima.sketch_bytes,
            sketch_bytes: spent.sketch_bytes,
            groups_max: maxima.groups,
            groups: spent.groups,
        }
    }

    /// Of a query elsewhere, which may spend no more than one of ours.
    pub(crate) fn from_wire(wire: &v1::JobBudget, limits: &QueryLimits) -> Self {
        let ours = Maxima::of(limits);
        let maxima = Maxima {
            points: wire.points_max.min(ours.points),
            sketch_bytes: wire.sketch_bytes_max.min(ours.sketch_bytes),
            groups: wire.groups_max.min(ours.groups),
        };
        let spent = Spent {
            points: wire.points.min(maxima.points),
            sketch_bytes: wire.sketch_bytes.min(maxima.sketch_bytes),
            groups: wire.groups.min(maxima.groups),
            ..Spent::default()
        };
        Self::with(maxima, spent)
    }
}

// === impl Spent ===

impl Spent {
    pub(crate) fn to_wire(self) -> v1::JobSpent {
        v1::JobSpent {
            points: self.points,
            sketch_bytes: self.sketch_bytes,
            groups: self.groups,
            series: self.series,
            bytes_read: self.bytes_read,
            coarse_from: self.coarse.map(|minutes| minutes.from.0),
            coarse_to: self.coarse.map(|minutes| minutes.to.0),
        }
    }

    pub(crate) fn from_wire(wire: &v1::JobSpent) -> Self {
        let coarse = wire.coarse_from.zip(wire.coarse_to);
        Self {
            points: wire.points,
            sketch_bytes: wire.sketch_bytes,
            groups: wire.groups,
            series: wire.series,
            bytes_read: wire.bytes_read,
            coarse: coarse.map(|(from, to)| MinuteRange::new(Minute(from), Minute(to))),
        }
    }
}
