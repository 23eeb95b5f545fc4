//! One notification: which alerts turned, in the words of its receiver.
//!
//! The default body is that of Alertmanager's webhooks (version 4), which receivers everywhere read already.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::alert::AlertName;
use super::file::Receiver;
use crate::texts::Texts;

/// What an alert that fires has as its end, in Alertmanager's form.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// One alert of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub name: AlertName,
    /// As they were last seen.
    pub annotations: Texts,
    /// When it was seen to be over, as RFC 3339; `None` while it fires.
    pub ends_at: Option<String>,
}

/// Alerts of one group that turned, or fire still: one request to its receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The same in every try, so that a receiver drops repeats.
    pub id: String,
    /// The labels that its alerts share because they are grouped by them.
    pub group: Texts,
    /// At least one.
    pub entries: Vec<Entry>,
    /// What is sent, the same in every try.
    pub body: Value,
    /// When it was made.
    pub(super) built_ms: u64,
    /// Nothing else of this group was to be told then.
    pub(super) is_last: bool,
}

/// What a notification is about, before it is put into words.
#[derive(Debug)]
pub(super) struct News<'a> {
    pub(super) receiver: &'a Receiver,
    pub(super) group: &'a Texts,
    pub(super) entries: &'a [Entry],
    /// Some alert of the group fires, whether it is among these or not.
    pub(super) fires: bool,
}

// === impl Notification ===

impl Notification {
    /// One that says it is a test, as this receiver would get it.
    #[must_use]
    pub fn sample(receiver: &Receiver, now_ms: u64) -> Self {
        let words = [("alertname", "test"), ("account", "default"), ("severity", "none")];
        let texts = |words: &[(&str, &str)]| {
            words.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Texts>()
        };
        let name = AlertName { labels: texts(&words), starts_at: rfc3339(now_ms) };
        let annotations = texts(&[("summary", "this is a test of the receiver, nothing is wrong")]);
        let (group, entries) = (receiver.group(&name), vec![Entry { name, annotations, ends_at: None }]);
        let news = News { receiver, group: &group, entries: &entries, fires: true };
        let (id, body) = (news.id(now_ms), news.body());
        Self { id, group, entries, body, built_ms: now_ms, is_last: true }
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn status(&self) -> &'static str {
        status(self.ends_at.is_none())
    }

    fn to_json(&self) -> Value {
        json!({
            "status": self.status(),
            "labels": self.name.labels,
            "annotations": self.annotations,
            "startsAt": self.name.starts_at,
            "endsAt": self.ends_at.as_deref().unwrap_or(NO_END),
            "generatorURL": "",
            "fingerprint": self.name.fingerprint(),
        })
    }

    /// About as many bytes as it takes in a body.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.name.labels.iter().chain(&self.annotations);
        texts.map(|(name, value)| name.len() + value.len() + 8).sum::<usize>() + 256
    }
}

// === impl News ===

impl News<'_> {
    pub(super) fn status(&self) -> &'static str {
        status(self.fires)
    }

    /// What all of its alerts have alike.
    pub(super) fn common(&self, of: impl Fn(&Entry) -> &Texts) -> Texts {
        let Some((first, rest)) = self.entries.split_first() else { return Texts::new() };
        let shared =
            |(name, value): &(&String, &String)| rest.iter().all(|one| of(one).get(*name) == Some(value));
        of(first).iter().filter(shared).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// By receiver, place in its row, and alerts with their states.
    pub(super) fn id(&self, sequence: u64) -> String {
        let mut text = format!("{}\n{sequence}\n", self.receiver.name);
        for one in self.entries {
            text.push_str(&format!("{} {} {}\n", one.name.fingerprint(), one.name.starts_at, one.status()));
        }
        format!("msg_{:032x}", xxh3_128(text.as_bytes()))
    }

    pub(super) fn body(&self) -> Value {
        self.receiver.body.as_ref().map_or_else(|| self.webhook_v4(), |template| template.fill(self))
    }

    fn webhook_v4(&self) -> Value {
        json!({
            "version": "4",
            "groupKey": group_key(&self.receiver.name, self.group),
            "truncatedAlerts": 0,
            "status": self.status(),
            "receiver": self.receiver.name,
            "groupLabels": self.group,
            "commonLabels": self.common(|one| &one.name.labels),
            "commonAnnotations": self.common(|one| &one.annotations),
            "externalURL": "",
            "alerts": self.entries.iter().map(Entry::to_json).collect::<Vec<_>>(),
        })
    }
}

fn status(fires: bool) -> &'static str {
    if fires { "firing" } else { "resolved" }
}

/// `ops:{account="shop", alertname="slow"}`: the same for all notifications of a group.
fn group_key(receiver: &str, group: &BTreeMap<String, String>) -> String {
    let labels: Vec<String> = group.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{receiver}:{{{}}}", labels.join(", "))
}

pub(super) fn rfc3339(unix_ms: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(unix_ms)).to_string()
}
