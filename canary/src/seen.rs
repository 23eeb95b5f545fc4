//! What an answer says of a partition's probes in one minute, and what it should say.

use client::v1;
use model::{Aggregate, Sampling};

/// Everything that is read back, as questions name it. The first ranks, the others are pivots.
pub(crate) const SAMPLINGS: [&str; 7] = ["sum", "count", "min", "max", "distinct", "p50", "p99"];
const COUNT: usize = 1;

/// A row of an answer; a sampling without a value is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen(pub(crate) [Option<f64>; SAMPLINGS.len()]);

// === impl Seen ===

impl Seen {
    /// By partition. A row that names none is not ours.
    pub(crate) fn of(row: &v1::TopRow) -> Option<(u32, Self)> {
        let partition = row.dims.get("partition")?.parse().ok()?;
        let mut seen = Self::default();
        seen.0[0] = Some(row.rank);
        for (place, pivot) in seen.0[1..].iter_mut().zip(&row.pivot) {
            *place = pivot.value;
        }
        Some((partition, seen))
    }

    pub(crate) fn expected(aggregate: &Aggregate) -> Self {
        let read = |name: &str| name.parse().ok().and_then(|sampling: Sampling| sampling.read(aggregate, 60));
        Self(SAMPLINGS.map(read))
    }

    /// Measurements in it.
    pub(crate) fn count(&self) -> f64 {
        self.0[COUNT].unwrap_or(0.0)
    }

    pub(crate) fn sum(&self) -> Option<f64> {
        self.0[0]
    }

    /// The first thing that is not as it should be. Both sides come from the same bits by the same steps, so they are
    /// the same doubles.
    pub(crate) fn difference(&self, expected: &Self) -> Option<String> {
        let text = |value: Option<f64>| value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
        let all = SAMPLINGS.iter().zip(self.0.iter().zip(&expected.0));
        all.into_iter()
            .find(|(_, (got, wanted))| got != wanted)
            .map(|(name, (got, wanted))| format!("{name} is {}, must be {}", text(*got), text(*wanted)))
    }
}
