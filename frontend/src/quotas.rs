//! How much each account may send: token buckets.
//!
//! In:    the rates of an account; what each request of it brings; the time.
//! Out:   go on, or when to come back.
//! Kept:  what an account has left, of at most [`ACCOUNTS_MAX`] accounts; the rest share one.
//! Never: a row refused for good. Who is told to come back sends the same batches again.
//!
//! A bucket holds what its rate gives in [`BURST_SECONDS`], for clients merge a minute and send it at once. Whoever has anything left
//! may send a whole request, and owes what it has not: so a request is never too large to be sent at all, and on average
//! the rate holds.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use model::Rates;
use parking_lot::{Mutex, RwLock};

use crate::counters::{ACCOUNT_OTHER, ACCOUNTS_MAX};

/// A minute's rows may come all at once.
pub const BURST_SECONDS: f64 = 60.0;
/// Nobody is told to stay away for longer, however much is owed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// The rates that hold now.
pub trait AccountRates: Debug + Send + Sync {
    /// Of this account.
    fn of(&self, account: &str) -> Rates;
}

/// Nobody has a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlimited;

/// What a request brings, of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    pub(crate) rows: f64,
    pub(crate) measurements: f64,
    pub(crate) bytes: f64,
}

/// A rate that is used up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct UsedUp {
    pub(crate) limit: &'static str,
    pub(crate) per_second: f64,
    pub(crate) retry_after: Duration,
}

/// The buckets of all accounts.
#[derive(Debug)]
pub(crate) struct Quotas {
    rates: RwLock<Arc<dyn AccountRates>>,
    accounts: DashMap<String, Arc<Mutex<Buckets>>>,
    other: Arc<Mutex<Buckets>>,
}

/// Of one account: rows, measurements, bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Buckets([Bucket; 3]);

/// Seconds of its rate that have been used and not come back yet: empty at [`BURST_SECONDS`], in debt above.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    used_seconds: f64,
    at: Option<Instant>,
}

const NAMES: [&str; 3] = ["rows_per_second", "measurements_per_second", "bytes_per_second"];

// === impl Unlimited ===

impl AccountRates for Unlimited {
    fn of(&self, _account: &str) -> Rates {
        Rates::default()
    }
}

// === impl Quotas ===

impl Default for Quotas {
    fn default() -> Self {
        Self { rates: RwLock::new(Arc::new(Unlimited)), accounts: DashMap::new(), other: Arc::default() }
    }
}

impl Quotas {
    /// From now on these rates hold; what was used stays used.
    pub(crate) fn hold(&self, rates: Arc<dyn AccountRates>) {
        *self.rates.write() = rates;
    }

    /// May it send anything now?
    pub(crate) fn check(&self, account: &str, now: Instant) -> Result<(), UsedUp> {
        let rates = in_order(self.rates.read().of(account));
        if rates.iter().all(Option::is_none) {
            return Ok(());
        }
        self.buckets(account).lock().check(rates, now)
    }

    /// This was sent.
    pub(crate) fn charge(&self, account: &str, load: Load, now: Instant) {
        let rates = in_order(self.rates.read().of(account));
        if rates.iter().any(Option::is_some) {
            self.buckets(account).lock().charge(rates, load, now);
        }
    }

    fn buckets(&self, account: &str) -> Arc<Mutex<Buckets>> {
        if let Some(buckets) = self.accounts.get(account) {
            return Arc::clone(buckets.value());
        }
        // As with counters: names that are made up share what is left.
        if account == ACCOUNT_OTHER || self.accounts.len() >= ACCOUNTS_MAX {
            return Arc::clone(&self.other);
        }
        Arc::clone(self.accounts.entry(account.to_owned()).or_default().value())
    }
}

fn in_order(rates: Rates) -> [Option<f64>; 3] {
    [rates.rows_per_second, rates.measurements_per_second, rates.bytes_per_second]
}

// === impl Buckets ===

impl Buckets {
    /// The limit that takes longest to come back.
    fn check(&self, rates: [Option<f64>; 3], now: Instant) -> Result<(), UsedUp> {
        let used_up = |((bucket, rate), limit): ((&Bucket, Option<f64>), &'static str)| {
            let retry_after = bucket.wait(now);
            rate.filter(|_| !retry_after.is_zero()).map(|per_second| UsedUp {
                limit,
                per_second,
                retry_after,
            })
        };
        let worst = self.0.iter().zip(rates).zip(NAMES).filter_map(used_up).max_by_key(|one| one.retry_after);
        worst.map_or(Ok(()), Err)
    }

    fn charge(&mut self, rates: [Option<f64>; 3], load: Load, now: Instant) {
        let loads = [load.rows, load.measurements, load.bytes];
        for ((bucket, rate), amount) in self.0.iter_mut().zip(rates).zip(loads) {
            if let Some(rate) = rate {
                bucket.used_seconds = bucket.used(now) + amount / rate;
                bucket.at = Some(now);
            }
        }
    }
}

// === impl Bucket ===

impl Bucket {
    fn used(&self, now: Instant) -> f64 {
        let since = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        (self.used_seconds - since).max(0.0)
    }

    /// Until there is something left.
    fn wait(&self, now: Instant) -> Duration {
        let over = self.used(now) - BURST_SECONDS;
        if over < 0.0 {
            return Duration::ZERO;
        }
        // A little more than nothing, so that who comes back then finds something.
        Duration::try_from_secs_f64(over + 0.001).unwrap_or(RETRY_AFTER_MAX).min(RETRY_AFTER_MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two accounts with other rates; a third has none.
    #[derive(Debug)]
    struct Some3;

    impl AccountRates for Some3 {
        fn of(&self, account: &str) -> Rates {
            match account {
                "rows" => Rates { rows_per_second: Some(10.0), ..Rates::default() },
                "both" => {
                    Rates { rows_per_second: Some(10.0), bytes_per_second: Some(100.0), ..Rates::default() }
                }
                _ => Rates::default(),
            }
        }
    }

    fn quotas() -> Quotas {
        let quotas = Quotas::default();
        quotas.hold(Arc::new(Some3));
        quotas
    }

    fn load(rows: f64, bytes: f64) -> Load {
        Load { rows, measurements: rows, bytes }
    }

    #[test]
    fn a_minute_may_come_at_once_and_debts_are_waited_for() {
        let (quotas, now) = (quotas(), Instant::now());
        let at = |seconds: f64| now + Duration::from_secs_f64(seconds);
        for _ in 0..6 {
            assert_eq!(quotas.check("rows", now), Ok(()));
            quotas.charge("rows", load(99.0, 0.0), now);
        }
        // 594 of 600: one more request of any size, and then what it owes is waited for.
        assert_eq!(quotas.check("rows", now), Ok(()));
        quotas.charge("rows", load(206.0, 0.0), now);
        let used_up = quotas.check("rows", now).unwrap_err();
        assert_eq!((used_up.limit, used_up.per_second), ("rows_per_second", 10.0));
        assert!((used_up.retry_after.as_secs_f64() - 20.001).abs() < 1e-6, "{used_up:?}");
        assert!(quotas.check("rows", at(19.9)).is_err());
        assert_eq!(quotas.check("rows", at(20.1)), Ok(()));
    }

    #[test]
    fn one_account_costs_another_nothing() {
        let (quotas, now) = (quotas(), Instant::now());
        quotas.charge("rows", load(1e9, 1e9), now);
        assert!(quotas.check("rows", now).is_err());
        assert_eq!((quotas.check("both", now), quotas.check("any", now)), (Ok(()), Ok(())));
    }

    #[test]
    fn the_limit_that_lasts_longest_is_named_and_no_wait_is_longer_than_a_minute() {
        let (quotas, now) = (quotas(), Instant::now());
        quotas.charge("both", load(610.0, 6_500.0), now);
        let used_up = quotas.check("both", now).unwrap_err();
        assert_eq!(used_up.limit, "bytes_per_second");
        quotas.charge("both", load(0.0, 1e300), now);
        assert_eq!(quotas.check("both", now).unwrap_err().retry_after, RETRY_AFTER_MAX);
    }

    #[test]
    fn names_that_are_made_up_share_a_bucket() {
        let (quotas, now) = (Quotas::default(), Instant::now());
        #[derive(Debug)]
        struct All;
        impl AccountRates for All {
            fn of(&self, _account: &str) -> Rates {
                Rates { rows_per_second: Some(1.0), ..Rates::default() }
            }
        }
        quotas.hold(Arc::new(All));
        for account in 0..ACCOUNTS_MAX + 2 {
            quotas.charge(&account.to_string(), load(40.0, 0.0), now);
        }
        assert_eq!(quotas.accounts.len(), ACCOUNTS_MAX);
        assert_eq!(quotas.check("0", now), Ok(()));
        assert!(quotas.check("one more", now).is_err(), "two have used it");
    }

    proptest! {
        /// Whatever comes when: over any time no more than the rate, the burst and one request.
        #[test]
        fn the_rate_holds(requests in prop::collection::vec((0_u64..30_000, 1_u64..500), 1..200)) {
            let (quotas, begun) = (quotas(), Instant::now());
            let (mut now, mut let_in, mut largest) = (begun, 0, 0);
            for (wait_ms, rows) in requests {
                now += Duration::from_millis(wait_ms);
                if quotas.check("rows", now).is_ok() {
                    quotas.charge("rows", load(rows as f64, 0.0), now);
                    (let_in, largest) = (let_in + rows, largest.max(rows));
                }
            }
            let allowed = 10.0 * (now - begun).as_secs_f64() + 600.0 + largest as f64;
            prop_assert!(let_in as f64 <= allowed + 1e-6, "{let_in} of {allowed}");
        }
    }
}
