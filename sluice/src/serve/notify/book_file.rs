//! What was told and what is kept quiet, on disk: one file of JSON each, replaced whole.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the file holds; the default when there is none. One that cannot be read is put aside and told, for an alert that is told
/// twice, or in spite of a silence, is better than one that is not.
pub(super) fn load<T: DeserializeOwned + Default>(path: &Path) -> T {
    let read = fs::read(path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    read.unwrap_or_else(|why| {
        if why.kind() != std::io::ErrorKind::NotFound {
            let aside = path.with_extension("damaged");
            let kept = fs::rename(path, &aside).is_ok();
            tracing::error!(file = %path.display(), %why, kept, "it cannot be read, so what it held is forgotten; it is put aside as .damaged");
        }
        T::default()
    })
}

/// Durable when it returns.
pub(super) fn save(path: &Path, content: &impl Serialize) -> anyhow::Result<()> {
    let (folder, new) = (path.parent().unwrap_or(Path::new(".")), path.with_extension("new"));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(content)?)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_what_is_damaged_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/book.json");
        assert!(load::<Vec<u32>>(&path).is_empty());
        save(&path, &vec![1_u32, 2]).unwrap();
        assert_eq!(load::<Vec<u32>>(&path), [1, 2]);
        fs::write(&path, "[1,").unwrap();
        assert!(load::<Vec<u32>>(&path).is_empty());
        assert!(!path.exists() && path.with_extension("damaged").exists());
    }
}
