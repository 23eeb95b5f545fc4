//! A disk in memory, for tests and the simulator. It can be told when to crash, and which keys cannot be read any more.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::kv::Each;
use crate::{Cf, Kv, KvBatch, KvOp, KvSnapshot, StoreError};

type Key = (Cf, Arc<[u8]>);
type Entries = BTreeMap<Key, Arc<[u8]>>;

/// A clone is the same disk, as a second process that opens it would see it. So a test can drop the island, keep the
/// disk, and start again.
#[derive(Clone, Debug, Default)]
pub struct MemoryKv {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    /// Copied on write only while a snapshot is alive.
    entries: Arc<Entries>,
    unreadable: Arc<BTreeSet<Key>>,
    bytes: u64,
    commits: u64,
    plan: Option<(CrashPoint, u64)>,
    down: bool,
}

/// Where in a commit the machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Nothing of the batch is on disk.
    BeforeCommit,
    /// All of it is, but nobody was told.
    AfterCommit,
}

/// A state that does not change.
struct MemorySnapshot {
    entries: Arc<Entries>,
    unreadable: Arc<BTreeSet<Key>>,
    down: bool,
}

// === impl MemoryKv ===

impl MemoryKv {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The machine goes down at the next commit but `commits`: 0 means at the very next. From then on every call
    /// fails with [`StoreError::Crashed`].
    pub fn crash_at(&self, point: CrashPoint, commits: u64) {
        self.disk.lock().plan = Some((point, commits));
    }

    /// Up again, with what was on disk, and no crash planned.
    pub fn restart(&self) {
        let mut disk = self.disk.lock();
        (disk.down, disk.plan) = (false, None);
    }

    /// Whoever reads this key from now on hears that it is corrupt, as where a checksum of the disk's own does not fit;
    /// until it is written again or deleted.
    pub fn damage(&self, cf: Cf, key: &[u8]) {
        Arc::make_mut(&mut self.disk.lock().unreadable).insert((cf, Arc::from(key)));
    }

    /// How many batches were applied.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.disk.lock().commits
    }
}

impl MemoryKv {
    fn freeze(&self) -> MemorySnapshot {
        let disk = self.disk.lock();
        let (entries, unreadable) = (Arc::clone(&disk.entries), Arc::clone(&disk.unreadable));
        MemorySnapshot { entries, unreadable, down: disk.down }
    }
}

impl Kv for MemoryKv {
    fn commit(&self, batch: KvBatch) -> Result<(), StoreError> {
        let mut disk = self.disk.lock();
        disk.check()?;
        let crash = disk.crash_now();
        disk.down = crash.is_some();
        if crash != Some(CrashPoint::BeforeCommit) {
            batch.into_ops().into_iter().for_each(|op| disk.apply(op));
            disk.commits += 1;
        }
        disk.check()
    }

    fn commit_later(&self, batch: KvBatch) -> Result<(), StoreError> {
        self.commit(batch)
    }

    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.freeze().get(cf, key)
    }

    fn snapshot(&self) -> Box<dyn KvSnapshot + '_> {
        Box::new(self.freeze())
    }

    fn pin(self: Arc<Self>) -> Arc<dyn KvSnapshot> {
        Arc::new(self.freeze())
    }

    fn disk_bytes(&self) -> u64 {
        self.disk.lock().bytes
    }
}

// === impl Disk ===

impl Disk {
    fn check(&self) -> Result<(), StoreError> {
        if self.down { Err(StoreError::Crashed) } else { Ok(()) }
    }

    /// Counts down to the planned crash.
    fn crash_now(&mut self) -> Option<CrashPoint> {
        let (point, commits) = self.plan.as_mut()?;
        let Some(left) = commits.checked_sub(1) else { return Some(*point) };
        *commits = left;
        None
    }

    fn apply(&mut self, op: KvOp) {
        match op {
            KvOp::Put { cf, key, value } => self.put(cf, key, value),
            KvOp::Delete { cf, key } => self.remove(&(cf, key.into())),
            KvOp::DeleteRange { cf, from, to } => self.remove_range(cf, from, to),
        }
    }

    fn put(&mut self, cf: Cf, key: Vec<u8>, value: Vec<u8>) {
        let key: Key = (cf, key.into());
        self.remove(&key);
        self.bytes += (key.1.len() + value.len()) as u64;
        Arc::make_mut(&mut self.entries).insert(key, value.into());
    }

    fn remove(&mut self, key: &Key) {
        if self.unreadable.contains(key) {
            Arc::make_mut(&mut self.unreadable).remove(key);
        }
        if let Some(value) = Arc::make_mut(&mut self.entries).remove(key) {
            self.bytes -= (key.1.len() + value.len()) as u64;
        }
    }

    fn remove_range(&mut self, cf: Cf, from: Vec<u8>, to: Vec<u8>) {
        let range = (cf, Arc::from(from))..(cf, Arc::from(to));
        let keys: Vec<_> = self.entries.range(range).map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| self.remove(key));
    }
}

// === impl MemorySnapshot ===

impl MemorySnapshot {
    fn check(&self) -> Result<(), StoreError> {
        if self.down { Err(StoreError::Crashed) } else { Ok(()) }
    }

    fn check_key(&self, key: &Key) -> Result<(), StoreError> {
        if !self.unreadable.contains(key) {
            return Ok(());
        }
        let why = format!("block checksum mismatch at {:02x?}", key.1);
        Err(StoreError::Corrupt { dir: "memory".into(), why })
    }
}

impl KvSnapshot for MemorySnapshot {
    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.check()?;
        let key = (cf, Arc::from(key));
        self.check_key(&key)?;
        Ok(self.entries.get(&key).map(|value| value.to_vec()))
    }

    fn range(&self, cf: Cf, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        self.check()?;
        if to <= from {
            return Ok(()); // a BTreeMap panics on such a range
        }
        for (key, value) in self.entries.range((cf, Arc::from(from))..(cf, Arc::from(to))) {
            self.check_key(key)?;
            if let ControlFlow::Break(()) = each(&key.1, value)? {
                break;
            }
        }
        Ok(())
    }
}
