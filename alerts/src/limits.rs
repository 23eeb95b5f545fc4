//! Every limit on rules, with its arithmetic, in one place.

/// Bytes of one file. A rule takes about 500, so this is more than [`RULES_MAX`] of them.
pub(crate) const FILE_BYTES_MAX: usize = 1 << 20;
/// Nodes of one file's tree: half of what 1 MiB of `[,,,]` could hold.
pub(crate) const NODES_MAX: usize = 200_000;
/// Lists and mappings inside each other. A rule needs six.
pub(crate) const DEPTH_MAX: usize = 16;

/// Rules of one set.
pub(crate) const RULES_MAX: usize = 1_000;
/// Entries of `metrics` in one file. Each is looked at for each metric, once an hour.
pub(crate) const METRICS_MAX: usize = 1_000;
/// Entries of `limits` in one file. Each is looked at for each request until one fits.
pub(crate) const ACCOUNT_LIMITS_MAX: usize = 1_000;
/// Tiers of one rule.
pub(crate) const TIERS_MAX: usize = 8;
/// Conditions on dimensions of one filter.
pub(crate) const MATCHERS_MAX: usize = 32;
/// Labels, and annotations, of one rule.
pub(crate) const TEXTS_MAX: usize = 32;
/// Bytes of a name.
pub(crate) const NAME_BYTES_MAX: usize = 128;
/// Bytes of a label's or an annotation's template.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 4_096;

/// Minutes of a window. A rule keeps a column of 8 B a group for each (16 B for an average): an hour of a million
/// groups is 480 MB, which is as much as one rule may ask for.
pub(crate) const WINDOW_MINUTES_MAX: u32 = 60;
/// Minutes of a baseline, kept in the same way.
pub(crate) const BASELINE_MINUTES_MAX: u32 = 240;
/// Evaluations that M of N looks back on: a bit each, in a word.
pub(crate) const QUOTA_OF_MAX: u32 = 32;
/// The same when all of N must hold, which takes a counter instead of bits: a day.
pub(crate) const STREAK_MAX: u32 = 1_440;
/// Minutes until a series without data is forgotten: from an hour to 31 days.
pub(crate) const FORGET_MINUTES_MIN: u32 = 60;
pub(crate) const FORGET_MINUTES_MAX: u32 = 31 * DAY_MINUTES;
pub(crate) const FORGET_MINUTES_DEFAULT: u32 = DAY_MINUTES;
/// Groups of one rule on one partition: 13 B a tier, 4 B a group and 8 B a minute of its window. What is beyond is not
/// watched, and said.
pub(crate) const GROUPS_MAX: usize = 16 << 20;
/// Tests of one file, series of one test, and minutes of one series: 1,000 × 100 × 10,000 numbers of 16 B would be
/// too much together, but [`FILE_BYTES_MAX`] and the test of one at a time bound what is in memory to 100 × 160 KB.
pub(crate) const TESTS_MAX: usize = 1_000;
pub(crate) const TEST_SERIES_MAX: usize = 100;
pub(crate) const TEST_MINUTES_MAX: usize = 10_000;
/// A day.
pub(crate) const DAY_MINUTES: u32 = 1_440;
/// How far back a change may look: a week, and an hour for whom the clocks changed.
pub(crate) const CHANGE_MINUTES_MAX: u32 = 7 * DAY_MINUTES + 60;
/// Bytes of columns that one rule may keep on one partition. Most rules keep little or nothing: a window of five minutes
/// has room for 16 M groups, a change against yesterday for 46,000, against last week for 6,600.
const RULE_BYTES_MAX: usize = 512 << 20;

/// Groups of a rule that keeps so many columns.
pub(crate) fn groups_max(columns: u32) -> usize {
    (RULE_BYTES_MAX / (8 * columns.max(1) as usize)).min(GROUPS_MAX)
}

const _: () = assert!(QUOTA_OF_MAX == u32::BITS);
// A streak of missing minutes must be able to fill up before the series is forgotten.
const _: () = assert!(STREAK_MAX <= FORGET_MINUTES_MAX);

/// Receivers of one file, each with a task and a book of its own.
pub(crate) const RECEIVERS_MAX: usize = 100;
pub(crate) const MAINTENANCE_MAX: usize = 1_000;
pub(crate) const URL_BYTES_MAX: usize = 2_048;
/// What turns together at one seal is seen within a second or two of it; who waits longer is told late.
pub(crate) const WAIT_SECONDS_MAX: u64 = 10 * 60;
pub(crate) const INTERVAL_SECONDS_MAX: u64 = 24 * 60 * 60;
pub(crate) const REPEAT_SECONDS_MIN: u64 = 60;
pub(crate) const REPEAT_SECONDS_MAX: u64 = 31 * 24 * 60 * 60;
/// Alerts of one notification, and about how many bytes: what chat and paging services take.
pub(crate) const NOTIFICATION_ALERTS_MAX: usize = 100;
pub(crate) const NOTIFICATION_BYTES_MAX: usize = 256 << 10;
/// A receiver that refuses is tried again after a second, doubled up to a minute.
pub(crate) const BACKOFF_MIN_MS: u64 = 1_000;
pub(crate) const BACKOFF_MAX_MS: u64 = 60_000;
/// For so long the same notification is tried; then what holds by then is told instead.
pub(crate) const GIVE_UP_AFTER_MS: u64 = 5 * 60_000;
pub(crate) const SILENCES_MAX: usize = 1_000;
/// A year and a day: what is to be quiet for longer is no silence.
pub(crate) const SILENCE_SECONDS_MAX: u64 = 366 * 24 * 60 * 60;
/// Silences that ended are shown for so long.
pub(crate) const SILENCES_KEPT_SECONDS: u64 = 7 * 24 * 60 * 60;
/// As many as are told at all.
pub(crate) const ACKNOWLEDGED_MAX: usize = 20_000;
pub(crate) const COMMENT_BYTES_MAX: usize = 1_024;

// At least one try more than a backoff apart.
const _: () = assert!(GIVE_UP_AFTER_MS > 2 * BACKOFF_MAX_MS);
