//! What is kept quiet now: silences and acknowledgements, which are saved, and the maintenance that the file of receivers names.

use std::path::PathBuf;
use std::sync::Arc;

use alerts::{Acknowledged, AlertName, Firing, Maintenance, NotifyFile, Quiet, Silence};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::book_file;
use crate::serve::unix_now;

/// Shared by whoever tells, asks and changes.
#[derive(Debug)]
pub(crate) struct QuietBook {
    path: PathBuf,
    quiet: Mutex<Arc<Quiet>>,
    file: Mutex<Arc<NotifyFile>>,
}

/// As of one moment.
#[derive(Clone, Debug)]
pub(crate) struct QuietNow {
    pub(super) quiet: Arc<Quiet>,
    pub(super) file: Arc<NotifyFile>,
    pub(super) now: u64,
}

/// Why an alert is not told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Why<'a> {
    Silence(u64, &'a Silence),
    Maintenance(&'a Maintenance),
    Acknowledged(&'a Acknowledged),
}

// === impl QuietBook ===

impl QuietBook {
    pub(super) fn open(path: PathBuf) -> Self {
        let quiet = book_file::load(&path);
        Self { path, quiet: Mutex::new(Arc::new(quiet)), file: Mutex::default() }
    }

    pub(crate) fn now(&self) -> QuietNow {
        let (quiet, file) = (Arc::clone(&self.quiet.lock()), Arc::clone(&self.file.lock()));
        QuietNow { quiet, file, now: unix_now() }
    }

    pub(super) fn hold(&self, file: NotifyFile) -> Arc<NotifyFile> {
        let mut held = self.file.lock();
        *held = Arc::new(file);
        Arc::clone(&held)
    }

    /// Without what is over. Blocks.
    pub(super) fn tidy(&self, firing: &Firing) -> anyhow::Result<()> {
        let mut held = self.quiet.lock();
        let mut quiet = Quiet::clone(&held);
        if quiet.tidy(firing, unix_now()) {
            book_file::save(&self.path, &quiet)?;
            *held = Arc::new(quiet);
        }
        Ok(())
    }

    /// One change, which is durable when it counts. Blocks.
    pub(super) fn change<T, E: From<anyhow::Error>>(
        &self,
        change: impl FnOnce(&mut Quiet) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut held = self.quiet.lock();
        let mut quiet = Quiet::clone(&held);
        let done = change(&mut quiet)?;
        book_file::save(&self.path, &quiet)?;
        *held = Arc::new(quiet);
        Ok(done)
    }
}

// === impl QuietNow ===

impl QuietNow {
    /// The first reason that there is.
    pub(crate) fn why(&self, alert: &AlertName) -> Option<Why<'_>> {
        let silence = || self.quiet.silenced(alert, self.now).map(|(id, one)| Why::Silence(id, one));
        let maintenance = || self.file.maintained(alert, self.now).map(Why::Maintenance);
        let acknowledged = || self.quiet.acknowledged(alert).map(Why::Acknowledged);
        silence().or_else(maintenance).or_else(acknowledged)
    }
}

// === impl Why ===

impl Why<'_> {
    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::Silence(id, one) => {
                json!({"why": "silence", "id": id, "until": one.ends, "by": one.by, "comment": one.comment})
            }
            Self::Maintenance(one) => json!({"why": "maintenance", "name": one.name}),
            Self::Acknowledged(one) => {
                json!({"why": "acknowledged", "at": one.at, "by": one.by, "comment": one.comment})
            }
        }
    }
}
