//! Which series lands on which partition.
//!
//! A metric goes to `spread` partitions, and which of them is the tuple's doing. So a partition's probe is named by the
//! first metric that reaches it, and salted until it lands there. The same placement gives the same names.

use model::{Dims, Placement, SeriesKey};

use crate::limits::{ACCOUNT, PROBE_METRIC};

/// Where a partition's probes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) metric: String,
    /// Of the dimension `salt`.
    pub(crate) salt: String,
}

// === impl Home ===

impl Home {
    pub(crate) fn of(placement: Placement, partition: u32) -> Self {
        let reaches = |metric: &String| {
            let hash = model::metric_hash(ACCOUNT, metric);
            placement.partitions_of(hash).any(|one| one == partition)
        };
        let metric = (0_u64..).map(metric_name).find(reaches).expect("hashes reach every partition");
        let lands = |salt: &String| {
            let key = key(&metric, partition, salt);
            placement.partition_of(key.metric_hash(), key.hash()) == partition
        };
        let salt = (0_u64..).map(|salt| salt.to_string()).find(lands).expect("hashes reach every slot");
        Self { metric, salt }
    }
}

fn metric_name(at: u64) -> String {
    if at == 0 { PROBE_METRIC.to_owned() } else { format!("{PROBE_METRIC}.{at}") }
}

fn key(metric: &str, partition: u32, salt: &str) -> SeriesKey {
    let dims = vec![("partition".to_owned(), partition.to_string()), ("salt".to_owned(), salt.to_owned())];
    let dims = Dims::new(dims).expect("the names differ");
    SeriesKey { account: ACCOUNT.to_owned(), metric: metric.to_owned(), dims }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_partition_has_a_probe_that_lands_there(partitions in 1_u32..64, spread in 1_u32..64) {
            let placement = Placement::new(partitions, spread.min(partitions)).unwrap();
            for partition in 0..partitions {
                let Home { metric, salt } = Home::of(placement, partition);
                let key = key(&metric, partition, &salt);
                prop_assert_eq!(placement.partition_of(key.metric_hash(), key.hash()), partition);
            }
        }
    }

    #[test]
    fn where_every_metric_goes_everywhere_one_is_enough() {
        let placement = Placement::new(4, 4).unwrap();
        assert!((0..4).all(|partition| Home::of(placement, partition).metric == PROBE_METRIC));
    }
}
