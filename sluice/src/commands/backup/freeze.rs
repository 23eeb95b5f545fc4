//! A partition held still while it goes on: its store at `C`, and its log from `C` to what is durable.
//!
//! Files are linked, not copied. The log's segments are linked first: whatever is released while the store is copied
//! stays here, so that they begin at `C` or before. They are linked again afterwards, for those that are new.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aggregator::checkpoint_position;
use anyhow::{Context as _, bail};
use partition_log::{EmbeddedLog, Offset, PartitionLog as _};
use store::{Kv as _, RocksKv};

/// A whole segment may come and go between the two links; it would take 64 MiB and a seal in some milliseconds.
const TRIES_MAX: usize = 5;

/// What is copied.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) partition: u32,
    pub(crate) log_dir: PathBuf,
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) store: Arc<RocksKv>,
}

/// It, held still.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) partition: u32,
    pub(crate) checkpoint: Option<Offset>,
    pub(crate) log_end: Offset,
    pub(crate) files: Vec<FrozenFile>,
}

/// A file that does not change as far as `bytes`.
#[derive(Debug)]
pub(crate) struct FrozenFile {
    /// Below the partition's folder.
    pub(crate) path: String,
    pub(crate) file: PathBuf,
    pub(crate) bytes: u64,
}

// === impl Source ===

impl Source {
    /// Into `scratch`, which lies on the same file system and does not exist yet.
    pub(crate) fn freeze(&self, scratch: &Path) -> anyhow::Result<Frozen> {
        for _ in 0..TRIES_MAX {
            if let Some(frozen) = self.try_freeze(scratch)? {
                return Ok(frozen);
            }
            remove(scratch)?;
        }
        bail!("partition {}: its log was released faster than it could be linked: try again", self.partition)
    }

    /// `None` when the segments that were linked have a gap.
    fn try_freeze(&self, scratch: &Path) -> anyhow::Result<Option<Frozen>> {
        let (log_copy, store_copy) = (scratch.join("log"), scratch.join("store"));
        fs::create_dir_all(&log_copy).with_context(|| format!("cannot make {}", log_copy.display()))?;
        link_segments(&self.log_dir, &log_copy)?;
        self.store.checkpoint(&store_copy)?;
        link_segments(&self.log_dir, &log_copy)?;
        let log_end = self.log.end();

        let copy = RocksKv::open_read_only(&store_copy)?;
        let checkpoint = checkpoint_position(&*copy.snapshot())
            .with_context(|| format!("cannot read the checkpoint of partition {}", self.partition))?;
        drop(copy);
        let Some(mut files) = segments(&log_copy, checkpoint.unwrap_or(0), log_end)? else { return Ok(None) };
        files.extend(store_files(&store_copy)?);
        Ok(Some(Frozen { partition: self.partition, checkpoint, log_end, files }))
    }
}

/// Removes what a freeze has made; what is not there is fine.
pub(crate) fn remove(scratch: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", scratch.display()))
        }
        _ => Ok(()),
    }
}

/// One that is released in between is gone; one that was linked before stays.
fn link_segments(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in files_in(from)? {
        let name = file.file_name().unwrap_or_default();
        match fs::hard_link(&file, to.join(name)) {
            Err(error) if ![ErrorKind::NotFound, ErrorKind::AlreadyExists].contains(&error.kind()) => {
                return Err(error).with_context(|| format!("cannot link {}", file.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The segments that hold `from..end`, without what is not durable behind it; `None` when some of it is missing.
fn segments(dir: &Path, from: Offset, end: Offset) -> anyhow::Result<Option<Vec<FrozenFile>>> {
    let (mut kept, mut due): (Vec<FrozenFile>, Option<Offset>) = (Vec::new(), None);
    for file in files_in(dir)? {
        let mut cut = None;
        let found = partition_log::inspect(&file, |offset, position, _| {
            if offset == end {
                cut = Some(position);
            }
        })?;
        if found.base > end {
            break; // begun after the end was read
        }
        if due.is_none_or(|_| found.base <= from) {
            kept.clear(); // what came before is not needed
        } else if due != Some(found.base) {
            return Ok(None);
        }
        due = Some(found.end.min(end));
        let path = format!("log/{}", name_of(&file));
        kept.push(FrozenFile { path, file, bytes: cut.unwrap_or(found.good_bytes) });
    }
    let begins = kept.first().and_then(|first| first.path.get(4..24)?.parse::<Offset>().ok());
    Ok((begins.is_some_and(|base| base <= from) && due == Some(end)).then_some(kept))
}

fn store_files(dir: &Path) -> anyhow::Result<Vec<FrozenFile>> {
    let frozen = |file: PathBuf| {
        let about = fs::metadata(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(FrozenFile { path: format!("store/{}", name_of(&file)), file, bytes: about.len() })
    };
    let wanted = |file: &PathBuf| !["LOCK", "LOG"].contains(&&*name_of(file));
    files_in(dir)?.into_iter().filter(wanted).map(frozen).collect()
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// By name.
fn files_in(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let list = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut files = list().with_context(|| format!("cannot list {}", dir.display()))?;
    files.retain(|file| file.is_file());
    files.sort_unstable();
    Ok(files)
}
