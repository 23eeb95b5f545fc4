//! The minute aggregate: scalars, and sketches for those who have them.

use crate::{Bounds, Distinct, Distribution, Scalars};

/// All that is known of one series (or group) in one minute (or window).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// Count, sum, min and max.
    pub scalars: Scalars,
    /// Absent for the many that have none.
    pub sketches: Option<Box<Sketches>>,
}

/// The optional, wide part of an aggregate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketches {
    /// How many different values were observed.
    pub distinct: Option<Distinct>,
    /// How the measurements are distributed.
    pub distribution: Option<Distribution>,
}

// === impl Aggregate ===

impl Aggregate {
    /// Without sketches.
    #[must_use]
    pub fn of(scalars: Scalars) -> Self {
        Self { scalars, sketches: None }
    }

    /// The distinct sketch, if there is one.
    #[must_use]
    pub fn distinct(&self) -> Option<&Distinct> {
        self.sketches.as_ref()?.distinct.as_ref()
    }

    /// The distribution, if there is one.
    #[must_use]
    pub fn distribution(&self) -> Option<&Distribution> {
        self.sketches.as_ref()?.distribution.as_ref()
    }

    /// Adds another's measurements.
    pub fn merge(&mut self, other: &Self) {
        self.scalars.merge(&other.scalars);
        if let Some(theirs) = &other.sketches {
            self.sketches.get_or_insert_default().merge(theirs);
        }
    }
}

// === impl Sketches ===

impl Sketches {
    /// Adds another's observations.
    pub fn merge(&mut self, other: &Self) {
        if let Some(theirs) = &other.distinct {
            self.merge_distinct(theirs);
        }
        if let Some(theirs) = &other.distribution {
            self.merge_distribution(theirs);
        }
    }

    /// Records a measurement in these bounds, or else in the automatic layout.
    pub fn record(&mut self, value: f64, bounds: Option<&Bounds>) {
        let empty = || bounds.cloned().map_or_else(Distribution::new, Distribution::with_bounds);
        let ours = self.distribution.get_or_insert_with(empty);
        if ours.bounds() == bounds {
            return ours.record(value);
        }
        // What is here was recorded otherwise, so this is a merge like any other, whichever of the two came first.
        let mut theirs = empty();
        theirs.record(value);
        ours.merge(&theirs);
    }

    /// Adds what another distinct sketch saw.
    pub fn merge_distinct(&mut self, theirs: &Distinct) {
        match &mut self.distinct {
            Some(ours) => ours.merge(theirs),
            none => *none = Some(theirs.clone()),
        }
    }

    /// Adds what another distribution recorded.
    pub fn merge_distribution(&mut self, theirs: &Distribution) {
        match &mut self.distribution {
            Some(ours) => ours.merge(theirs),
            none => *none = Some(theirs.clone()),
        }
    }
}
