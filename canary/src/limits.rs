//! How often, how long, how much.

use std::time::Duration;

/// A probe of each partition this often, so six make a minute.
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(10);
/// Probes of one minute.
pub(crate) const TICKS: u64 = 6;
const _: () = assert!(PROBE_EVERY.as_secs() * TICKS == 60);

/// While something is waited for, it is looked for this often: what a hop's time is exact to. A hundredth of the
/// longest wait on a healthy server, the grace.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The same once it is late: nobody needs milliseconds of a minute that hangs, and a server in trouble needs peace.
pub(crate) const LOOK_LATE_EVERY_MS: u64 = 2_000;
/// From a minute's end on; three times the default grace.
pub(crate) const LATE_AFTER_MS: u64 = 15_000;

/// A probe that is not seen in its open minute for so long is not waited for any more; its time counts as this.
pub(crate) const OPEN_WAIT_MS: u64 = 10_000;
/// A minute is judged at the latest so long after its end.
pub(crate) const JUDGE_WAIT_MS: u64 = 90_000;

/// One question may take so long; then the loop goes on.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// Of the page of alerts.
pub(crate) const PAGE_BYTES_MAX: u64 = 16 << 20;

/// Minutes of reports in memory: the last two hours, at some 2 KB each.
pub const MINUTES_KEPT: usize = 120;
/// Wrong answers that are told in full, a minute.
pub(crate) const TOLD_MAX: usize = 16;

/// The account in which the canary publishes.
pub(crate) const ACCOUNT: &str = "sluice";
/// What it publishes.
pub(crate) const PROBE_METRIC: &str = "sluice.canary.probe";
/// The rule that fires as long as probes arrive (`deploy/rules/canary.yaml`); by it the hop to the alert is seen.
pub const PULSE_RULE: &str = "canary-pulse";
