//! A partition's RocksDB: checkpoint, dictionary, slabs, and what compaction made of older ones.

use std::path::Path;

use ::store::{Cf, Kv, RocksKv, StoreError};
use serde::Serialize;

use super::Wanted;
use super::checkpoint::{Checkpoint, StatePart};
use super::dictionary::Dictionary;
use super::parts::Parts;
use super::slabs::Slabs;

/// A file may be compacted away between the list of files and its opening.
const OPENS_MAX: usize = 3;

#[derive(Debug, Serialize)]
pub(super) struct Store {
    pub(super) disk_bytes: u64,
    /// Absent before the first seal.
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) state: Vec<StatePart>,
    pub(super) dictionary: Dictionary,
    pub(super) slabs: Slabs,
    pub(super) parts: Vec<Parts>,
}

// === impl Store ===

impl Store {
    /// `None` when it cannot be opened, which is damage.
    pub(super) fn read(dir: &Path, wanted: Wanted, damage: &mut Vec<String>) -> Option<Self> {
        let kv = match open(dir) {
            Ok(kv) => kv,
            Err(why) => {
                damage.push(why.to_string());
                return None;
            }
        };
        let mut found = Vec::new();
        let store = Self::of(&kv, wanted, &mut found);
        damage.extend(found.into_iter().map(|what| format!("{}: {what}", dir.display())));
        Some(store)
    }

    fn of(kv: &dyn Kv, wanted: Wanted, damage: &mut Vec<String>) -> Self {
        let snapshot = kv.snapshot();
        let checkpoint = Checkpoint::read(snapshot.as_ref(), damage);
        let state = StatePart::read(snapshot.as_ref(), damage);
        let dictionary = Dictionary::read(snapshot.as_ref(), damage);
        if let Some(head) = &checkpoint
            && (head.series, head.metrics) != (dictionary.series, dictionary.metrics.len() as u64)
        {
            damage.push(format!(
                "the dictionary has {} series of {} metrics, the checkpoint says {} of {}",
                dictionary.series,
                dictionary.metrics.len(),
                head.series,
                head.metrics
            ));
        }
        let slabs = Slabs::read(snapshot.as_ref(), &dictionary, wanted.blocks, damage);
        let parts = Parts::read(snapshot.as_ref(), damage);
        Self { disk_bytes: kv.disk_bytes(), checkpoint, state, dictionary, slabs, parts }
    }
}

pub(super) fn open(dir: &Path) -> Result<RocksKv, StoreError> {
    let mut opened = RocksKv::open_read_only(dir);
    for _ in 1..OPENS_MAX {
        if opened.is_err() {
            opened = RocksKv::open_read_only(dir);
        }
    }
    opened
}

/// The family in a message.
pub(super) fn unreadable(cf: Cf, why: &StoreError) -> String {
    format!("{} cannot be read further: {why}", cf.name())
}
