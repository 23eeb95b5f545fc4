//! What one receiver was told, and what it has to be told next. One notification at a time, so turns keep their order.
//!
//! ```text
//!            what fires, what is kept quiet
//!                      │  against what was told
//!                      ▼
//!  a group has news ── wait ──▶ under way ── taken ──▶ told
//!                                │    ▲
//!                                └────┘ not taken: the same again after 1 s, 2 s, 4 s … a minute
//!                                 for five minutes: then perhaps told, and what holds by then is told anew
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::alert::{AlertName, Firing};
use super::file::Receiver;
use super::message::{Entry, News, Notification, rfc3339};
use super::pairs;
use crate::limits::{
    BACKOFF_MAX_MS, BACKOFF_MIN_MS, GIVE_UP_AFTER_MS, NOTIFICATION_ALERTS_MAX, NOTIFICATION_BYTES_MAX,
};
use crate::texts::Texts;

/// The state of one receiver. All of it is saved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    /// What fires, as far as the receiver knows.
    #[serde(with = "pairs")]
    told: BTreeMap<AlertName, Told>,
    /// Those with news, and those of which something was told just now.
    #[serde(with = "pairs")]
    groups: BTreeMap<Texts, Group>,
    under_way: Option<Notification>,
    /// Notifications made.
    sequence: u64,
    /// Tries since one was taken.
    failures: u32,
    /// No try before.
    try_at_ms: u64,
    count: Count,
}

/// What became of notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Answered with 2xx.
    pub taken: u64,
    /// Tries that were not.
    pub failed: u64,
    /// Tried for too long, and made anew.
    pub given_up: u64,
}

/// What there is to be told of at one moment.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// When, in unix milliseconds.
    pub now_ms: u64,
    /// What fires.
    pub firing: &'a Firing,
    /// What is not to be told.
    pub is_quiet: &'a dyn Fn(&AlertName) -> bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    annotations: Texts,
    /// It was taken. Else it may have been: its end is told, and its beginning once more.
    sure: bool,
    /// The last time.
    at_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    /// Since when there is news.
    news_ms: Option<u64>,
    /// When all there was had been told.
    told_ms: Option<u64>,
}

/// By group, what the receiver does not know yet.
type ByGroup = BTreeMap<Texts, Vec<Entry>>;

// === impl Book ===

impl Book {
    /// What has to be sent now, if anything: what is under way, else what is due. To be followed by [`Self::taken`] or
    /// [`Self::failed`].
    pub fn due(&mut self, to: &Receiver, look: Look<'_>) -> Option<&Notification> {
        self.heed_clock(look.now_ms);
        if self.under_way.is_none() {
            self.under_way = self.next(to, look);
        }
        self.under_way.as_ref().filter(|_| look.now_ms >= self.try_at_ms)
    }

    /// What is under way was taken.
    pub fn taken(&mut self, now_ms: u64) {
        let Some(taken) = self.under_way.take() else { return };
        for one in taken.entries {
            if one.ends_at.is_some() {
                self.told.remove(&one.name);
            } else {
                self.told.insert(one.name, Told { annotations: one.annotations, sure: true, at_ms: now_ms });
            }
        }
        if let Some(group) = self.groups.get_mut(&taken.group).filter(|_| taken.is_last) {
            *group = Group { news_ms: None, told_ms: Some(now_ms) };
        }
        (self.failures, self.try_at_ms) = (0, 0);
        self.count.taken += 1;
    }

    /// What is under way was not taken, or nobody knows.
    pub fn failed(&mut self, now_ms: u64) {
        let backoff = BACKOFF_MIN_MS << self.failures.min(BACKOFF_MAX_MS.ilog2());
        self.try_at_ms = now_ms + backoff.min(BACKOFF_MAX_MS);
        self.failures = self.failures.saturating_add(1);
        self.count.failed += 1;
        if let Some(old) = self.under_way.take_if(|one| now_ms >= one.built_ms + GIVE_UP_AFTER_MS) {
            for one in old.entries.into_iter().filter(|one| one.ends_at.is_none()) {
                self.told.entry(one.name).or_insert(Told {
                    annotations: one.annotations,
                    sure: false,
                    at_ms: now_ms,
                });
            }
            self.count.given_up += 1;
        }
    }

    /// Alerts that the receiver believes to fire.
    #[must_use]
    pub fn told(&self) -> usize {
        self.told.len()
    }

    /// What became of notifications so far.
    #[must_use]
    pub fn count(&self) -> Count {
        self.count
    }

    /// A clock that was set back must not hold up what is due.
    fn heed_clock(&mut self, now_ms: u64) {
        self.try_at_ms = self.try_at_ms.min(now_ms + BACKOFF_MAX_MS);
        if let Some(one) = &mut self.under_way {
            one.built_ms = one.built_ms.min(now_ms);
        }
        for state in self.groups.values_mut() {
            state.news_ms = state.news_ms.map(|at| at.min(now_ms));
            state.told_ms = state.told_ms.map(|at| at.min(now_ms));
        }
    }

    /// The group whose turn it is, and what of it is told in one notification.
    fn next(&mut self, to: &Receiver, look: Look<'_>) -> Option<Notification> {
        let now_ms = look.now_ms;
        let news = self.news(to, look);
        let holds_back = |state: &Group| state.told_ms.is_some_and(|told| now_ms < told + to.interval_ms);
        self.groups.retain(|group, state| news.contains_key(group) || holds_back(state));
        for (group, state) in &mut self.groups {
            state.news_ms = state.news_ms.filter(|_| news.contains_key(group));
        }
        for group in news.keys() {
            self.groups.entry(group.clone()).or_default().news_ms.get_or_insert(now_ms);
        }
        let longest = self.groups.iter().filter_map(|(group, state)| Some((state.due_ms(to)?, group)));
        match longest.min().filter(|(due_ms, _)| *due_ms <= now_ms) {
            Some((_, group)) => {
                let (group, entries) = (group.clone(), news.get(group)?.clone());
                Some(self.build(now_ms, to, group, entries))
            }
            None => self.again(to, look),
        }
    }

    /// By group, what the receiver does not know yet: first what is over.
    fn news(&mut self, to: &Receiver, look: Look<'_>) -> ByGroup {
        let (firing, mut news) = (look.firing, ByGroup::new());
        if firing.all && !to.resolved {
            self.told.retain(|name, _| firing.alerts.contains_key(name));
        }
        for (name, told) in
            self.told.iter().filter(|(name, _)| firing.all && !firing.alerts.contains_key(*name))
        {
            let (name, annotations) = (name.clone(), told.annotations.clone());
            news.entry(to.group(&name)).or_default().push(Entry {
                name,
                annotations,
                ends_at: Some(rfc3339(look.now_ms)),
            });
        }
        for (name, annotations) in &firing.alerts {
            let known = self.told.get(name).is_some_and(|told| told.sure);
            if !known && name.is_in(&to.filter) && !(look.is_quiet)(name) {
                let (name, annotations) = (name.clone(), annotations.clone());
                news.entry(to.group(&name)).or_default().push(Entry { name, annotations, ends_at: None });
            }
        }
        news
    }

    /// A group of which something was told long ago and fires still, with what else of it was told not much later.
    fn again(&mut self, to: &Receiver, look: Look<'_>) -> Option<Notification> {
        let still = |(name, told): &(&AlertName, &Told), age_ms: u64| {
            let is_old = told.sure && look.now_ms >= told.at_ms + age_ms;
            is_old && look.firing.alerts.contains_key(*name) && !(look.is_quiet)(name)
        };
        let group = to.group(self.told.iter().find(|one| still(one, to.repeat_ms))?.0);
        let of_it = |one: &(&AlertName, &Told)| to.group(one.0) == group && still(one, to.repeat_ms / 2);
        let entry = |(name, _): (&AlertName, &Told)| {
            let annotations = look.firing.alerts.get(name)?.clone();
            Some(Entry { name: name.clone(), annotations, ends_at: None })
        };
        let entries = self.told.iter().filter(of_it).filter_map(entry).collect();
        Some(self.build(look.now_ms, to, group, entries))
    }

    /// As much of it as one notification holds.
    fn build(&mut self, now_ms: u64, to: &Receiver, group: Texts, mut entries: Vec<Entry>) -> Notification {
        let rest = entries.split_off(room_for(&entries));
        self.sequence += 1;
        let is_over = |name: &AlertName| entries.iter().any(|one| one.name == *name && one.ends_at.is_some());
        let fires = entries.iter().chain(&rest).any(|one| one.ends_at.is_none())
            || self.told.keys().any(|name| to.group(name) == group && !is_over(name));
        let news = News { receiver: to, group: &group, entries: &entries, fires };
        let (id, body) = (news.id(self.sequence), news.body());
        Notification { id, group, entries, body, built_ms: now_ms, is_last: rest.is_empty() }
    }
}

/// How many of these one notification holds: one at least.
fn room_for(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |one: &&Entry| {
        bytes += one.bytes();
        bytes <= NOTIFICATION_BYTES_MAX
    };
    entries.iter().take(NOTIFICATION_ALERTS_MAX).take_while(fits).count().max(1).min(entries.len())
}

// === impl Group ===

impl Group {
    /// When its news is due: some time after it turned up, so that what turns together is told together, and not sooner
    /// than some time after the last.
    fn due_ms(&self, to: &Receiver) -> Option<u64> {
        let due = self.news_ms? + to.wait_ms;
        Some(due.max(self.told_ms.map_or(0, |told| told + to.interval_ms)))
    }
}

#[cfg(test)]
mod tests;
