//! The data directory: who may use it, what version it is, and where each partition's files lie.
//!
//! ```text
//! DATA/LOCK               held while a server runs
//! DATA/layout.json        format version, placement: fixed when the directory is made
//! DATA/partition-0000/log     segments of partition-log
//! DATA/partition-0000/store   RocksDB
//! DATA/backup.tmp         links, while a backup is taken
//! DATA/RESTORING          while `sluice restore` fills the directory: what, and from where
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use model::Placement;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::commands::backup::{SCRATCH, remove};

/// What this version writes, and the newest that it reads.
const FORMAT: u32 = 1;
const LAYOUT: &str = "layout.json";
const LOCK: &str = "LOCK";
/// Names what is being restored; there until all of it is.
pub(crate) const RESTORING: &str = "RESTORING";

/// An open data directory. Nobody else can open it while this lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    pub(crate) placement: Placement,
    _lock: File,
}

/// Which parts of the placement somebody asked for; the others are defaults, which yield to what the directory has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) partitions: bool,
    pub(crate) spread: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Layout {
    format: u32,
    partitions: u32,
    spread: u32,
    /// Of the numbers above: another spread finds a part of the rows, and nobody would know. Directories that were made
    /// before it was written have none.
    #[serde(default)]
    xxh3: Option<u64>,
}

// === impl Layout ===

impl Layout {
    fn of(placement: Placement) -> Self {
        let (partitions, spread) = (placement.partitions(), placement.spread());
        let layout = Self { format: FORMAT, partitions, spread, xxh3: None };
        Self { xxh3: Some(layout.hash()), ..layout }
    }

    /// Below 2^53, which every reader of JSON has without loss.
    fn hash(&self) -> u64 {
        xxh3_64(format!("{} {} {}", self.format, self.partitions, self.spread).as_bytes()) >> 11
    }

    fn is_whole(&self) -> bool {
        self.xxh3.is_none_or(|written| written == self.hash())
    }
}

// === impl DataDir ===

impl DataDir {
    /// Opens it, or makes it with this placement when there is nothing yet.
    pub(crate) fn open(path: &Path, wanted: Placement, given: Given) -> anyhow::Result<Self> {
        fs::create_dir_all(path)
            .with_context(|| format!("cannot make the data directory {}", path.display()))?;
        refuse_half(path)?;
        refuse_foreign(path)?;
        let lock = lock(path)?;
        let placement = match read_layout(path)? {
            Some(layout) => placement_of(path, &layout, wanted, given)?,
            None => {
                make_partitions(path, wanted)?;
                write_layout(path, wanted)?;
                wanted
            }
        };
        refuse_missing(path, placement)?;
        // Links of a backup that a crash has ended would keep deleted files on the disk.
        remove(&path.join(SCRATCH))?;
        Ok(Self { path: path.to_owned(), placement, _lock: lock })
    }

    /// Has it been made, by a server or a restore?
    pub(crate) fn is_made(path: &Path) -> bool {
        path.join(LAYOUT).exists() || path.join(RESTORING).exists()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a partition's log segments lie.
    pub(crate) fn log(&self, partition: u32) -> PathBuf {
        partition_dir(&self.path, partition).join("log")
    }

    /// Where a partition's RocksDB lies.
    pub(crate) fn store(&self, partition: u32) -> PathBuf {
        partition_dir(&self.path, partition).join("store")
    }
}

/// `DATA/partition-0003`.
pub(crate) fn partition_dir(data: &Path, partition: u32) -> PathBuf {
    data.join(format!("partition-{partition:04}"))
}

/// All folders, before the layout says that they are there.
fn make_partitions(path: &Path, placement: Placement) -> anyhow::Result<()> {
    for dir in folders(path, placement) {
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    Ok(())
}

/// A partition that was there and is gone would be made anew, empty, and nobody would know what is missing.
fn refuse_missing(path: &Path, placement: Placement) -> anyhow::Result<()> {
    match folders(path, placement).find(|dir| !dir.is_dir()) {
        Some(gone) => bail!("{} is gone: restore it from a backup, or give another --data", gone.display()),
        None => Ok(()),
    }
}

fn folders(path: &Path, placement: Placement) -> impl Iterator<Item = PathBuf> {
    let dirs = (0..placement.partitions()).map(|partition| partition_dir(path, partition));
    dirs.flat_map(|dir| [dir.join("log"), dir.join("store")])
}

/// How many partitions the directory has; for `sluice inspect`, which takes no lock.
pub(crate) fn partitions(data: &Path) -> anyhow::Result<u32> {
    Ok(placement(data)?.partitions())
}

/// How rows are placed in a directory that is there.
pub(crate) fn placement(data: &Path) -> anyhow::Result<Placement> {
    match read_layout(data)? {
        Some(layout) => sound_placement(data, &layout),
        None => bail!("{} is no data directory of Sluice: it has no {LAYOUT}", data.display()),
    }
}

/// A restore that has not ended.
fn refuse_half(path: &Path) -> anyhow::Result<()> {
    match fs::read_to_string(path.join(RESTORING)) {
        Ok(from) => bail!(
            "a restore into {} has not ended: run sluice restore --from {} --data {} again, it goes on where it was",
            path.display(),
            from.trim(),
            path.display()
        ),
        Err(_) => Ok(()),
    }
}

/// A directory with somebody else's files in it is more likely a typing error than a wish.
fn refuse_foreign(path: &Path) -> anyhow::Result<()> {
    if path.join(LAYOUT).exists() || path.join(LOCK).exists() {
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    // A fresh ext4 has this folder, and a first start that was killed has made its partitions.
    let ours = |name: &str| name == "lost+found" || name.starts_with("partition-");
    if entries.flatten().any(|entry| !ours(&entry.file_name().to_string_lossy())) {
        bail!(
            "{} is not empty and holds no Sluice data: give an empty or a new directory with --data",
            path.display()
        );
    }
    Ok(())
}

fn lock(path: &Path) -> anyhow::Result<File> {
    let file_path = path.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&file_path);
    let mut file = file.with_context(|| format!("cannot write {}", file_path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = fs::read_to_string(&file_path).unwrap_or_default();
            bail!(
                "{} is in use by another server (pid {}): stop that one or give another --data",
                path.display(),
                owner.trim()
            );
        }
        Err(TryLockError::Error(error)) => bail!("cannot lock {}: {error}", file_path.display()),
    }
    // Only for the message above; the lock itself is the kernel's and ends with the process.
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .context("cannot write the lock file")?;
    Ok(file)
}

fn read_layout(path: &Path) -> anyhow::Result<Option<Layout>> {
    let path = path.join(LAYOUT);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let layout: Layout = serde_json::from_str(&text)
                .with_context(|| format!("{} is damaged; restore it from a backup", path.display()))?;
            if layout.format > FORMAT {
                bail!(
                    "{} was written by a newer version (format {}, this one reads up to {FORMAT}): run that version, or give another --data",
                    path.display(),
                    layout.format
                );
            }
            if !layout.is_whole() {
                bail!(
                    "{} is damaged: its numbers are not those that were written; restore it from a backup",
                    path.display()
                );
            }
            Ok(Some(layout))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    }
}

fn placement_of(path: &Path, layout: &Layout, wanted: Placement, given: Given) -> anyhow::Result<Placement> {
    let placement = sound_placement(path, layout)?;
    for (name, is_given, has, wants) in [
        ("partitions", given.partitions, placement.partitions(), wanted.partitions()),
        ("spread", given.spread, placement.spread(), wanted.spread()),
    ] {
        if is_given && has != wants {
            bail!(
                "{} was made with {name}={has}, which cannot be changed to {name}={wants} in this version: leave it out, or give another --data",
                path.display(),
            );
        }
    }
    Ok(placement)
}

fn sound_placement(path: &Path, layout: &Layout) -> anyhow::Result<Placement> {
    Placement::new(layout.partitions, layout.spread)
        .with_context(|| format!("{} is damaged; restore it from a backup", path.join(LAYOUT).display()))
}

/// Written whole or not at all: a crash in between leaves no half file under the real name.
pub(crate) fn write_layout(path: &Path, placement: Placement) -> anyhow::Result<()> {
    let layout = Layout::of(placement);
    let (target, draft) = (path.join(LAYOUT), path.join(format!("{LAYOUT}.new")));
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&draft)?;
        file.write_all(serde_json::to_string_pretty(&layout)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &target)?;
        File::open(path)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement(partitions: u32, spread: u32) -> Placement {
        Placement::new(partitions, spread).unwrap()
    }

    #[test]
    fn it_is_made_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("new/data");
        assert_eq!(
            DataDir::open(&data, placement(2, 1), Given::default()).unwrap().placement,
            placement(2, 1)
        );
        assert_eq!(
            DataDir::open(&data, placement(4, 4), Given::default()).unwrap().placement,
            placement(2, 1),
            "the default yields"
        );
        let refused = |wanted, partitions, spread| {
            DataDir::open(&data, wanted, Given { partitions, spread }).unwrap_err().to_string()
        };
        let error = refused(placement(4, 4), true, true);
        assert!(error.contains("partitions=2, which cannot be changed to partitions=4"), "{error}");
        let error = refused(placement(4, 4), false, true);
        assert!(error.contains("spread=1, which cannot be changed to spread=4"), "{error}");
        let same = Given { partitions: true, spread: false };
        assert_eq!(DataDir::open(&data, placement(2, 2), same).unwrap().placement, placement(2, 1));
        assert_eq!(partitions(&data).unwrap(), 2);
    }

    #[test]
    fn other_numbers_than_were_written_are_damage() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path(), placement(4, 4), Given::default()).unwrap());
        let path = dir.path().join(LAYOUT);
        let written = fs::read_to_string(&path).unwrap();
        for (number, another) in
            [("\"spread\": 4", "\"spread\": 3"), ("\"partitions\": 4", "\"partitions\": 5")]
        {
            fs::write(&path, written.replace(number, another)).unwrap();
            let error = DataDir::open(dir.path(), placement(4, 4), Given::default()).unwrap_err().to_string();
            assert!(error.contains("is damaged"), "{error}");
            assert!(partitions(dir.path()).unwrap_err().to_string().contains("is damaged"));
        }
        fs::write(&path, r#"{"format": 1, "partitions": 4, "spread": 3}"#).unwrap();
        assert_eq!(partitions(dir.path()).unwrap(), 4, "made before there was a hash");
    }

    #[test]
    fn a_partition_that_is_gone_is_not_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("lost+found")).unwrap();
        drop(DataDir::open(dir.path(), placement(2, 1), Given::default()).unwrap());
        fs::remove_dir_all(partition_dir(dir.path(), 1).join("log")).unwrap();
        let error = DataDir::open(dir.path(), placement(2, 1), Given::default()).unwrap_err().to_string();
        assert!(error.contains("partition-0001/log is gone"), "{error}");
    }

    #[test]
    fn one_server_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DataDir::open(dir.path(), placement(1, 1), Given::default()).unwrap();
        let error = DataDir::open(dir.path(), placement(1, 1), Given::default()).unwrap_err().to_string();
        assert!(error.contains(&format!("in use by another server (pid {})", std::process::id())), "{error}");
    }

    #[test]
    fn a_newer_version_and_a_foreign_directory_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
        assert!(
            DataDir::open(dir.path(), placement(1, 1), Given::default())
                .unwrap_err()
                .to_string()
                .contains("holds no Sluice data")
        );

        fs::write(dir.path().join(LAYOUT), r#"{"format":2,"partitions":1,"spread":1}"#).unwrap();
        assert!(
            DataDir::open(dir.path(), placement(1, 1), Given::default())
                .unwrap_err()
                .to_string()
                .contains("newer version (format 2")
        );
    }
}
