//! Tells an Alertmanager what fires, and what is over.
//!
//! In:    what fires on all partitions, as of their last seals; the receiver's answers.
//! Out:   `POST /api/v2/alerts`, everything that fires again each minute, as Alertmanager wants it.
//! Kept:  what it was told and not yet told to be over.
//! Lost on a crash: that; then `endsAt`, which was sent along, ends what is not repeated.
//! Never: two requests at once (so the order of an alert's turns is kept), a silence of ours: it has its own, and would take one
//!        of ours for an end.
//!
//! An alert is named by its labels and the minute in which it fired, which a retry does not change, so a receiver drops
//! repeats by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use alerts::{AlertName, Firing, Texts};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::EVERY;
use crate::serve::ended;
use crate::webhook::Post;

/// What fires is told again after as long.
const REPEAT: Duration = Duration::from_secs(60);
/// An alert that is not repeated for so long ends by itself: five repeats may be lost.
const ENDS_AFTER: Duration = Duration::from_secs(5 * 60 + 30);
const TIMEOUT: Duration = Duration::from_secs(10);
/// After refusals: a second, doubled up to a minute.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Alerts of one request: at 1 KiB each far below what Alertmanager takes.
const BATCH: usize = 500;
/// What fires, by its name, and its annotations.
type Posts = BTreeMap<AlertName, Texts>;

/// What the receiver knows, and what it has to be told. No I/O.
#[derive(Debug, Default)]
struct Book {
    /// Told to fire, and not told to be over.
    told: Posts,
}

/// Runs until the word to end.
pub(super) async fn keep(url: String, firing: watch::Receiver<Arc<Firing>>, stopped: watch::Receiver<()>) {
    let mut ended = std::pin::pin!(ended(stopped));
    let (mut book, mut wait, mut repeat_at) = (Book::default(), EVERY, SystemTime::UNIX_EPOCH);
    let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
    loop {
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(wait) => {}
        }
        let (now, firing) = (SystemTime::now(), Arc::clone(&firing.borrow()));
        // A clock that was set back must not hold up what is due.
        let repeats = now >= repeat_at || repeat_at.duration_since(now).is_ok_and(|left| left > REPEAT);
        let due = book.due(&firing, repeats);
        let sent = send(&url, due, now, &mut book).await;
        wait = match sent {
            Ok(()) => EVERY,
            Err(why) => {
                tracing::warn!(%why, "alertmanager was not told: it will be");
                (wait * 2).min(BACKOFF_MAX)
            }
        };
        if repeats && wait == EVERY {
            repeat_at = now + REPEAT;
        }
    }
}

// === impl Book ===

/// Alerts to be told, and whether they fire.
type Due = Vec<(AlertName, Texts, bool)>;

impl Book {
    /// First what is over, then what is new; and what fires once more when it is time to repeat.
    fn due(&self, firing: &Firing, repeats: bool) -> Due {
        let over = self.told.iter().filter(|(name, _)| firing.all && !firing.alerts.contains_key(*name));
        let over = over.map(|(name, annotations)| (name.clone(), annotations.clone(), false));
        let fires = firing.alerts.iter().filter(|(name, _)| repeats || !self.told.contains_key(*name));
        over.chain(fires.map(|(name, annotations)| (name.clone(), annotations.clone(), true))).collect()
    }

    /// The receiver has taken these.
    fn taken(&mut self, told: Due) {
        for (name, annotations, fires) in told {
            if fires {
                self.told.insert(name, annotations);
            } else {
                self.told.remove(&name);
            }
        }
    }
}

/// Batch after batch; the first that is not taken ends it, and what was taken stays taken.
async fn send(url: &str, mut due: Due, now: SystemTime, book: &mut Book) -> Result<(), String> {
    while !due.is_empty() {
        let rest = due.split_off(due.len().min(BATCH));
        let body = Value::Array(due.iter().map(|one| to_json(one, now)).collect());
        let url = url.to_owned();
        let post = move || Post { url: &url, body: &body, timeout: TIMEOUT, signed: None, ca: None }.send();
        let posted = tokio::task::spawn_blocking(post).await;
        posted.map_err(|why| why.to_string())??;
        book.taken(due);
        due = rest;
    }
    Ok(())
}

fn to_json((name, annotations, fires): &(AlertName, Texts, bool), now: SystemTime) -> Value {
    let ends_at = if *fires { now + ENDS_AFTER } else { now };
    json!({
        "labels": name.labels,
        "annotations": annotations,
        "startsAt": name.starts_at,
        "endsAt": humantime::format_rfc3339_seconds(ends_at).to_string(),
    })
}

#[cfg(test)]
mod tests;
