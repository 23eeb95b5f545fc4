//! One backup, from the links to the manifest.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::bail;
use model::Placement;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::objects::{Objects, Patience, TRANSFERS_MAX, in_parallel};

use super::expire::expire;
use super::fingerprint::{Fingerprint, fingerprint_of};
use super::freeze::{Frozen, FrozenFile, Source, remove};
use super::manifest::{FileEntry, Manifest, PartitionFiles};

/// Below the data directory, while a backup is taken. A start removes what a crash has left.
pub(crate) const SCRATCH: &str = "backup.tmp";

/// What is asked for; also over HTTP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Where to.
    pub(crate) to: String,
    /// How many backups stay; all when absent.
    #[serde(default)]
    pub(crate) keep: Option<usize>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Of the data directory, read and where needed sent.
    pub(crate) bytes: u64,
    pub(crate) bytes_total: u64,
    /// On the wire.
    pub(crate) sent_bytes: u64,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) name: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) sent_objects: u64,
    pub(crate) sent_bytes: u64,
    /// Backups that went, by `keep`.
    pub(crate) expired: Vec<String>,
}

/// Hears of progress; an error ends the backup.
pub(crate) type Watch<'a> = &'a (dyn Fn(Step) -> anyhow::Result<()> + Sync);

/// Copies these partitions. `data` is their directory.
pub(crate) fn take(
    request: &Request,
    sources: &[Source],
    placement: Placement,
    data: &Path,
    watch: Watch<'_>,
) -> anyhow::Result<Taken> {
    if request.keep == Some(0) {
        bail!("keep is 0, must be at least 1: the backup that is taken now is one of them");
    }
    let objects = Objects::open(&request.to, Patience::LONG)?;
    let scratch = data.join(SCRATCH);
    remove(&scratch)?;
    let taken = within(&objects, sources, placement, &scratch, watch);
    let removed = remove(&scratch);
    let mut taken = taken?;
    removed?;
    if let Some(keep) = request.keep {
        taken.expired = expire(&objects, keep)?;
    }
    Ok(taken)
}

fn within(
    objects: &Objects,
    sources: &[Source],
    placement: Placement,
    scratch: &Path,
    watch: Watch<'_>,
) -> anyhow::Result<Taken> {
    // One after the other: each is consistent in itself, and partitions share nothing.
    let frozen = sources
        .iter()
        .map(|source| source.freeze(&scratch.join(source.partition.to_string())))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let transfer = Transfer::new(objects, &frozen, watch)?;
    let partitions = frozen.iter().map(|one| transfer.partition(one)).collect::<anyhow::Result<Vec<_>>>()?;
    let manifest = Manifest::new(placement, partitions, SystemTime::now());
    transfer.complete(&manifest)?;
    Ok(Taken {
        name: manifest.write(objects)?,
        files: manifest.files().count() as u64,
        bytes: transfer.bytes_total,
        sent_objects: transfer.sent_objects.into_inner(),
        sent_bytes: transfer.sent_bytes.into_inner(),
        expired: Vec::new(),
    })
}

/// Files on their way.
struct Transfer<'a> {
    objects: &'a Objects,
    watch: Watch<'a>,
    /// Objects that are there.
    have: Mutex<HashSet<String>>,
    bytes_total: u64,
    bytes: AtomicU64,
    sent_bytes: AtomicU64,
    sent_objects: AtomicU64,
}

// === impl Transfer ===

impl<'a> Transfer<'a> {
    fn new(objects: &'a Objects, frozen: &[Frozen], watch: Watch<'a>) -> anyhow::Result<Self> {
        Ok(Self {
            objects,
            watch,
            have: Mutex::new(stored(objects)?),
            bytes_total: frozen.iter().flat_map(|one| &one.files).map(|file| file.bytes).sum(),
            bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            sent_objects: AtomicU64::new(0),
        })
    }

    fn partition(&self, frozen: &Frozen) -> anyhow::Result<PartitionFiles> {
        let files = Mutex::new(Vec::new());
        in_parallel(TRANSFERS_MAX, &frozen.files, |file| -> anyhow::Result<()> {
            let fingerprint = self.file(file)?;
            files.lock().push(FileEntry { path: file.path.clone(), fingerprint });
            Ok(())
        })?;
        let mut files = files.into_inner();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let Frozen { partition, checkpoint, log_end, .. } = *frozen;
        Ok(PartitionFiles { partition, checkpoint, log_end, files })
    }

    /// Read in any case: a backup vouches for what the disk holds now.
    fn file(&self, file: &FrozenFile) -> anyhow::Result<Fingerprint> {
        let fingerprint = fingerprint_of(&file.file, file.bytes, &|bytes| self.step(bytes, 0))?;
        let object = fingerprint.object();
        if self.have.lock().insert(object.clone()) {
            self.objects.put_file(&object, &file.file, file.bytes, &|_| {})?;
            self.sent_objects.fetch_add(1, Ordering::Relaxed);
            self.step(0, file.bytes)?;
        }
        Ok(fingerprint)
    }

    fn step(&self, read: u64, sent: u64) -> anyhow::Result<()> {
        let bytes = self.bytes.fetch_add(read, Ordering::Relaxed) + read;
        let sent_bytes = self.sent_bytes.fetch_add(sent, Ordering::Relaxed) + sent;
        (self.watch)(Step { bytes, bytes_total: self.bytes_total, sent_bytes })
    }

    /// Another backup with `--keep` may have taken away what was found here at the start.
    fn complete(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let have = stored(self.objects)?;
        match manifest.files().find(|(_, file)| !have.contains(&file.object())) {
            Some((_, file)) => bail!(
                "{} was removed while this backup was taken: run it again, one at a time",
                self.objects.object(&file.object())
            ),
            None => Ok(()),
        }
    }
}

/// An object that has its name is whole. One of another size than its name says is not ours to trust.
fn stored(objects: &Objects) -> anyhow::Result<HashSet<String>> {
    let listed = objects.list("objects")?;
    let whole = listed.into_iter().filter(|info| info.name.ends_with(&format!("-{}", info.bytes)));
    Ok(whole.map(|info| info.name).collect())
}
