//! Tells an Alertmanager what fires, and what is over.
//!
//! In:    the alerts of all partitions, as of their last seals; the receiver's answers.
//! Out:   `POST /api/v2/alerts`, everything that fires again each minute, as Alertmanager wants it.
//! Kept:  what it was told and not yet told to be over.
//! Lost on a crash: that; then `endsAt`, which was sent along, ends what is not repeated.
//! Never: a redirect followed, a reply of more than 64 KiB read, two requests at once (so the order of an alert's turns
//!        is kept), a wait that holds up an island: it reads Views.
//!
//! An alert is named by its labels and the minute in which it fired, which a retry does not change, so a receiver drops
//! repeats by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use alerts::Texts;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::alerts::rfc3339;
use super::ended;
use super::partitions::Partitions;

/// How often Views are looked at, so a notification leaves within about a second of its seal.
const EVERY: Duration = Duration::from_secs(1);
/// What fires is told again after as long.
const REPEAT: Duration = Duration::from_secs(60);
/// An alert that is not repeated for so long ends by itself: five repeats may be lost.
const ENDS_AFTER: Duration = Duration::from_secs(5 * 60 + 30);
const TIMEOUT: Duration = Duration::from_secs(10);
/// After refusals: a second, doubled up to a minute.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Alerts of one request: at 1 KiB each far below what Alertmanager takes.
const BATCH: usize = 500;
/// Alerts that are told at all. Nobody acts on more, and 100 MB would wait for a receiver that is down.
const TOLD_MAX: usize = 20_000;
const REPLY_BYTES_MAX: u64 = 64 << 10;

/// What an alert is told as.
#[derive(Clone, Debug, PartialEq)]
struct Post {
    annotations: Texts,
    starts_at: String,
}

/// By labels and start, which name an alert.
type Posts = BTreeMap<(Texts, String), Post>;

/// What fires.
#[derive(Debug)]
struct Firing {
    posts: Posts,
    /// No more does. Else one that is not among them may have lost its place, and is not over.
    all: bool,
}

/// What the receiver knows, and what it has to be told. No I/O.
#[derive(Debug, Default)]
struct Book {
    /// Told to fire, and not told to be over.
    told: Posts,
}

/// Runs until the word to end.
pub(super) async fn keep(partitions: Arc<Partitions>, url: String, stopped: watch::Receiver<()>) {
    let mut ended = std::pin::pin!(ended(stopped));
    let (mut book, mut wait, mut repeat_at) = (Book::default(), EVERY, SystemTime::UNIX_EPOCH);
    let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
    loop {
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(wait) => {}
        }
        let (now, firing) = (SystemTime::now(), firing(&partitions));
        // A clock that was set back must not hold up what is due.
        let repeats = now >= repeat_at || repeat_at.duration_since(now).is_ok_and(|left| left > REPEAT);
        let due = book.due(&firing, repeats);
        let sent = send(&url, due, now, &mut book).await;
        wait = match sent {
            Ok(()) => EVERY,
            Err(why) => {
                tracing::warn!(%url, %why, "alertmanager was not told: it will be");
                (wait * 2).min(BACKOFF_MAX)
            }
        };
        if repeats && wait == EVERY {
            repeat_at = now + REPEAT;
        }
    }
}

/// Everything that fires on any partition, as far as there is room.
fn firing(partitions: &Partitions) -> Firing {
    let mut firing = Firing { posts: Posts::new(), all: true };
    for view in partitions.islands().iter().map(aggregator::IslandHandle::view) {
        firing.all &= view.alerts.left_out == 0;
        for alert in view.alerts.shown.iter().filter(|alert| alert.is_firing()) {
            if firing.posts.len() >= TOLD_MAX {
                firing.all = false;
                break;
            }
            let Some(fired) = alert.fired else { continue };
            let starts_at = rfc3339(fired);
            let labels = alert.rule.label_texts(alert.tier, &alert.dims);
            let minute = view.sealed_through.unwrap_or(fired);
            let annotations = alert.rule.annotation_texts(alert.tier, &alert.dims, minute, alert.value);
            firing.posts.insert((labels, starts_at.clone()), Post { annotations, starts_at });
        }
    }
    firing
}

// === impl Book ===

/// One alert to be told, and whether it fires.
type Due = Vec<((Texts, String), Post, bool)>;

impl Book {
    /// First what is over, then what is new; and what fires once more when it is time to repeat.
    fn due(&self, firing: &Firing, repeats: bool) -> Due {
        let over = self.told.iter().filter(|(name, _)| firing.all && !firing.posts.contains_key(*name));
        let over = over.map(|(name, post)| (name.clone(), post.clone(), false));
        let fires = firing.posts.iter().filter(|(name, _)| repeats || !self.told.contains_key(*name));
        over.chain(fires.map(|(name, post)| (name.clone(), post.clone(), true))).collect()
    }

    /// The receiver has taken these.
    fn taken(&mut self, told: Due) {
        for (name, post, fires) in told {
            if fires {
                self.told.insert(name, post);
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
        let posted = tokio::task::spawn_blocking(move || post(&url, &body)).await;
        posted.map_err(|why| why.to_string())??;
        book.taken(due);
        due = rest;
    }
    Ok(())
}

fn to_json(((labels, _), post, fires): &((Texts, String), Post, bool), now: SystemTime) -> Value {
    let ends_at = if *fires { now + ENDS_AFTER } else { now };
    json!({
        "labels": labels,
        "annotations": post.annotations,
        "startsAt": post.starts_at,
        "endsAt": humantime::format_rfc3339_seconds(ends_at).to_string(),
    })
}

/// 2xx is taken; anything else, a redirect among it, is not.
fn post(url: &str, body: &Value) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build()
        .into();
    let mut reply = agent.post(url).send_json(body).map_err(|why| why.to_string())?;
    if reply.status().is_success() {
        return Ok(());
    }
    let text = reply.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_string().unwrap_or_default();
    let said: String = text.chars().filter(|one| !one.is_control()).take(200).collect();
    Err(format!("it answered {}: {said}", reply.status()))
}

#[cfg(test)]
mod tests;
