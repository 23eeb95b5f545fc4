//! Who owns which partition, as far as it is known, with a connection to each.
//!
//! In:   the owners, whenever they change. Out: for a partition the nodes that have it.
//! Kept: the last owners that were named, however long ago.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::Remote;
use super::node::Node;

/// A node that has a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// What it is called.
    pub node: String,
    /// Where its worker answers: `HOST:PORT`.
    pub address: String,
}

/// See the module.
#[derive(Default)]
pub struct Fleet {
    partitions: RwLock<BTreeMap<u32, Vec<Arc<Node>>>>,
}

// === impl Fleet ===

impl Fleet {
    /// From now on these have the partitions; the first of each is asked first. Connections to who stays are kept. To be
    /// called within a runtime.
    pub fn set(&self, owners: &BTreeMap<u32, Vec<Owner>>) {
        let mut known: BTreeMap<(String, String), Arc<Node>> = BTreeMap::new();
        for node in self.partitions.read().values().flatten() {
            known.insert((node.name.clone(), node.address.clone()), Arc::clone(node));
        }
        let mut node = |owner: &Owner| {
            let key = (owner.node.clone(), owner.address.clone());
            let new = || Arc::new(Node::new(&owner.node, &owner.address));
            Arc::clone(known.entry(key).or_insert_with(new))
        };
        let nodes =
            |(partition, owners): (&u32, &Vec<Owner>)| (*partition, owners.iter().map(&mut node).collect());
        let partitions = owners.iter().map(nodes).collect();
        *self.partitions.write() = partitions;
    }

    /// How many partitions somebody has.
    #[must_use]
    pub fn owned(&self) -> usize {
        self.partitions.read().values().filter(|nodes| !nodes.is_empty()).count()
    }

    pub(crate) fn of(&self, partition: u32) -> Option<Remote> {
        let nodes = self.partitions.read().get(&partition).cloned().unwrap_or_default();
        (!nodes.is_empty()).then(|| Remote::new(partition, nodes))
    }

    /// These partitions by who is to be asked first. One that nobody has is in none.
    pub(super) fn shares(&self, partitions: &[u32]) -> Vec<(Arc<Node>, Vec<u32>)> {
        let mut shares: Vec<(Arc<Node>, Vec<u32>)> = Vec::new();
        for partition in partitions {
            let Some(node) = self.of(*partition).and_then(Remote::into_first) else { continue };
            match shares.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &node)) {
                Some((_, partitions)) => partitions.push(*partition),
                None => shares.push((node, vec![*partition])),
            }
        }
        shares
    }

    /// Those that would be asked.
    pub(crate) fn names(&self, partition: u32) -> Option<String> {
        self.of(partition).map(|remote| remote.names())
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("owned", &self.owned()).finish_non_exhaustive()
    }
}
