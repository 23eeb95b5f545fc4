//! What a backup consists of. Written last, so that a manifest that is there is a backup that is whole.
//!
//! Two lines: the manifest as JSON, and the fingerprint of that line, so that a manifest that is damaged is known.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use model::Placement;
use serde::{Deserialize, Serialize};
use store::objects::{ObjectError, Objects};

use super::Fingerprint;

/// What this version writes, and the newest that it reads.
const FORMAT: u32 = 1;
const FOLDER: &str = "backups";
/// A million files; a partition has hundreds.
const BYTES_MAX: u64 = 256 << 20;

/// A data directory at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    /// The version that wrote it.
    pub(crate) sluice: String,
    /// Unix seconds.
    pub(crate) taken: u64,
    pub(crate) layout: Layout,
    pub(crate) partitions: Vec<PartitionFiles>,
}

/// How rows are placed: fixed when a data directory is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(crate) partitions: u32,
    pub(crate) spread: u32,
}

/// One partition: the store at `C`, and the log from there on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartitionFiles {
    pub(crate) partition: u32,
    /// `C`; absent before the first seal.
    pub(crate) checkpoint: Option<u64>,
    /// One past the last record.
    pub(crate) log_end: u64,
    pub(crate) files: Vec<FileEntry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Below the partition's folder: `log/…` or `store/…`.
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) fingerprint: Fingerprint,
}

impl std::ops::Deref for FileEntry {
    type Target = Fingerprint;

    fn deref(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

// === impl Manifest ===

impl Manifest {
    pub(crate) fn new(placement: Placement, partitions: Vec<PartitionFiles>, now: SystemTime) -> Self {
        Self {
            format: FORMAT,
            sluice: env!("CARGO_PKG_VERSION").to_owned(),
            taken: now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            layout: Layout { partitions: placement.partitions(), spread: placement.spread() },
            partitions,
        }
    }

    /// Every file with its partition.
    pub(crate) fn files(&self) -> impl Iterator<Item = (u32, &FileEntry)> {
        self.partitions
            .iter()
            .flat_map(|partition| partition.files.iter().map(|file| (partition.partition, file)))
    }

    /// Its name says when; a second one in the same second gets a number.
    pub(crate) fn write(&self, objects: &Objects) -> anyhow::Result<String> {
        let taken = names(objects)?;
        let base = name_of(self.taken);
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let mut free = std::iter::once(base.clone()).chain(numbered);
        let name = free.find(|name| !taken.contains(name)).unwrap_or(base);
        objects.put(&format!("{FOLDER}/{name}"), self.encode()?)?;
        Ok(name)
    }

    pub(crate) fn read(objects: &Objects, name: &str) -> anyhow::Result<Self> {
        let object = format!("{FOLDER}/{name}");
        let bytes = match objects.get(&object, BYTES_MAX) {
            Err(ObjectError::NotFound { .. }) => bail!(
                "there is no backup {name} at {}: sluice backup --list --to {} shows those that are there",
                objects.url(),
                objects.url()
            ),
            read => read?,
        };
        Self::decode(&bytes).with_context(|| format!("cannot use {}", objects.object(&object)))
    }

    pub(crate) fn delete(objects: &Objects, name: &str) -> anyhow::Result<()> {
        Ok(objects.delete(&format!("{FOLDER}/{name}"))?)
    }

    fn encode(&self) -> anyhow::Result<Vec<u8>> {
        let line = serde_json::to_vec(self)?;
        let fingerprint = Fingerprint::of(&line).to_string();
        Ok([&line, b"\n".as_slice(), fingerprint.as_bytes(), b"\n"].concat())
    }

    fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = std::str::from_utf8(bytes).ok();
        let lines = text.and_then(|text| text.strip_suffix('\n')?.split_once('\n'));
        let Some((line, _)) =
            lines.filter(|(line, fingerprint)| *fingerprint == Fingerprint::of(line.as_bytes()).to_string())
        else {
            bail!("the manifest is damaged: use another backup");
        };
        let format = serde_json::from_str::<Format>(line)?.format;
        if format > FORMAT {
            bail!(
                "it was written by a newer version (format {format}, this one reads up to {FORMAT}): use that version"
            );
        }
        let manifest: Self = serde_json::from_str(line)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// A manifest decides which files are written: nowhere but into the partitions' own folders.
    fn check(&self) -> anyhow::Result<()> {
        let is_ours = |path: &str| match path.split_once('/') {
            Some(("log" | "store", name)) => {
                !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != ".."
            }
            _ => false,
        };
        if let Some((_, file)) = self.files().find(|(_, file)| !is_ours(&file.path)) {
            bail!("the manifest names a file {:?}, which is none of Sluice's: use another backup", file.path);
        }
        let partitions = self.partitions.iter().map(|partition| partition.partition);
        if !partitions.eq(0..self.layout.partitions) {
            bail!("the manifest does not hold all {} partitions: use another backup", self.layout.partitions);
        }
        Ok(())
    }
}

/// What every format has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// All backups, oldest first.
pub(crate) fn names(objects: &Objects) -> anyhow::Result<Vec<String>> {
    let listed = objects.list(FOLDER)?;
    let name = |object: &str| object.strip_prefix(FOLDER)?.strip_prefix('/').map(str::to_owned);
    Ok(listed.iter().filter_map(|info| name(&info.name)).collect())
}

/// The backup of this name, or without one the newest.
pub(crate) fn named_or_newest(objects: &Objects, name: Option<&str>) -> anyhow::Result<String> {
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let newest = names(objects)?.pop();
    newest.with_context(|| format!("there is no backup at {}: is the URL right?", objects.url()))
}

/// `20260501T103100Z`, which sorts by time.
fn name_of(unix_seconds: u64) -> String {
    let time = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(unix_seconds)).to_string();
    time.replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str) -> Manifest {
        let files = vec![FileEntry { path: path.to_owned(), fingerprint: Fingerprint::of(b"content") }];
        let partition = PartitionFiles { partition: 0, checkpoint: Some(7), log_end: 9, files };
        let now = UNIX_EPOCH + Duration::from_secs(1_777_631_460);
        Manifest::new(Placement::new(1, 1).unwrap(), vec![partition], now)
    }

    #[test]
    fn it_comes_back_as_it_was_and_its_name_says_when() {
        let manifest = manifest("store/CURRENT");
        assert_eq!(Manifest::decode(&manifest.encode().unwrap()).unwrap(), manifest);
        assert_eq!(name_of(manifest.taken), "20260501T103100Z");
    }

    #[test]
    fn every_bit_that_turns_and_every_cut_is_found() {
        let whole = manifest("store/CURRENT").encode().unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(Manifest::decode(&bytes).is_err(), "byte {at}");
            assert!(Manifest::decode(&whole[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_it_must_not_say_is_refused_by_name() {
        for path in ["../../etc/passwd", "store/..", "store/a/b", "LOCK", "log/"] {
            let refused = Manifest::decode(&manifest(path).encode().unwrap()).unwrap_err().to_string();
            assert!(refused.contains("none of Sluice's"), "{path}: {refused}");
        }
        let newer = Manifest { format: 2, ..manifest("log/a") };
        let refused = Manifest::decode(&newer.encode().unwrap()).unwrap_err().to_string();
        assert!(refused.contains("newer version (format 2"), "{refused}");
        let fewer = Manifest { partitions: Vec::new(), ..manifest("log/a") };
        let refused = Manifest::decode(&fewer.encode().unwrap()).unwrap_err().to_string();
        assert!(refused.contains("all 1 partitions"), "{refused}");
    }
}
