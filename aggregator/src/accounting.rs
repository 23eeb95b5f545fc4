//! What became of every row: received = applied + duplicate + dropped.
//!
//! In:    rows, as the island decides about them.
//! Out:   counters for people, and rows applied by account and minute for completeness.
//! Kept:  all of it; part of the state, so that a restart forgets nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Minute, MinuteRange, Reason};

use crate::IslandLimits;
use crate::limits::ACCOUNT_MINUTES_KEPT;

/// Minutes of an hour, the unit in which [`AccountRows`] is written.
pub(crate) const HOUR: u32 = 60;

/// What stands for every account and metric beyond the bound.
pub(crate) const OTHER: &str = "__other__";

/// Rows and records of a partition since its log began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Rows that were in the log.
    pub rows_received: u64,
    /// Rows that count.
    pub rows_applied: u64,
    /// Of those applied: rows whose minute was sealed already.
    pub rows_late: u64,
    /// Rows of batches that had been applied before.
    pub rows_duplicate: u64,
    /// Rows that do not count, for a reason: see [`DropCounters`].
    pub rows_dropped: u64,
    /// Records that nobody can read, skipped.
    pub records_undecodable: u64,
    /// Publishers that were forgotten because there were too many.
    pub publishers_evicted: u64,
}

/// Account, metric and reason of dropped rows.
pub type DropKey = (Box<str>, Box<str>, Reason);

/// Dropped rows, by account, metric and reason.
pub type DropCounters = BTreeMap<DropKey, u64>;

/// Rows of one account in each minute of an hour.
pub(crate) type HourRows = [u64; HOUR as usize];

type HourAccounts = BTreeMap<Arc<str>, HourRows>;

/// Rows applied by account and minute, of batches whose publisher declares how many it built.
#[derive(Clone, Debug, Default)]
pub struct AccountRows {
    hours: BTreeMap<u32, Arc<HourAccounts>>,
    entries: usize,
    /// Hours before this one are not known, of any account. Invariant: none of them is in `hours`.
    forgotten_before: u32,
}

/// The books of an island.
#[derive(Default)]
pub(crate) struct Accounting {
    pub(crate) counters: Counters,
    pub(crate) drops: Arc<DropCounters>,
    pub(crate) rows: AccountRows,
    changed_drops: BTreeSet<DropKey>,
    changed_hours: BTreeSet<HourKey>,
    forgotten_hours: BTreeSet<HourKey>,
}

/// Hour since 1970 and account.
pub(crate) type HourKey = (u32, Arc<str>);

/// What a checkpoint writes and deletes.
pub(crate) struct AccountingChanges<'a> {
    pub(crate) drops: Vec<(DropKey, u64)>,
    pub(crate) hours: Vec<(HourKey, &'a HourRows)>,
    pub(crate) forgotten: BTreeSet<HourKey>,
}

// === impl Counters ===

impl Counters {
    /// Nothing is lost without a name. Checked by tests, by the simulator, and by the island in debug builds.
    #[must_use]
    pub fn balanced(&self) -> bool {
        let known = self.rows_applied.checked_add(self.rows_duplicate);
        known.and_then(|known| known.checked_add(self.rows_dropped)) == Some(self.rows_received)
            && self.rows_late <= self.rows_applied
    }
}

// === impl AccountRows ===

impl AccountRows {
    /// Rows applied; 0 of what is not known.
    #[must_use]
    pub fn get(&self, account: &str, minute: Minute) -> u64 {
        let hour = self.hours.get(&(minute.0 / HOUR)).and_then(|accounts| accounts.get(account));
        hour.map_or(0, |rows| rows[(minute.0 % HOUR) as usize])
    }

    /// The minutes of a range with rows, ascending: a look at each hour that is kept, however long the range.
    #[must_use]
    pub fn within(&self, account: &str, range: MinuteRange) -> Vec<(Minute, u64)> {
        if range.is_empty() {
            return Vec::new();
        }
        let hours = self.hours.range(range.from.0 / HOUR..=range.to.0 / HOUR);
        let of_account =
            hours.filter_map(|(hour, accounts)| Some((Minute(*hour * HOUR), accounts.get(account)?)));
        let minutes =
            of_account.flat_map(|(hour, rows)| (0..).map(move |at| hour.plus(at)).zip(rows.iter().copied()));
        minutes.filter(|(minute, rows)| *rows > 0 && range.contains(*minute)).collect()
    }

    /// The first minute of which it is known how many rows were applied.
    #[must_use]
    pub fn known_from(&self) -> Minute {
        Minute(self.forgotten_before.saturating_mul(HOUR))
    }

    /// The hour before which nothing is known, as it is written.
    pub(crate) fn forgotten_before(&self) -> u32 {
        self.forgotten_before
    }

    pub(crate) fn restore_forgotten(&mut self, before: u32) {
        self.forgotten_before = before;
    }

    fn entry(&mut self, hour: u32, account: &str) -> (&mut HourRows, Arc<str>) {
        let accounts = Arc::make_mut(self.hours.entry(hour).or_default());
        let name = match accounts.get_key_value(account) {
            Some((name, _)) => Arc::clone(name),
            None => {
                self.entries += 1;
                account.into()
            }
        };
        (accounts.entry(Arc::clone(&name)).or_insert([0; HOUR as usize]), name)
    }

    pub(crate) fn restore(&mut self, hour: u32, account: &str, rows: HourRows) {
        *self.entry(hour, account).0 = rows;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (HourKey, &HourRows)> {
        self.hours.iter().flat_map(|(hour, accounts)| {
            accounts.iter().map(move |(account, rows)| ((*hour, Arc::clone(account)), rows))
        })
    }

    fn hour(&self, key: &HourKey) -> Option<&HourRows> {
        self.hours.get(&key.0)?.get(&key.1)
    }

    fn remove_oldest(&mut self) -> Vec<HourKey> {
        let Some((hour, accounts)) = self.hours.pop_first() else { return Vec::new() };
        self.entries -= accounts.len();
        self.forgotten_before = hour.saturating_add(1);
        accounts.keys().map(|account| (hour, Arc::clone(account))).collect()
    }
}

// === impl Accounting ===

impl Accounting {
    /// Rows that do not count.
    pub(crate) fn drop_rows(
        &mut self,
        limits: &IslandLimits,
        account: &str,
        metric: &str,
        reason: Reason,
        rows: u64,
    ) {
        self.counters.rows_dropped += rows;
        let drops = Arc::make_mut(&mut self.drops);
        let mut key: DropKey = (account.into(), metric.into(), reason);
        if !drops.contains_key(&key) && drops.len() >= limits.drop_counters_max {
            key = (OTHER.into(), OTHER.into(), reason);
        }
        let dropped = drops.entry(key.clone()).or_default();
        *dropped = dropped.saturating_add(rows);
        self.changed_drops.insert(key);
    }

    /// Rows of a publisher that declares how many it built.
    pub(crate) fn declared_rows(&mut self, account: &str, minute: Minute, rows: u64) {
        let hour = minute.0 / HOUR;
        if hour < self.rows.forgotten_before {
            return; // what is counted now would be taken for all there was
        }
        let (of_hour, account) = self.rows.entry(hour, account);
        let of_minute = &mut of_hour[(minute.0 % HOUR) as usize];
        *of_minute = of_minute.saturating_add(rows);
        self.changed_hours.insert((hour, account));
    }

    /// Forgets what nobody can ask for, and says what changed.
    pub(crate) fn checkpoint(&mut self, now: Minute, hours_max: usize) -> AccountingChanges<'_> {
        let oldest = now.minus(ACCOUNT_MINUTES_KEPT).0 / HOUR;
        while self.rows.entries > hours_max
            || self.rows.hours.keys().next().is_some_and(|hour| *hour < oldest)
        {
            self.forgotten_hours.extend(self.rows.remove_oldest());
        }
        let drops = std::mem::take(&mut self.changed_drops);
        let hours = std::mem::take(&mut self.changed_hours);
        AccountingChanges {
            drops: drops
                .into_iter()
                .filter_map(|key| self.drops.get(&key).map(|rows| (key, *rows)))
                .collect(),
            hours: hours
                .into_iter()
                .filter_map(|key| self.rows.hour(&key).map(|rows| (key.clone(), rows)))
                .collect(),
            forgotten: std::mem::take(&mut self.forgotten_hours),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_account_and_minute() {
        let mut books = Accounting::default();
        books.declared_rows("a", Minute(119), 3);
        books.declared_rows("a", Minute(120), 4);
        books.declared_rows("a", Minute(120), 1);
        books.declared_rows("b", Minute(120), 9);
        let asked = [("a", 119), ("a", 120), ("b", 120), ("b", 119), ("c", 120)];
        assert_eq!(asked.map(|(account, minute)| books.rows.get(account, Minute(minute))), [3, 5, 9, 0, 0]);
    }

    #[test]
    fn rows_of_a_range_are_those_of_its_minutes() {
        let mut books = Accounting::default();
        for minute in [59, 60, 61, 185] {
            books.declared_rows("a", Minute(minute), u64::from(minute));
        }
        books.declared_rows("b", Minute(60), 7);
        let within = |from, to| books.rows.within("a", MinuteRange::new(Minute(from), Minute(to)));
        for (from, to) in [(0, 300), (60, 61), (59, 185), (62, 185), (120, 180), (61, 60), (0, u32::MAX)] {
            let minutes =
                (from..to.min(300)).map(|minute| (Minute(minute), books.rows.get("a", Minute(minute))));
            assert_eq!(within(from, to), minutes.filter(|(_, rows)| *rows > 0).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_copy_does_not_move() {
        let mut books = Accounting::default();
        books.declared_rows("a", Minute(1), 1);
        let copy = books.rows.clone();
        books.declared_rows("a", Minute(1), 1);
        assert_eq!((copy.get("a", Minute(1)), books.rows.get("a", Minute(1))), (1, 2));
    }

    #[test]
    fn a_checkpoint_says_what_changed_and_forgets_the_oldest() {
        let mut books = Accounting::default();
        for hour in 0..3 {
            books.declared_rows("a", Minute(hour * 60), 1);
        }
        let changes = books.checkpoint(Minute(180), 2);
        assert_eq!(changes.hours.iter().map(|(key, _)| key.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(changes.forgotten, BTreeSet::from([(0, "a".into())]));
        assert!(books.checkpoint(Minute(180), 2).hours.is_empty());
        assert_eq!(books.checkpoint(Minute(180 + ACCOUNT_MINUTES_KEPT), 2).forgotten.len(), 2);
    }

    #[test]
    fn an_hour_that_is_forgotten_stays_so() {
        let mut books = Accounting::default();
        for hour in [3, 1, 2] {
            books.declared_rows("a", Minute(hour * 60), 5);
        }
        assert_eq!(books.rows.known_from(), Minute(0));
        books.checkpoint(Minute(240), 2);
        assert_eq!(books.rows.known_from(), Minute(120));
        books.declared_rows("a", Minute(119), 1);
        books.declared_rows("a", Minute(120), 1);
        assert_eq!([119, 120].map(|minute| books.rows.get("a", Minute(minute))), [0, 6]);
        books.checkpoint(Minute(180 + ACCOUNT_MINUTES_KEPT), 2);
        assert_eq!(books.rows.known_from(), Minute(180));
    }

    #[test]
    fn drops_beyond_the_bound_share_a_name() {
        let limits = IslandLimits { drop_counters_max: 1, ..IslandLimits::DEFAULT };
        let mut books = Accounting::default();
        books.drop_rows(&limits, "a", "m", Reason::SeriesLimit, 2);
        books.drop_rows(&limits, "b", "m", Reason::SeriesLimit, 3);
        books.drop_rows(&limits, "c", "m", Reason::SeriesLimit, 4);
        let said: Vec<_> = books.drops.iter().map(|((account, _, _), rows)| (&**account, *rows)).collect();
        assert_eq!(said, [(OTHER, 7), ("a", 2)]);
        assert_eq!(books.counters.rows_dropped, 9);
    }
}
