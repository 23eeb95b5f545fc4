//! Why a log could not be opened.

use std::io;
use std::path::{Path, PathBuf};

/// Why a log could not be opened. Nothing was changed on the disk, unless the error is the disk's own.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Durable data is not what was written. Nothing is skipped: that would be a silent loss.
    #[error("{}: damaged at byte {position}: {reason}; restore this file from a copy", file.display())]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Where the first bad byte may be.
        position: u64,
        /// What is wrong there.
        reason: String,
    },
    /// Written by a later Sluice.
    #[error(
        "{}: has format version {version}, this program reads up to {supported}; use the newer program",
        file.display()
    )]
    NewerFormat {
        /// The segment.
        file: PathBuf,
        /// What it says.
        version: u32,
        /// What we know.
        supported: u32,
    },
    /// The disk refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The configuration cannot work.
    #[error("{field} {reason}")]
    Config {
        /// Which field.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
}

impl OpenError {
    /// For `map_err`: names the file and what was tried.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }
}
