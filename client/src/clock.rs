//! The wall clock, injected so that tests own it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::Minute;

/// Tells the wall time. Read once a minute and on `flush`, never when something is recorded.
pub trait Clock: Send + Sync + 'static {
    /// Time since 1970-01-01T00:00Z.
    fn now(&self) -> Duration;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        // A clock before 1970 is a machine that has not found the time yet: its rows will be refused as too old.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

pub(crate) fn minute_of(now: Duration) -> Minute {
    Minute::of_unix_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// How long until the next minute begins.
pub(crate) fn until_next_minute(now: Duration) -> Duration {
    Duration::from_secs(60)
        - Duration::from_nanos(u64::try_from(now.as_nanos() % 60_000_000_000).unwrap_or(0))
}
