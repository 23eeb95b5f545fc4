//! Who is told what fires: an Alertmanager, and receivers of webhooks.
//!
//! ```text
//! Views ─▶ firing ──┬─▶ alertmanager ─▶ POST /api/v2/alerts
//!                   └─▶ a courier for each receiver ─▶ signed POST
//!                             ▲ receivers: the file          ▲ quiet_book: silences, acknowledgements, maintenance
//! ```
//!
//! What happens at an island's seal is seen within a second; nothing here can hold an island up.

mod alertmanager;
pub(crate) mod api;
mod book_file;
pub(crate) mod courier;
pub(crate) mod firing;
mod quiet_book;
pub(crate) mod receivers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alerts::{Book, Count, Firing};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::quiet_book::QuietBook;
pub(crate) use self::quiet_book::{QuietNow, Why};
use super::partitions::Partitions;
use super::unix_now;

/// How often Views and files are looked at, so a notification leaves within about a second of its seal.
const EVERY: Duration = Duration::from_secs(1);

/// What the doors and those who tell share.
#[derive(Debug)]
pub(crate) struct Notifier {
    pub(crate) quiet: Arc<QuietBook>,
    /// Of the receivers' books.
    folder: PathBuf,
    by_name: Mutex<BTreeMap<String, Arc<Mutex<Status>>>>,
    /// Why the file that is there now is not used.
    refused: Mutex<Option<String>>,
    firing: watch::Sender<Arc<Firing>>,
}

/// How one receiver does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(super) told: usize,
    pub(super) count: Count,
    /// Since when it has not taken anything, and what it said last.
    pub(super) failing: Option<(u64, String)>,
}

// === impl Notifier ===

impl Notifier {
    pub(crate) fn open(data: &Path) -> Self {
        let folder = data.join("notify");
        Self {
            quiet: Arc::new(QuietBook::open(folder.join("quiet.json"))),
            folder: folder.join("receivers"),
            by_name: Mutex::default(),
            refused: Mutex::default(),
            firing: watch::channel(Arc::default()).0,
        }
    }

    /// Of all receivers, by name.
    pub(crate) fn statuses(&self) -> Vec<(String, Status)> {
        self.by_name.lock().iter().map(|(name, status)| (name.clone(), status.lock().clone())).collect()
    }

    /// Runs until the word to end.
    pub(super) async fn run(
        self: Arc<Self>,
        partitions: Arc<Partitions>,
        file: Option<PathBuf>,
        alertmanager: Option<String>,
        stopped: watch::Receiver<()>,
    ) {
        let mut tasks = JoinSet::new();
        tasks.spawn(firing::keep(partitions, self.firing.clone(), stopped.clone()));
        if let Some(url) = alertmanager {
            tasks.spawn(alertmanager::keep(url, self.firing.subscribe(), stopped.clone()));
        }
        if let Some(file) = file {
            tasks.spawn(receivers::keep(Arc::clone(&self), file, stopped.clone()));
            tasks.spawn(tidy(self, stopped));
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// What is acknowledged and over is forgotten.
async fn tidy(notifier: Arc<Notifier>, stopped: watch::Receiver<()>) {
    let (mut ended, mut firing) = (std::pin::pin!(super::ended(stopped)), notifier.firing.subscribe());
    loop {
        tokio::select! {
            () = &mut ended => return,
            _ = firing.changed() => {}
        }
        let (quiet, firing) = (Arc::clone(&notifier.quiet), Arc::clone(&firing.borrow_and_update()));
        let tidied = tokio::task::spawn_blocking(move || quiet.tidy(&firing)).await;
        if let Ok(Err(why)) = tidied {
            tracing::warn!(why = format!("{why:#}"), "silences and acknowledgements cannot be saved");
        }
    }
}

// === impl Status ===

impl Status {
    fn of(book: &Book) -> Self {
        Self { told: book.told(), count: book.count(), failing: None }
    }

    fn answered(&mut self, book: &Book, refused: Option<&String>) {
        let since = self.failing.as_ref().map_or_else(unix_now, |(since, _)| *since);
        *self = Self { failing: refused.map(|why| (since, why.clone())), ..Self::of(book) };
    }
}
