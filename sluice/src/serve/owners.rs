//! Who owns which partition, as the nodes themselves have said: a row of each in a table that all see.
//!
//! In:    rows as they stand in the table.
//! Out:   for each zone and partition its owner; this node's own row.
//! Never: I/O, or a clock.
//!
//! # Epochs
//! A node claims partitions by writing its row; the place of that row in the table's topic is the epoch of the claim. Kafka
//! gives each place once and in order, so of two that believe they own a partition the one that was made its owner later has the
//! higher epoch, whatever their clocks say and however long one of them stood still.

use std::collections::BTreeMap;

use model::Placement;
use serde::{Deserialize, Serialize};

/// What this version writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) format: u32,
    pub(crate) zone: String,
    /// Where its worker answers.
    pub(crate) address: String,
    /// When it wrote this, in unix seconds; for people.
    pub(crate) at: u64,
    pub(crate) partitions: BTreeMap<u32, Claim>,
    /// How it places rows; not there in rows of the first version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) placement: Option<Placed>,
}

/// A placement, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placed {
    partitions: u32,
    spread: u32,
}

/// A partition that a node owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// The place of the row that claimed it; `None` in that row itself.
    pub(crate) epoch: Option<u64>,
    /// The record that is applied next.
    pub(crate) position: u64,
    /// The newest minute that is closed for good, in unix seconds; 0 before there is one.
    pub(crate) sealed_through: u64,
    /// As the health table says it.
    pub(crate) state: String,
}

/// The owner of a partition in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Owner {
    pub(crate) node: String,
    pub(crate) address: String,
    pub(crate) epoch: u64,
    /// The record that it applies next.
    pub(crate) position: u64,
    /// The newest minute that it has closed, in unix seconds; 0 before there is one.
    pub(crate) sealed_through: u64,
    pub(crate) state: String,
}

// === impl Node ===

impl Node {
    pub(crate) fn new(zone: &str, address: &str, at: u64) -> Self {
        let (zone, address) = (zone.to_owned(), address.to_owned());
        Self { format: FORMAT, zone, address, at, partitions: BTreeMap::new(), placement: None }
    }

    pub(crate) fn placed_as(self, placement: Placement) -> Self {
        Self { placement: Some(Placed::from(placement)), ..self }
    }

    /// Does it look for rows where this placement puts them?
    fn agrees_with(&self, placement: Placement) -> bool {
        let beyond = |partition: &u32| *partition >= placement.partitions();
        self.placement.is_none_or(|theirs| theirs == Placed::from(placement))
            && !self.partitions.keys().any(beyond)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("words and numbers are JSON")
    }

    /// `None` of what a later version wrote, and of what nobody of ours did.
    fn decode(value: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(value).ok().filter(|node| node.format <= FORMAT)
    }
}

impl From<Placement> for Placed {
    fn from(placement: Placement) -> Self {
        Self { partitions: placement.partitions(), spread: placement.spread() }
    }
}

/// Nodes that own something and place rows otherwise than `placement`: a line of each.
pub(crate) fn strangers<'a>(
    rows: impl Iterator<Item = (&'a str, u64, &'a [u8])>,
    placement: Placement,
) -> Vec<String> {
    let is_stranger = |node: &Node| !node.partitions.is_empty() && !node.agrees_with(placement);
    let line = |(name, _, value): (&str, u64, &[u8])| {
        let node = Node::decode(value).filter(is_stranger)?;
        let theirs = node.placement.map_or_else(
            || "more partitions".to_owned(),
            |theirs| format!("{} partitions with spread {}", theirs.partitions, theirs.spread),
        );
        let (partitions, spread) = (placement.partitions(), placement.spread());
        Some(format!(
            "node {name} has {theirs}, this process {partitions} with spread {spread}: give all roles the same; until \
             then it is not asked"
        ))
    };
    rows.filter_map(line).collect()
}

/// The owner of each partition, by zone: of those that claim it the one with the highest epoch. Rows are
/// (node, place, value); those of strangers are passed over.
pub(crate) fn owners<'a>(
    rows: impl Iterator<Item = (&'a str, u64, &'a [u8])>,
    placement: Placement,
) -> BTreeMap<(String, u32), Owner> {
    let mut owners: BTreeMap<(String, u32), Owner> = BTreeMap::new();
    for (name, place, value) in rows {
        let Some(node) = Node::decode(value).filter(|node| node.agrees_with(placement)) else { continue };
        for (partition, claim) in node.partitions {
            let epoch = claim.epoch.unwrap_or(place);
            let key = (node.zone.clone(), partition);
            if owners.get(&key).is_none_or(|other| other.epoch < epoch) {
                let (node, address) = (name.to_owned(), node.address.clone());
                let Claim { position, sealed_through, state, .. } = claim;
                owners.insert(key, Owner { node, address, epoch, position, sealed_through, state });
            }
        }
    }
    owners
}

/// As `GET /v1/owners` shows them.
#[derive(Serialize)]
pub(crate) struct Shown {
    pub(crate) zone: String,
    pub(crate) partition: u32,
    #[serde(flatten)]
    pub(crate) owner: Owner,
}

/// Of these rows, by zone and partition.
pub(crate) fn shown<'a>(
    rows: impl Iterator<Item = (&'a str, u64, &'a [u8])>,
    placement: Placement,
) -> Vec<Shown> {
    let shown = |((zone, partition), owner)| Shown { zone, partition, owner };
    owners(rows, placement).into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_owners_the_later_claim_counts() {
        // a-2 took partition 1 over at place 7, while a-1 stood still; then a-1 wrote once more.
        check("a-1@9 a 0:3 1:3; a-2@8 a 1:7 2:4", "a/0=a-1 a/1=a-2 a/2=a-2");
        check("a-2@8 a 1:7; a-1@9 a 1:3", "a/1=a-2");
    }

    #[test]
    fn a_row_that_claims_has_its_place_for_an_epoch() {
        check("a-1@5 a 0:-; a-2@4 a 0:-", "a/0=a-1");
        check("a-1@5 a 0:-; a-2@9 a 0:4", "a/0=a-1");
    }

    #[test]
    fn zones_have_owners_of_their_own() {
        check("a-1@1 a 0:1; b-1@2 b 0:2", "a/0=a-1 b/0=b-1");
    }

    #[test]
    fn rows_of_a_later_version_and_of_strangers_are_passed_over() {
        let later = Node { format: FORMAT + 1, ..Node::new("a", "x", 0) }.encode();
        let rows = [("x", 1, &later[..]), ("y", 2, b"{}"), ("z", 3, b"\xff")];
        assert_eq!(owners(rows.into_iter(), placement()).len(), 0);
    }

    #[test]
    fn who_places_rows_otherwise_is_named_and_not_asked() {
        let check = |theirs: Option<(u32, u32)>, partition: u32, expected: Option<&str>| {
            let mut node = node(&format!("a {partition}:1"));
            node.placement = theirs.map(|(partitions, spread)| Placed { partitions, spread });
            let value = node.encode();
            let rows = || [("n", 1, &value[..])].into_iter();
            let lines = strangers(rows(), placement());
            assert_eq!(lines.len(), usize::from(expected.is_some()), "{lines:?}");
            assert_eq!(owners(rows(), placement()).is_empty(), expected.is_some());
            expected.into_iter().for_each(|words| assert!(lines[0].contains(words), "{lines:?}"));
        };
        check(None, 2, None);
        check(Some((16, 4)), 2, None);
        check(
            Some((16, 2)),
            2,
            Some("node n has 16 partitions with spread 2, this process 16 with spread 4"),
        );
        check(Some((8, 4)), 2, Some("8 partitions"));
        check(None, 16, Some("node n has more partitions"));
    }

    fn placement() -> Placement {
        Placement::new(16, 4).unwrap()
    }

    /// Rows `node@place zone partition:epoch …`, and who owns what.
    #[track_caller]
    fn check(rows: &str, expected: &str) {
        let rows: Vec<(String, u64, Vec<u8>)> = rows.split("; ").map(row).collect();
        let rows = rows.iter().map(|(name, place, value)| (&**name, *place, &**value));
        let found = owners(rows, placement());
        let said =
            found.iter().map(|((zone, partition), owner)| format!("{zone}/{partition}={}", owner.node));
        assert_eq!(said.collect::<Vec<_>>().join(" "), expected);
    }

    fn row(text: &str) -> (String, u64, Vec<u8>) {
        let mut words = text.split(' ');
        let (name, place) = words.next().unwrap().split_once('@').unwrap();
        let rest = words.collect::<Vec<_>>().join(" ");
        (name.to_owned(), place.parse().unwrap(), node(&rest).encode())
    }

    /// `zone partition:epoch …`
    fn node(text: &str) -> Node {
        let mut words = text.split(' ');
        let mut node = Node::new(words.next().unwrap(), "127.0.0.1:4317", 0);
        for claim in words {
            let (partition, epoch) = claim.split_once(':').unwrap();
            let claim = Claim {
                epoch: epoch.parse().ok(),
                position: 0,
                sealed_through: 0,
                state: "serving".to_owned(),
            };
            node.partitions.insert(partition.parse().unwrap(), claim);
        }
        node
    }
}
