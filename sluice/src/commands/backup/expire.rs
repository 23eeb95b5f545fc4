//! `--keep N`: the oldest backups go, and the objects that no other backup shares.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use store::objects::{Objects, TRANSFERS_MAX, in_parallel};

use super::manifest::{Manifest, names};

/// What no manifest names may be on its way into one, if it is younger than this.
const UNNAMED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Leaves the newest `keep`. First the manifests go, then the objects: a crash in between leaves objects, which the next
/// call finds.
pub(super) fn expire(objects: &Objects, keep: usize) -> anyhow::Result<Vec<String>> {
    let mut expired = names(objects)?;
    let kept = expired.split_off(expired.len().saturating_sub(keep));
    let named_by = |names: &[String]| -> anyhow::Result<HashSet<String>> {
        let mut all = HashSet::new();
        for name in names {
            all.extend(Manifest::read(objects, name)?.files().map(|(_, file)| file.object()));
        }
        Ok(all)
    };
    // A kept backup that cannot be read must not lose its objects, so this ends here; one that goes may be damaged.
    let kept = named_by(&kept)?;
    let gone: HashSet<String> = expired
        .iter()
        .filter_map(|name| Manifest::read(objects, name).ok())
        .flat_map(|manifest| manifest.files().map(|(_, file)| file.object()).collect::<Vec<_>>())
        .collect();
    expired.iter().try_for_each(|name| Manifest::delete(objects, name))?;

    let old = SystemTime::now() - UNNAMED_FOR;
    let unshared = objects
        .list("objects")?
        .into_iter()
        .filter(|info| !kept.contains(&info.name) && (gone.contains(&info.name) || info.modified < old));
    in_parallel(TRANSFERS_MAX, unshared, |info| objects.delete(&info.name))?;
    Ok(expired)
}
