//! A partition decoded in full, for `sluice verify`. What is looked at is what `sluice inspect` shows.

use std::path::Path;

use ::store::{FamilyVerified, Kv, KvSnapshot, RocksKv};
use aggregator::{Island, IslandLimits, checkpoint_position};
use serde::Serialize;

use super::log::Log;
use super::store::open;

/// What was read, and what of it is damaged.
#[derive(Debug, Default, Serialize)]
pub(crate) struct PartitionVerified {
    pub(crate) name: String,
    pub(crate) segments: u64,
    pub(crate) records: u64,
    pub(crate) log_bytes: u64,
    /// `C`; absent before the first seal.
    pub(crate) checkpoint: Option<u64>,
    pub(crate) series: u64,
    pub(crate) metrics: u64,
    pub(crate) families: Vec<Family>,
    /// One line each, bounded; `damaged` counts all.
    pub(crate) damage: Vec<String>,
    pub(crate) damaged: u64,
}

/// One column family.
#[derive(Debug, Serialize)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// Everything in a partition's folder. `moved` hears of bytes as they are read. Nothing is written.
pub(crate) fn verify_partition(dir: &Path, moved: &mut dyn FnMut(u64)) -> PartitionVerified {
    let mut found = PartitionVerified {
        name: dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned(),
        ..PartitionVerified::default()
    };
    // The log first, as in `sluice inspect`: a server may go on meanwhile.
    let (mut damage, log_dir) = (Vec::new(), dir.join("log"));
    let log = Log::verify(&log_dir, &mut damage, moved);
    (found.segments, found.log_bytes) = (log.segments.len() as u64, log.bytes);
    found.records = log.segments.iter().map(|segment| segment.records).sum();
    found.name_all(damage);
    match open(&dir.join("store")) {
        Ok(kv) => found.store(&kv, &log, &log_dir, moved),
        Err(why) => found.name_all([why.to_string()]),
    }
    found
}

// === impl PartitionVerified ===

impl PartitionVerified {
    fn store(&mut self, kv: &RocksKv, log: &Log, log_dir: &Path, moved: &mut dyn FnMut(u64)) {
        let snapshot = kv.snapshot();
        let walked = ::store::verify(&*snapshot, moved);
        (self.series, self.metrics) = (walked.series, walked.metrics);
        self.families = walked.families.iter().map(Family::of).collect();
        let named = |what| format!("{}: {what}", self.name);
        let damage: Vec<String> = walked.damage.into_iter().map(named).collect();
        let unnamed = walked.damaged - damage.len() as u64;
        self.name_all(damage);
        self.damaged += unnamed;
        self.state(&*snapshot, log, log_dir);
    }

    /// The island's state means something only to the island: it is loaded as a start loads it.
    fn state(&mut self, snapshot: &dyn KvSnapshot, log: &Log, log_dir: &Path) {
        let loaded = Island::load(IslandLimits::DEFAULT, snapshot).map(|_| ());
        let misfit = match checkpoint_position(snapshot) {
            Ok(position) => {
                self.checkpoint = position;
                position.and_then(|position| log.misfit(log_dir, position))
            }
            Err(_loading_says_so) => None,
        };
        let unloadable = loaded.err().map(|why| format!("{}: the island's state: {why}", self.name));
        self.name_all(unloadable.into_iter().chain(misfit));
    }

    fn name_all(&mut self, damage: impl IntoIterator<Item = String>) {
        for what in damage {
            self.damaged += 1;
            if self.damage.len() < ::store::DAMAGE_LISTED_MAX {
                self.damage.push(what);
            }
        }
    }
}

// === impl Family ===

impl Family {
    fn of(walked: &FamilyVerified) -> Self {
        Self { name: walked.cf.name(), keys: walked.keys, bytes: walked.bytes, rows: walked.rows }
    }
}
