//! Tells one receiver, one notification after the other.
//!
//! In:    what fires; what is kept quiet; the receiver's answers.
//! Out:   signed POSTs.
//! Kept:  the book, saved before each first try and after each answer. So a crash sends the same again under the same id, and what is
//!        over by then is still told.
//! Never: another receiver held up, an address or a key in a log.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alerts::{AlertName, Book, Firing, Look, Notification, Receiver, Target, check_url};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::quiet_book::QuietBook;
use super::{EVERY, Status, book_file};
use crate::serve::ended;
use crate::webhook::{Key, Post, Signed};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Notifications that follow one another before others have a look.
const RUN_MAX: usize = 100;

/// Who tells one receiver.
pub(super) struct Courier {
    pub(super) receiver: Receiver,
    pub(super) book: Book,
    pub(super) path: PathBuf,
    pub(super) quiet: Arc<QuietBook>,
    pub(super) status: Arc<Mutex<Status>>,
}

// === impl Courier ===

impl Courier {
    /// Runs until the word to end.
    pub(super) async fn run(mut self, firing: watch::Receiver<Arc<Firing>>, stopped: watch::Receiver<()>) {
        let mut ended = std::pin::pin!(ended(stopped));
        loop {
            tokio::select! {
                () = &mut ended => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            for _ in 0..RUN_MAX {
                let firing = Arc::clone(&firing.borrow());
                if !self.tell(&firing).await {
                    break;
                }
            }
        }
    }

    /// One notification, if one is due; was it taken?
    async fn tell(&mut self, firing: &Firing) -> bool {
        let quiet = self.quiet.now();
        let is_quiet = |alert: &AlertName| quiet.why(alert).is_some();
        let due = self.book.due(&self.receiver, Look { now_ms: unix_ms(), firing, is_quiet: &is_quiet });
        let Some(notification) = due.cloned() else { return false };
        self.save();
        let sent = send(self.receiver.target.clone(), notification).await;
        match &sent {
            Ok(()) => self.book.taken(unix_ms()),
            Err(why) => {
                tracing::warn!(receiver = self.receiver.name, %why, "a receiver was not told: it will be");
                self.book.failed(unix_ms());
            }
        }
        self.status.lock().answered(&self.book, sent.as_ref().err());
        self.save();
        sent.is_ok()
    }

    /// A disk without room must not keep an alert from being told.
    fn save(&self) {
        if let Err(why) = book_file::save(&self.path, &self.book) {
            tracing::warn!(
                receiver = self.receiver.name,
                why = format!("{why:#}"),
                "what was told is not saved: a restart may tell it again"
            );
        }
    }
}

async fn send(target: Target, notification: Notification) -> Result<(), String> {
    let sent = tokio::task::spawn_blocking(move || send_now(&target, &notification)).await;
    sent.map_err(|why| why.to_string())?
}

/// With what the files hold now. Blocks.
pub(crate) fn send_now(target: &Target, notification: &Notification) -> Result<(), String> {
    let read = |path: &String| fs::read_to_string(path).map_err(|why| format!("cannot read {path}: {why}"));
    let url = match &target.url {
        Ok(url) => url.clone(),
        Err(path) => check_url(read(path)?.trim()).map_err(|why| format!("{path}: {why}"))?.to_owned(),
    };
    let of_key = |path: &String| Key::parse(&read(path)?).map_err(|why| format!("{path}: {why}"));
    let key = target.secret_file.as_ref().map(of_key).transpose()?;
    let ca = target.ca_file.as_ref().map(read).transpose()?;
    Post {
        url: &url,
        body: &notification.body,
        timeout: TIMEOUT,
        signed: Some(Signed { id: &notification.id, key: key.as_ref() }),
        ca: ca.as_ref().map(String::as_bytes),
    }
    .send()
}

fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
