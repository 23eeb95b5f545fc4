//! The few things a log asks of a file system, so that a test can put a bad one in its place.
//!
//! In:    paths and bytes.
//! Out:   what the operating system says.
//! Never: a retry of a failed sync. After one, the kernel may have thrown the bytes away and call the next sync a success.

mod memory;
mod real;

use std::io;
use std::path::{Path, PathBuf};

pub use memory::{Fault, MemoryDisk, Op};
pub use real::RealDisk;

/// A file system.
pub trait Disk: Send + Sync {
    /// Makes the directory and its parents, durably; one that is there is fine.
    ///
    /// # Errors
    /// What the operating system says; so for all below.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// The files in `dir`, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// A new file to read and write; its name lasts after [`sync_dir`](Self::sync_dir).
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A file that is there, to read and write.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Takes the name away; for good after [`sync_dir`](Self::sync_dir).
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// An open file.
#[allow(clippy::len_without_is_empty)] // a file's length is an I/O that may fail, not a container's
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Reads into `bytes` from `position`; fewer bytes than asked for are no error, 0 is the end.
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes `bytes` at `position`; fewer bytes than asked for are no error.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize>;
    /// Makes what was written durable (fdatasync).
    fn sync(&self) -> io::Result<()>;
    /// Makes the file `bytes` long; durable after [`sync`](Self::sync).
    fn truncate(&self, bytes: u64) -> io::Result<()>;
}

/// Takes a file of `dir` away for good. One that is gone, perhaps only until a power loss, is made sure of.
pub(crate) fn remove(disk: &dyn Disk, dir: &Path, file: &Path) -> io::Result<()> {
    match disk.remove(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => disk.sync_dir(dir),
    }
}

/// Writes all of `bytes`, however short the single writes are.
pub(crate) fn write_all_at(file: &dyn DiskFile, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                position += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `bytes` is full or the file ends; returns how many bytes came.
pub(crate) fn read_full_at(file: &dyn DiskFile, bytes: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
