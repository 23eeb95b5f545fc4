//! Whom a coordinator asks for each partition: of what the nodes say of themselves, the owners of all zones, the best first.
//!
//! In:    the table of owners, looked at every quarter of a second; this process' zone.
//! Out:   the coordinator's fleet; a line about what is not known.
//! Kept:  the last that was heard, for as long as Kafka is away.
//! Never: a node that places rows otherwise: what it has is not where a query looks for it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::Placement;
use parking_lot::Mutex;
use query_coordinator::{Fleet, Owner};
use tokio::sync::watch;

use super::partitions::Partitions;
use super::{ended, owners};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Owners say where they are every two seconds, so one that is a minute behind in the table need not be behind.
const BEHIND_SECONDS: u64 = 60;

/// See the module.
#[derive(Default)]
pub(crate) struct Nodes {
    pub(crate) fleet: Arc<Fleet>,
    /// Nodes that cannot be asked, and why.
    strangers: Mutex<Vec<String>>,
}

/// Runs until the word to end.
pub(super) async fn keep(
    nodes: Arc<Nodes>,
    partitions: Arc<Partitions>,
    zone: String,
    stopped: watch::Receiver<()>,
) {
    let (mut ended, mut before) = (std::pin::pin!(ended(stopped)), None);
    loop {
        let found = (choices(partitions.owners(), &zone), partitions.strangers());
        if before.as_ref() != Some(&found) {
            tracing::info!(partitions = found.0.len(), "the owners of partitions are others than before");
            nodes.fleet.set(&found.0);
            nodes.strangers.lock().clone_from(&found.1);
            before = Some(found);
        }
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Those that serve before those that do not, those that are up to date before those that are behind, those of this zone before others.
fn choices(shown: Vec<owners::Shown>, zone: &str) -> BTreeMap<u32, Vec<Owner>> {
    let mut by_partition: BTreeMap<u32, Vec<owners::Shown>> = BTreeMap::new();
    shown.into_iter().for_each(|one| by_partition.entry(one.partition).or_default().push(one));
    let ordered = |(partition, mut all): (u32, Vec<owners::Shown>)| {
        let newest = all.iter().map(|one| one.owner.sealed_through).max().unwrap_or_default();
        all.sort_by_key(|one| {
            let behind = newest - one.owner.sealed_through;
            let is_behind = behind > BEHIND_SECONDS;
            (one.owner.state != "serving", is_behind, one.zone != zone, Reverse(one.owner.epoch))
        });
        let owner = |one: owners::Shown| Owner { node: one.owner.node, address: one.owner.address };
        (partition, all.into_iter().map(owner).collect())
    };
    by_partition.into_iter().map(ordered).collect()
}

// === impl Nodes ===

impl Nodes {
    /// Every partition has an owner that is known; else what is missing, line by line.
    pub(crate) fn ready(&self, placement: Placement) -> Result<(), String> {
        let mut missing = self.strangers.lock().clone();
        let (owned, all) = (self.fleet.owned(), placement.partitions() as usize);
        if owned < all {
            missing.push(format!("of {} of {all} partitions no owner is known", all - owned));
        }
        if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_serves_is_up_to_date_and_near_comes_first() {
        check("b-1 b serving 600; a-1 a serving 600", "a-1 b-1");
        check("b-1 b serving 660; a-1 a serving 600", "a-1 b-1");
        check("b-1 b serving 720; a-1 a serving 600", "b-1 a-1");
        check("b-1 b serving 600; a-1 a recovering 600", "b-1 a-1");
        check("b-1 b recovering 600; a-1 a recovering 0", "b-1 a-1");
        check("", "");
    }

    /// Owners of partition 3, `node zone state sealed`, and in which order a coordinator of zone a asks them.
    #[track_caller]
    fn check(owners: &str, expected: &str) {
        let shown = owners.split("; ").filter(|one| !one.is_empty()).map(|one| {
            let [node, zone, state, sealed] = one.split(' ').collect::<Vec<_>>().try_into().unwrap();
            owners::Shown {
                zone: zone.to_owned(),
                partition: 3,
                owner: owners::Owner {
                    node: node.to_owned(),
                    address: "127.0.0.1:1".to_owned(),
                    epoch: 1,
                    position: 0,
                    sealed_through: sealed.parse().unwrap(),
                    state: state.to_owned(),
                },
            }
        });
        let found = choices(shown.collect(), "a");
        let names = found.get(&3).into_iter().flatten().map(|owner| owner.node.as_str());
        assert_eq!(names.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn a_partition_without_an_owner_is_told() {
        let (nodes, placement) = (Nodes::default(), Placement::new(4, 2).unwrap());
        assert_eq!(nodes.ready(placement).unwrap_err(), "of 4 of 4 partitions no owner is known");
        nodes.strangers.lock().push("node x places rows otherwise".to_owned());
        assert!(nodes.ready(placement).unwrap_err().starts_with("node x places rows otherwise\nof 4"));
    }
}
