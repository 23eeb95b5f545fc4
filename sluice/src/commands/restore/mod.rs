//! `sluice restore`: a backup back into an empty data directory.
//!
//! In:    a backup's URL; an empty directory, or one that an interrupted restore of the same backup has left.
//! Out:   a data directory that `sluice serve` starts on.
//! Never: a file under its name that is not, byte for byte, the one that was backed up; a directory that looks complete
//!        and is not: the layout is written last, and until then `RESTORING` lies there.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use model::Placement;
use serde_json::json;
use store::objects::{ObjectError, Objects, Patience, TRANSFERS_MAX, in_parallel};

use super::backup::fingerprint::{Fingerprinter, fingerprint_of};
use super::backup::manifest::{FileEntry, Manifest, named_or_newest};
use crate::cli::RestoreArgs;
use crate::exit::Exit;
use crate::progress;
use crate::read::{Table, format_or_default};
use crate::serve::data_dir::{RESTORING, partition_dir, write_layout};

pub(crate) fn run(args: &RestoreArgs) -> anyhow::Result<Exit> {
    let (url, name) = split(&args.from);
    // A claim on the directory before the store is asked: a typing error there must not cost a download.
    let begun = claimed(&args.data)?;
    let objects = Objects::open(url, Patience::LONG)?;
    let name = match (name, begun.as_deref().map(split)) {
        (None, Some((same, Some(name)))) if same == url => name.to_owned(),
        (name, _) => named_or_newest(&objects, name)?,
    };
    let manifest = Manifest::read(&objects, &name)?;
    claim(&args.data, begun.as_deref(), &format!("{url}@{name}"))?;

    let bar = progress::bytes(Some(manifest.files().map(|(_, file)| file.bytes).sum()));
    let restored = restore(&objects, &manifest, &args.data, &bar);
    bar.finish_and_clear();
    let fetched = restored?;

    let (files, bytes) =
        (manifest.files().count(), manifest.files().map(|(_, file)| file.bytes).sum::<u64>());
    let mut table = Table::new(["backup", "partitions", "files", "bytes", "fetched bytes"]);
    let partitions = manifest.partitions.len();
    table.row(
        [&name, &partitions.to_string(), &files.to_string(), &bytes.to_string(), &fetched.to_string()]
            .map(String::clone),
    );
    table.foot(format!("Start it with: sluice serve --data {}", args.data.display()));
    let answer = json!({"backup": name, "partitions": partitions, "files": files, "bytes": bytes, "fetched_bytes": fetched});
    table.print(format_or_default(args.format), &answer);
    Ok(Exit::Good)
}

/// `URL@BACKUP`; an `@` within the URL belongs to it.
fn split(from: &str) -> (&str, Option<&str>) {
    match from.rsplit_once('@') {
        Some((url, name)) if !name.is_empty() && !name.contains('/') => (url, Some(name)),
        _ => (from, None),
    }
}

/// What an interrupted restore was of; `None` of an empty directory, or none at all.
fn claimed(data: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(data.join(RESTORING)) {
        Ok(from) if from.ends_with('\n') => return Ok(Some(from.trim().to_owned())),
        // It was cut off in the middle of its claim, before it fetched anything.
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", data.join(RESTORING).display()));
        }
    }
    let empty = match fs::read_dir(data) {
        // A fresh ext4 has this folder.
        Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found")),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", data.display())),
    };
    if empty {
        return Ok(None);
    }
    bail!(
        "{} is not empty: give an empty or a new directory with --data, a restore overwrites nothing",
        data.display()
    )
}

/// From here on the directory is this restore's.
fn claim(data: &Path, begun: Option<&str>, from: &str) -> anyhow::Result<()> {
    if let Some(begun) = begun
        && begun != from
    {
        bail!(
            "{} holds an unfinished restore of {begun}: end that one, or empty the directory for {from}",
            data.display()
        );
    }
    if begun.is_some() {
        return Ok(()); // written again, it could be cut off when there is something to lose
    }
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let path = data.join(RESTORING);
    durably(&path, |file| writeln!(file, "{from}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the bytes that were fetched.
fn restore(objects: &Objects, manifest: &Manifest, data: &Path, bar: &ProgressBar) -> anyhow::Result<u64> {
    let placement = Placement::new(manifest.layout.partitions, manifest.layout.spread)
        .context("the manifest's layout cannot be: use another backup")?;
    let fetched = std::sync::atomic::AtomicU64::new(0);
    let folders: Vec<PathBuf> = (0..placement.partitions())
        .map(|partition| partition_dir(data, partition))
        .flat_map(|dir| [dir.join("log"), dir.join("store")])
        .collect();
    for folder in &folders {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    in_parallel(TRANSFERS_MAX, manifest.files(), |(partition, entry)| {
        let file = partition_dir(data, partition).join(&entry.path);
        let bytes = fetch(objects, entry, &file, bar)?;
        fetched.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        anyhow::Ok(())
    })?;
    for folder in folders.iter().flat_map(|folder| [Some(folder.as_path()), folder.parent()]).flatten() {
        sync(folder)?;
    }
    write_layout(data, placement)?;
    let claim = data.join(RESTORING);
    fs::remove_file(&claim).with_context(|| format!("cannot remove {}", claim.display()))?;
    sync(data)?;
    Ok(fetched.into_inner())
}

/// One file, unless it is there already. Returns the bytes that were fetched.
fn fetch(objects: &Objects, entry: &FileEntry, file: &Path, bar: &ProgressBar) -> anyhow::Result<u64> {
    let is_there = fs::metadata(file).is_ok_and(|about| about.len() == entry.bytes)
        && fingerprint_of(file, entry.bytes, &|_| Ok(()))? == entry.fingerprint;
    if is_there {
        bar.inc(entry.bytes);
        return Ok(0);
    }
    let (object, mut fingerprinter) = (entry.object(), Fingerprinter::default());
    let draft = PathBuf::from(format!("{}.part", file.display()));
    let written = durably(&draft, |out| {
        let read = objects.read(&object, entry.bytes, &mut |piece| {
            fingerprinter.add(piece);
            bar.inc(piece.len() as u64);
            out.write_all(piece).map_err(ObjectError::file("write", &draft))
        });
        Ok(read)
    });
    match written.with_context(|| format!("cannot write {}", draft.display()))? {
        Ok(()) if fingerprinter.fingerprint() == entry.fingerprint => {}
        Ok(()) | Err(ObjectError::TooLarge { .. }) => {
            bail!(damaged(objects, entry, "its content is not what was written"))
        }
        Err(ObjectError::NotFound { .. }) => bail!(damaged(objects, entry, "it is gone")),
        Err(why) => return Err(why.into()),
    }
    fs::rename(&draft, file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(entry.bytes)
}

fn damaged(objects: &Objects, entry: &FileEntry, why: &str) -> String {
    format!(
        "{} ({}) is damaged: {why}; empty the directory and restore another backup, sluice backup --list --to {} shows them",
        objects.object(&entry.object()),
        entry.path,
        objects.url()
    )
}

fn durably<T>(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<T>) -> std::io::Result<T> {
    let mut file = File::create(path)?;
    let done = write(&mut file)?;
    file.sync_all()?;
    Ok(done)
}

fn sync(dir: &Path) -> anyhow::Result<()> {
    File::open(dir).and_then(|open| open.sync_all()).with_context(|| format!("cannot sync {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_was_cut_off_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let written = || fs::read_to_string(dir.path().join(RESTORING)).unwrap();
        assert_eq!(claimed(dir.path()).unwrap(), None);
        for cut_off in ["", "s3://buck"] {
            fs::write(dir.path().join(RESTORING), cut_off).unwrap();
            assert_eq!(claimed(dir.path()).unwrap(), None);
            claim(dir.path(), None, "s3://bucket@b").unwrap();
            assert_eq!(
                (written(), claimed(dir.path()).unwrap().as_deref()),
                ("s3://bucket@b\n".into(), Some("s3://bucket@b"))
            );
        }
        let another = claim(dir.path(), Some("s3://bucket@b"), "s3://bucket@c").unwrap_err().to_string();
        assert!(another.contains("unfinished restore of s3://bucket@b"), "{another}");
    }

    #[test]
    fn a_backups_name_stands_behind_the_last_at_sign() {
        assert_eq!(split("s3://bucket/sluice"), ("s3://bucket/sluice", None));
        assert_eq!(split("s3://bucket/a@b/c"), ("s3://bucket/a@b/c", None));
        assert_eq!(split("file:///a@b@20260501T103100Z"), ("file:///a@b", Some("20260501T103100Z")));
    }
}
