//! The time, handed to the door so that a test owns it. The island itself never sees it.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970. May jump in either direction.
    fn unix_millis(&self) -> u64;

    /// Milliseconds since some moment. Never jumps; may stand still while the machine is suspended. The wall clock is
    /// held against it, so this default is for a clock that nobody sets.
    fn monotonic_millis(&self) -> u64 {
        self.unix_millis()
    }
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// When the monotonic clock was first looked at.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for SystemClock {
    fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
