//! What can go wrong with the disk and with what lies on it.

use std::path::PathBuf;

use model::LocalId;
use thiserror::Error;

/// Nothing was changed by the call that says so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Another process, or this one, has it open.
    #[error("{} is in use by another process: stop that process, or choose another data directory", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The store's own files do not fit together.
    #[error("{} is corrupt ({why}): restore this directory from a backup", dir.display())]
    Corrupt {
        /// The data directory.
        dir: PathBuf,
        /// In RocksDB's words.
        why: String,
    },
    /// The disk said no.
    #[error("cannot {doing} {}: {why}; check that the disk is mounted, writable and has room", dir.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The data directory.
        dir: PathBuf,
        /// In RocksDB's words.
        why: String,
    },
    /// One value is damaged; all others can still be read.
    #[error("{what} is damaged ({why}): restore it from a backup, or delete it and accept the gap")]
    Damaged {
        /// Which one.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// It lies in the object store, which cannot be asked now.
    #[error("{what}: {why}")]
    Cold {
        /// Which one.
        what: String,
        /// In the object store's words, with what to do.
        why: String,
    },
    /// Written by a newer version.
    #[error("{what} has format version {found}, this build reads up to {known}: run the newer version")]
    Version {
        /// Which one.
        what: String,
        /// The version found.
        found: u8,
        /// The newest that this build reads.
        known: u8,
    },
    /// Rows of a block ascend by local id.
    #[error("BUG: row {id} of a slab block came after row {before}: push rows in ascending order, once each")]
    Order {
        /// The row before.
        before: LocalId,
        /// The one that came.
        id: LocalId,
    },
    /// More than one value of the store can hold.
    #[error(
        "a slab block of {rows} rows takes {bytes} bytes, at most {rows_max} rows and {bytes_max} bytes fit: spread the metric over more partitions"
    )]
    TooLarge {
        /// Rows in the block.
        rows: usize,
        /// What they take.
        bytes: usize,
        /// The limit on rows.
        rows_max: usize,
        /// The limit on bytes.
        bytes_max: usize,
    },
    /// The simulated machine is down; see [`crate::MemoryKv::restart`].
    #[error("the simulated disk has crashed: restart it")]
    Crashed,
}

// === impl StoreError ===

impl StoreError {
    /// Nothing more can be read from or written to this disk. Any other error is of what was asked for alone.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Io { .. } | Self::Crashed)
    }

    /// What lies on the disk is not what was written: it can be passed over.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Damaged { .. })
    }

    /// A value that cannot be what was written.
    pub(crate) fn damaged(what: impl Into<String>, why: &(impl ToString + ?Sized)) -> Self {
        Self::Damaged { what: what.into(), why: why.to_string() }
    }

    /// A page that is not here.
    pub(crate) fn cold(what: &impl ToString) -> impl Fn(&str) -> Self {
        let what = what.to_string();
        move |why| Self::Cold { what: what.clone(), why: why.to_owned() }
    }

    /// The same, of a part of something whose name only the caller knows.
    pub(crate) fn within(self, whole: impl FnOnce() -> String) -> Self {
        match self {
            Self::Damaged { what, why } => Self::Damaged { what: format!("{what} of {}", whole()), why },
            Self::Cold { what, why } => Self::Cold { what: format!("{}, {what}", whole()), why },
            Self::Version { what, found, known } => {
                Self::Version { what: format!("{what} of {}", whole()), found, known }
            }
            other => other,
        }
    }
}
