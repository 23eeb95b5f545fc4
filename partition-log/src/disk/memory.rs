//! A disk in memory that remembers what was synced, fails on command, and loses power under a seed.
//!
//! In:    file operations, faults to come, a power loss.
//! Out:   what a bad disk would answer; after a power loss, the disk as the next start finds it.
//! Kept:  for each file what a reader sees now and what is on the platter; likewise for the names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile};
use crate::random::Random;

/// What a disk writes at once: a power loss keeps or loses whole sectors.
const SECTOR_BYTES: usize = 512;

/// An operation that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // named as the operations
pub enum Op {
    Create,
    Read,
    Write,
    Sync,
    Truncate,
    Remove,
    SyncDir,
}

/// How it fails.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// With this number of the operating system: 5 is EIO, 28 is ENOSPC.
    Errno(i32),
    /// Writes or reads only so many bytes, and calls it a success.
    Short(usize),
}

/// A disk in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    nodes: Vec<Node>,
    names: BTreeMap<PathBuf, usize>,
    names_synced: BTreeMap<PathBuf, usize>,
    faults: Vec<(Op, u32, Fault)>,
    bytes_max: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// After a failed sync the kernel calls the pages clean: no later sync writes what lies above here.
    lost_from: Option<usize>,
}

struct MemoryFile {
    disk: MemoryDisk,
    node: usize,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the operation after the next `skip` of its kind fail, once.
    pub fn fail(&self, op: Op, skip: u32, fault: Fault) {
        self.0.lock().faults.push((op, skip, fault));
    }

    /// Lets all files together hold `bytes` and no more.
    pub fn set_bytes_max(&self, bytes: u64) {
        self.0.lock().bytes_max = Some(bytes);
    }

    /// What a reader of `path` sees now.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let platter = self.0.lock();
        platter.names.get(path).map(|node| platter.nodes[*node].now.clone())
    }

    /// Puts a file there, synced, in place of one that may be there.
    pub fn put(&self, path: &Path, content: Vec<u8>) {
        let mut platter = self.0.lock();
        let node = platter.add(Node { now: content.clone(), synced: content, lost_from: None });
        platter.names.insert(path.to_owned(), node);
        platter.names_synced.insert(path.to_owned(), node);
    }

    /// The names of all files.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().names.keys().cloned().collect()
    }

    /// The disk after a power loss that kept nothing but what was synced.
    #[must_use]
    pub fn power_loss_keeping_synced(&self) -> Self {
        self.power_loss(|_, node| node.synced.clone(), |_| false)
    }

    /// The disk after a power loss: what was synced, and by chance sectors, lengths and names of what was not.
    /// Whoever still holds the old disk writes to the old one.
    #[must_use]
    pub fn power_loss_with_seed(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut names = random.clone();
        self.power_loss(|_, node| node.torn(&mut random), |_| names.chance(500))
    }

    fn power_loss(
        &self,
        mut content: impl FnMut(&Path, &Node) -> Vec<u8>,
        mut keeps_name_change: impl FnMut(&Path) -> bool,
    ) -> Self {
        let platter = self.0.lock();
        let after = Self::new();
        let mut names = platter.names_synced.clone();
        for (path, node) in &platter.names {
            if !names.contains_key(path) && keeps_name_change(path) {
                names.insert(path.clone(), *node);
            }
        }
        names.retain(|path, _| platter.names.contains_key(path) || !keeps_name_change(path));
        for (path, node) in &names {
            after.put(path, content(path, &platter.nodes[*node]));
        }
        after
    }
}

impl Node {
    /// What was synced, mixed by chance with what was not.
    fn torn(&self, random: &mut Random) -> Vec<u8> {
        let (shorter, longer) =
            (self.now.len().min(self.synced.len()), self.now.len().max(self.synced.len()));
        let length = match random.below(3) {
            0 => self.synced.len(),
            1 => self.now.len(),
            _ => shorter + random.below((longer - shorter) as u64 + 1) as usize,
        };
        let mut torn = self.synced.clone();
        torn.resize(length, 0);
        for from in (0..length.min(self.now.len())).step_by(SECTOR_BYTES) {
            let to = (from + SECTOR_BYTES).min(length).min(self.now.len());
            if random.chance(500) {
                torn[from..to].copy_from_slice(&self.now[from..to]);
            }
        }
        torn
    }

    fn sync(&mut self) {
        let through = self.lost_from.unwrap_or(usize::MAX).min(self.now.len());
        self.synced = self.now[..through].to_vec();
    }
}

impl Platter {
    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The fault that is due for this operation.
    fn fault(&mut self, op: Op) -> Option<Fault> {
        let mut due = None;
        self.faults.retain_mut(|(of, skip, fault)| match (*of == op, *skip) {
            (true, 0) if due.is_none() => {
                due = Some(*fault);
                false
            }
            (true, 1..) => {
                *skip -= 1;
                true
            }
            _ => true,
        });
        due
    }

    fn check(&mut self, op: Op) -> io::Result<()> {
        match self.fault(op) {
            Some(Fault::Errno(errno)) => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(()),
        }
    }

    /// How many of `bytes` may be moved.
    fn shortened(&mut self, op: Op, bytes: usize) -> io::Result<usize> {
        match self.fault(op) {
            Some(Fault::Errno(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Fault::Short(most)) => Ok(bytes.min(most)),
            None => Ok(bytes),
        }
    }

    /// How many bytes a file may grow by.
    fn room(&self) -> usize {
        let Some(bytes_max) = self.bytes_max else { return usize::MAX };
        let used: u64 = self.names.values().map(|node| self.nodes[*node].now.len() as u64).sum();
        bytes_max.saturating_sub(used) as usize
    }
}

impl Disk for MemoryDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.0.lock().names.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut platter = self.0.lock();
        platter.check(Op::Create)?;
        if platter.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = platter.add(Node::default());
        platter.names.insert(path.to_owned(), node);
        Ok(Box::new(MemoryFile { disk: self.clone(), node }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let node = self.0.lock().names.get(path).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile { disk: self.clone(), node }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.check(Op::Remove)?;
        platter.names.remove(path).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.check(Op::SyncDir)?;
        let is_inside = |path: &Path| path.parent() == Some(dir);
        platter.names_synced.retain(|path, _| !is_inside(path));
        let inside: Vec<_> = platter.names.iter().filter(|(path, _)| is_inside(path)).collect();
        let inside: Vec<_> = inside.into_iter().map(|(path, node)| (path.clone(), *node)).collect();
        platter.names_synced.extend(inside);
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().nodes[self.node].now.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        let mut platter = self.disk.0.lock();
        let most = platter.shortened(Op::Read, bytes.len())?;
        let content = platter.nodes[self.node].now.get(position as usize..).unwrap_or_default();
        let read = content.len().min(most);
        bytes[..read].copy_from_slice(&content[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        let mut platter = self.disk.0.lock();
        let wanted = platter.shortened(Op::Write, bytes.len())?;
        let (from, room) = (position as usize, platter.room());
        let node = &mut platter.nodes[self.node];
        let written = wanted.min((node.now.len() + room.min(usize::MAX / 2)).saturating_sub(from));
        if written == 0 && wanted > 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        node.now.resize(node.now.len().max(from + written), 0);
        node.now[from..from + written].copy_from_slice(&bytes[..written]);
        Ok(written)
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = self.disk.0.lock();
        let checked = platter.check(Op::Sync);
        let node = &mut platter.nodes[self.node];
        match checked {
            Ok(()) => node.sync(),
            Err(_) => node.lost_from = Some(node.synced.len()),
        }
        checked
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut platter = self.disk.0.lock();
        platter.check(Op::Truncate)?;
        let node = &mut platter.nodes[self.node];
        node.now.resize(bytes as usize, 0);
        node.lost_from = node.lost_from.filter(|lost| (bytes as usize) > *lost);
        Ok(())
    }
}
