//! Alerts: rules that people write, and their verdict on every series as each minute closes.
//!
//! In:    rule files (YAML); at each seal, per rule, a column of values by group, and whether the minute is complete.
//! Out:   problems with line and column; transitions of state; the state as bytes for the checkpoint.
//! Kept:  per rule the minutes that its window still needs; per (rule, tier, group) 13 bytes.
//! Never: a clock, I/O, a hash look-up per series and minute, randomness. The same minutes give the same bytes.
//!
//! ```text
//! rules/*.yaml ─▶ yaml ─▶ rules ──RuleSet──▶ members: series → group (once a series)
//!                                                 │
//!                    the island's minute ─▶ gather: a column by group ─▶ machine ─▶ transitions
//!                                                                        window    what the last W minutes hold
//!                                                                        signal    the value that is compared
//!                                                                        verdict   yes, no, or unknown
//!                                                                        tier      M of N, and the six states
//! ```
//!
//! # How a verdict comes about
//!
//! An *evaluation* is one (rule, tier, group, minute). Its verdict is [`Verdict::Yes`], [`Verdict::No`] or
//! [`Verdict::Unknown`]: unknown when rows of the window are missing *and* could turn it. A tier fires when M of its
//! last N evaluations are yes, clears when as many as it says hold the clearing condition, and both counts start anew
//! at each turn. What unknown verdicts could have made of it is counted along, and when that would be a turn, the state
//! is unknown and nothing turns: never a false fire, never a false resolve.

#![warn(missing_docs)]

mod fields;
mod limits;
mod machine;
mod members;
mod notify;
mod problem;
mod rule_files;
mod rules;
mod test_file;
mod texts;
mod watch;
mod watched;
mod yaml;

pub use machine::{
    Column, ColumnPiece, Pieces, RuleState, State, StateBytesError, Transition, Turn, Verdict,
};
pub use members::{GroupName, Members, Readers};
pub use notify::{
    Acknowledged, AlertName, Book, Condition as LabelCondition, Count, Entry, Filter, Firing, Look,
    Maintenance, Notification, NotifyFile, Quiet, QuietError, Receiver, Silence, SilenceState, Target,
    check_url,
};
pub use problem::{Problem, Problems};
pub use rule_files::RuleFiles;
pub use rules::{
    AccountLimit, ChangeKind, Comparison, Condition, Drift, Fingerprint, Glob, GroupBy, KeepFor,
    MetricSetting, Operand, Operator, Quota, Rule, RuleSet, Signal, Template, Tier,
};
pub use test_file::{Mismatch, Outcome, TestFile};
pub use texts::Texts;
pub use watch::{CATCH_UP_MINUTES, Watch, WatchChanges};
pub use watched::{EachSeries, Partition, SavedRule, Standing, Told};
