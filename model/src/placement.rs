//! Double hashing: which partition a series lives in, and which partitions can hold a metric.
//!
//! `base = h1(account, metric)`, `slot = h2(tuple) mod spread`, `partition = (base + slot) mod P`.

use thiserror::Error;

use crate::{MetricHash, SeriesHash};

/// How many partitions there are and over how many of them one metric is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    partitions: u32,
    spread: u32,
}

/// A placement that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlacementError {
    /// Outside of 1..=[`Placement::PARTITIONS_MAX`].
    #[error("partitions is {0}, must be from 1 to {max}", max = Placement::PARTITIONS_MAX)]
    Partitions(u32),
    /// Outside of 1..=partitions.
    #[error("spread is {spread}, must be from 1 to the number of partitions ({partitions})")]
    Spread {
        /// What was asked for.
        spread: u32,
        /// What there is.
        partitions: u32,
    },
}

// === impl Placement ===

impl Placement {
    /// A partition costs a thread and a RocksDB; Geneva's largest cell has a few thousand.
    pub const PARTITIONS_MAX: u32 = 4096;

    /// `spread` partitions for each metric, out of `partitions`.
    ///
    /// # Errors
    /// When either is out of range.
    pub fn new(partitions: u32, spread: u32) -> Result<Self, PlacementError> {
        if partitions == 0 || partitions > Self::PARTITIONS_MAX {
            return Err(PlacementError::Partitions(partitions));
        }
        if spread == 0 || spread > partitions {
            return Err(PlacementError::Spread { spread, partitions });
        }
        Ok(Self { partitions, spread })
    }

    /// How many partitions there are.
    #[must_use]
    pub fn partitions(self) -> u32 {
        self.partitions
    }

    /// Over how many of them a metric is spread.
    #[must_use]
    pub fn spread(self) -> u32 {
        self.spread
    }

    /// Where this series lives.
    #[must_use]
    pub fn partition_of(self, metric: MetricHash, series: SeriesHash) -> u32 {
        self.at(metric, series.slot_hash() % u64::from(self.spread))
    }

    /// All partitions that can hold a series of this metric, none twice.
    pub fn partitions_of(self, metric: MetricHash) -> impl Iterator<Item = u32> {
        (0..u64::from(self.spread)).map(move |slot| self.at(metric, slot))
    }

    fn at(self, metric: MetricHash, slot: u64) -> u32 {
        let partitions = u64::from(self.partitions);
        let partition = (metric.0 % partitions + slot) % partitions;
        u32::try_from(partition).expect("a remainder of a u32 fits a u32")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_series_lives_where_its_metric_is_asked(
            partitions in 1_u32..200, spread in 1_u32..200, metric: u64, series: u128,
        ) {
            let placement = Placement::new(partitions, spread.min(partitions)).unwrap();
            let home = placement.partition_of(MetricHash(metric), SeriesHash(series));
            let mut asked: Vec<u32> = placement.partitions_of(MetricHash(metric)).collect();
            prop_assert!(asked.contains(&home));
            asked.sort_unstable();
            asked.dedup();
            prop_assert_eq!(asked.len(), placement.spread() as usize);
            prop_assert!(asked.iter().all(|partition| *partition < partitions));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(Placement::new(0, 1), Err(PlacementError::Partitions(0)));
        assert_eq!(Placement::new(4, 5), Err(PlacementError::Spread { spread: 5, partitions: 4 }));
    }
}
