//! How many rows were taken and how many were not, by account and reason.
//!
//! In:    numbers of rows, from all doors at once.
//! Out:   the counts, whenever somebody asks.
//! Kept:  one line of counters per account, of at most [`ACCOUNTS_MAX`]; the rest share the line `__other__`.
//! Never: a lock on the way of a batch for longer than finding its account's line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use model::{Limits, Reason};
use proto::v1;

/// The hop in every counter of this room.
pub const HOP: &str = "frontend";

/// Accounts with a line of their own: 200 bytes each, so no more than 1 MiB, whoever makes names up.
pub const ACCOUNTS_MAX: usize = 4096;

/// The account of those beyond the limit, and of those whose name is no name.
pub const ACCOUNT_OTHER: &str = "__other__";

/// What became of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// In the log.
    Accepted,
    /// Refused for this reason, for good.
    Refused(Reason),
    /// Not taken now, because a queue is full; the publisher was told to come back.
    QueueFull,
    /// Not taken now, because the account sends more than it may; the publisher was told to come back.
    Throttled,
    /// Perhaps in the log, perhaps not: it did not answer or refused; the publisher was told to retry.
    LogFailed,
    /// An OTLP point that says that there is no value.
    NoRecordedValue,
}

const FATES: usize = Reason::ALL.len() + 5;

/// The counters of a frontend.
#[derive(Debug, Default)]
pub struct Counters {
    accounts: DashMap<String, Arc<Line>>,
    other: Arc<Line>,
}

#[derive(Debug)]
struct Line([AtomicU64; FATES]);

// === impl Fate ===

impl Fate {
    /// The reason in counters; `accepted` for rows that are in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused(reason) => reason.name(),
            Self::QueueFull => "queue_full",
            Self::Throttled => "throttled",
            Self::LogFailed => "log_failed",
            Self::NoRecordedValue => "no_recorded_value",
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        let others =
            [Self::Accepted, Self::QueueFull, Self::Throttled, Self::LogFailed, Self::NoRecordedValue];
        others.into_iter().chain(Reason::ALL.into_iter().map(Self::Refused))
    }

    fn index(self) -> usize {
        match self {
            Self::Accepted => 0,
            Self::QueueFull => 1,
            Self::LogFailed => 2,
            Self::NoRecordedValue => 3,
            Self::Throttled => 4,
            Self::Refused(reason) => 5 + reason as usize,
        }
    }
}

// === impl Counters ===

impl Counters {
    /// Adds rows of an account.
    pub fn add(&self, account: &str, fate: Fate, rows: u64) {
        if rows > 0 {
            self.line(account).0[fate.index()].fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Rows of one account so far.
    #[must_use]
    pub fn rows(&self, account: &str, fate: Fate) -> u64 {
        self.accounts.get(account).map_or(0, |line| line.read(fate))
    }

    /// Every counter that is not zero, ordered by account.
    #[must_use]
    pub fn snapshot(&self) -> Vec<v1::Counter> {
        let mut lines: Vec<(String, Arc<Line>)> =
            self.accounts.iter().map(|line| (line.key().clone(), Arc::clone(line.value()))).collect();
        lines.push((ACCOUNT_OTHER.to_owned(), Arc::clone(&self.other)));
        lines.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        lines.iter().flat_map(|(account, line)| line.counters(account)).collect()
    }

    fn line(&self, account: &str) -> Arc<Line> {
        if let Some(line) = self.accounts.get(account) {
            return Arc::clone(line.value());
        }
        let is_name = !account.is_empty() && account.len() <= Limits::DEFAULT.account_bytes_max;
        // Two threads may both see one place left; a few lines more than the limit do not matter.
        if !is_name || account == ACCOUNT_OTHER || self.accounts.len() >= ACCOUNTS_MAX {
            return Arc::clone(&self.other);
        }
        Arc::clone(self.accounts.entry(account.to_owned()).or_default().value())
    }
}

// === impl Line ===

impl Default for Line {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; FATES])
    }
}

impl Line {
    fn read(&self, fate: Fate) -> u64 {
        self.0[fate.index()].load(Ordering::Relaxed)
    }

    fn counters<'a>(&'a self, account: &'a str) -> impl Iterator<Item = v1::Counter> + 'a {
        Fate::all().map(|fate| (fate, self.read(fate))).filter(|(_, rows)| *rows > 0).map(|(fate, rows)| {
            let (hop, account, reason) = (HOP.to_owned(), account.to_owned(), fate.name().to_owned());
            v1::Counter { hop, account, reason, rows }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_has_a_place_of_its_own() {
        let mut places: Vec<usize> = Fate::all().map(Fate::index).collect();
        places.sort_unstable();
        assert_eq!(places, (0..FATES).collect::<Vec<_>>());
    }

    #[test]
    fn rows_are_counted_by_account_and_reason() {
        let counters = Counters::default();
        counters.add("b", Fate::Accepted, 5);
        counters.add("a", Fate::Refused(Reason::TooOld), 2);
        counters.add("a", Fate::Refused(Reason::TooOld), 1);
        counters.add(&"x".repeat(1000), Fate::Refused(Reason::Account), 7);
        counters.add("c", Fate::Accepted, 0);
        let said: Vec<String> = counters
            .snapshot()
            .iter()
            .map(|one| format!("{} {} {} {}", one.hop, one.account, one.reason, one.rows))
            .collect();
        assert_eq!(said, ["frontend __other__ account 7", "frontend a too_old 3", "frontend b accepted 5"]);
    }

    #[test]
    fn names_that_are_made_up_share_a_line() {
        let counters = Counters::default();
        (0..ACCOUNTS_MAX + 10).for_each(|at| counters.add(&format!("a{at}"), Fate::Accepted, 1));
        assert_eq!(counters.accounts.len(), ACCOUNTS_MAX);
        assert_eq!(counters.snapshot()[0].rows, 10);
    }
}
