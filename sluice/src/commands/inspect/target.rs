//! What a path is.

use std::path::{Path, PathBuf};

use super::log::base_of;
use crate::read::AskError;
use crate::serve::data_dir::{partition_dir, partitions};

/// What is to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Segment(PathBuf),
    /// Their folders.
    Partitions(Vec<PathBuf>),
}

// === impl Target ===

impl Target {
    pub(super) fn of(path: &Path, partition: Option<u32>) -> anyhow::Result<Self> {
        if path.join("layout.json").exists() {
            return of_data_dir(path, partition);
        }
        if partition.is_some() {
            return Err(call(format!(
                "--partition goes with a data directory, and {} has no layout.json: leave it out, or give the directory above",
                path.display()
            )));
        }
        if path.join("log").is_dir() || path.join("store").is_dir() {
            return Ok(Self::Partitions(vec![path.to_owned()]));
        }
        if path.is_file() && base_of(path).is_some() {
            return Ok(Self::Segment(path.to_owned()));
        }
        Err(call(format!(
            "{} is neither a data directory (layout.json), a partition's folder (log, store) nor a log segment (20 digits and .log): give one of these",
            path.display()
        )))
    }
}

fn of_data_dir(path: &Path, partition: Option<u32>) -> anyhow::Result<Target> {
    let count = partitions(path)?;
    let wanted = match partition {
        Some(partition) if partition >= count => {
            let last = count.saturating_sub(1);
            return Err(call(format!("--partition {partition}: {} has 0 to {last}", path.display())));
        }
        Some(partition) => partition..partition + 1,
        None => 0..count,
    };
    Ok(Target::Partitions(wanted.map(|partition| partition_dir(path, partition)).collect()))
}

fn call(message: String) -> anyhow::Error {
    AskError::Call(message).into()
}
