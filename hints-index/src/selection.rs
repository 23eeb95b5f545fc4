//! The positions within a metric that a query is about.

/// Positions, ascending and without repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// `0..len`: every series of the metric.
    All(u32),
    /// These.
    Some(Vec<u32>),
}

// === impl Selection ===

impl Selection {
    /// From positions in any order.
    #[must_use]
    pub fn of(mut positions: Vec<u32>) -> Self {
        if !positions.is_sorted_by(|a, b| a < b) {
            positions.sort_unstable();
            positions.dedup();
        }
        Self::Some(positions)
    }

    /// How many series.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::All(len) => *len as usize,
            Self::Some(positions) => positions.len(),
        }
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is this position among them?
    #[must_use]
    pub fn contains(&self, position: u32) -> bool {
        match self {
            Self::All(len) => position < *len,
            Self::Some(positions) => positions.binary_search(&position).is_ok(),
        }
    }

    /// The positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (all, some): (_, &[u32]) = match self {
            Self::All(len) => (0..*len, &[]),
            Self::Some(positions) => (0..0, positions),
        };
        all.chain(some.iter().copied())
    }

    /// Keeps those for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        match self {
            Self::All(len) => *self = Self::Some((0..*len).filter(|&position| keep(position)).collect()),
            Self::Some(positions) => positions.retain(|&position| keep(position)),
        }
    }
}
