//! `rules/*.yaml`: read, checked, given to the islands and the frontend, and read again when they change.
//!
//! In:   a folder, which need not be there. Out: the rules that the islands are to hold; how much accounts may send.
//! Kept: what was read last, and why it was refused.
//! Never: a part of a bad set. One file that cannot be used refuses all, and what held before holds on.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use alerts::{RuleFiles, RuleSet};
use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::lifetimes::Lifetimes;
use super::partitions::Partitions;
use super::rates::FileRates;
use super::{House, ended};

const EVERY: Duration = Duration::from_secs(1);
/// All files together stand in one record of every partition's log.
const BYTES_MAX: u64 = 1 << 20;
const FILES_MAX: usize = 100;

/// Why the files that are there now are not used; shared with who asks.
pub(crate) type Refused = Arc<Mutex<Option<String>>>;

/// What tells whether a folder has changed: name, length and time of each file.
type Seen = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// Runs until the word to end.
pub(super) async fn keep(
    house: House,
    folder: PathBuf,
    lifetimes: Arc<Lifetimes>,
    stopped: watch::Receiver<()>,
) {
    let mut ended = std::pin::pin!(ended(stopped));
    let mut last = None;
    loop {
        let (folder, seen, house, lifetimes) =
            (folder.clone(), last.take(), house.clone(), Arc::clone(&lifetimes));
        let looked = tokio::task::spawn_blocking(move || look(&folder, seen, &house, &lifetimes)).await;
        last = looked.unwrap_or_default();
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One look at the folder; what was seen, if anything could be.
fn look(folder: &Path, last: Option<Seen>, house: &House, lifetimes: &Lifetimes) -> Option<Seen> {
    let (partitions, refused) = (&house.partitions, &house.rules_refused);
    let seen = match list(folder) {
        Ok(None) => {
            lifetimes.hold_none();
            return None;
        }
        Ok(seen) if seen == last => return last,
        Ok(Some(seen)) => seen,
        Err(why) => {
            refuse(refused, format!("{why:#}"));
            return None;
        }
    };
    match read(&seen).and_then(|files| check(&files, partitions).map(|rules| (files, rules))) {
        Ok((files, rules)) => {
            lifetimes.hold(rules.metrics);
            if let Some(frontend) = &house.frontend {
                frontend.hold_rates(Arc::new(FileRates(rules.limits)));
            }
            tracing::info!(files = files.files.len(), version = files.version, "rules are good");
            *refused.lock() = None;
            partitions.want_rules(&files);
        }
        Err(why) => refuse(refused, format!("{why:#}")),
    }
    Some(seen)
}

fn refuse(refused: &Refused, why: String) {
    let mut refused = refused.lock();
    if refused.as_ref() != Some(&why) {
        tracing::error!(%why, "the rules cannot be used: what held before holds on");
        *refused = Some(why);
    }
}

/// `None` when there is no such folder.
fn list(folder: &Path) -> anyhow::Result<Option<Seen>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => bail!("cannot read {}: {why}", folder.display()),
    };
    let mut seen = Seen::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.ends_with(".yaml") || name.ends_with(".test.yaml") || name.starts_with('.') {
            continue;
        }
        let about = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        seen.push((path, about.len(), about.modified().ok()));
    }
    if seen.len() > FILES_MAX {
        bail!("{} has {} rule files, at most {FILES_MAX} are taken", folder.display(), seen.len());
    }
    seen.sort();
    Ok(Some(seen))
}

fn read(seen: &Seen) -> anyhow::Result<RuleFiles> {
    let (mut files, mut room) = (Vec::new(), BYTES_MAX);
    for (path, ..) in seen {
        let mut text = String::new();
        let file = fs::File::open(path).and_then(|file| file.take(room + 1).read_to_string(&mut text));
        file.with_context(|| format!("cannot read {}", path.display()))?;
        room = room.checked_sub(text.len() as u64).with_context(|| {
            format!("{}: the rule files have more than {BYTES_MAX} bytes together", path.display())
        })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, text));
    }
    Ok(RuleFiles::new(files))
}

/// Every file by itself and all together, on the partitions that there are.
fn check(files: &RuleFiles, partitions: &Partitions) -> anyhow::Result<RuleSet> {
    let rules = files.parse().map_err(anyhow::Error::msg)?;
    match rules.beyond_one_island(partitions.placement).as_slice() {
        [] => Ok(rules),
        [first, ..] => bail!("rule {first}"),
    }
}

/// What the files of a folder say together, wherever they are going to be used.
pub(crate) fn of_folder(folder: &Path) -> anyhow::Result<RuleSet> {
    let Some(seen) = list(folder)? else { return Ok(RuleSet::default()) };
    read(&seen)?.parse().map_err(anyhow::Error::msg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rule_files_are_read_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yaml", "a.test.yaml", ".hidden.yaml", "notes.txt"] {
            fs::write(dir.path().join(name), format!("# {name}")).unwrap();
        }
        let files = read(&list(dir.path()).unwrap().unwrap()).unwrap();
        let names: Vec<&str> = files.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, files.files[0].1.as_str()), (vec!["a.yaml", "b.yaml"], "# a.yaml"));
        assert_eq!(list(&dir.path().join("none")).unwrap(), None);
    }

    #[test]
    fn a_version_is_that_of_the_content() {
        let version = |files: &[(&str, &str)]| {
            RuleFiles::new(files.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect())
                .version
        };
        assert_eq!(version(&[("a", "x"), ("b", "y")]), version(&[("b", "y"), ("a", "x")]));
        assert_ne!(version(&[("a", "x")]), version(&[("a", "y")]));
        assert_ne!(version(&[("a", "bx")]), version(&[("ab", "x")]));
        assert_eq!(version(&[]), 0);
    }

    #[test]
    fn too_much_is_refused_with_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let half = "#".repeat(BYTES_MAX as usize / 2 + 1);
        fs::write(dir.path().join("a.yaml"), &half).unwrap();
        fs::write(dir.path().join("b.yaml"), &half).unwrap();
        let why = read(&list(dir.path()).unwrap().unwrap()).unwrap_err().to_string();
        assert!(why.contains("b.yaml: the rule files have more than 1048576 bytes"), "{why}");
        for at in 0..FILES_MAX {
            fs::write(dir.path().join(format!("{at}.yaml")), "").unwrap();
        }
        let why = list(dir.path()).unwrap_err().to_string();
        assert!(why.contains("has 102 rule files, at most 100"), "{why}");
    }
}
