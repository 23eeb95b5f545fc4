//! The island: consumes a partition's log, merges it per minute, seals, remembers, answers.
//!
//! In:    log records ([`Island::apply`]).
//! Out:   a checkpoint at each seal, committed by the door before anything else is applied; [`View`]s for readers.
//! Kept:  dictionary and hints, open minutes, late rows, dedup windows, cumulative values, the books.
//! Lost on a crash: nothing. The checkpoint is loaded and the log replayed from `C`.
//!
//! ```text
//! partition-log ──1 read of ≤ 4 MiB ahead──▶ door ──record──▶ Island ──Checkpoint──▶ Kv ──then──▶ View ──▶ readers
//!                                             ▲  appends Seal by the clock
//!                                             └── questions, 1,024 waiting, answered between records
//! ```

#![warn(missing_docs)]

// The middle: no clock, no I/O.
mod accounting;
mod alerting;
mod cumulative;
mod dedup;
mod deleted;
mod deletion;
mod dictionary;
mod identity_hash;
mod island;
mod limits;
mod merge;
mod open_minutes;
mod outbox;
mod series_table;
mod side_rows;
mod transitions;
mod witness;

// What leaves it, and how it comes back.
mod blocks;
mod checkpoint;
mod error;
mod fit;
mod recover;
mod saved_series;
mod state_bytes;
mod state_keys;
mod view;

// The door: a thread, a clock, a log, a disk.
mod believed_clock;
mod clock;
mod expiry;
mod handle;
mod purges;
mod put_off;
mod questions;
mod run;
mod sealer;
mod upkeep;

pub use accounting::{AccountRows, Counters, DropCounters, DropKey};
pub use alerting::{Alert, AlertsView};
pub use checkpoint::{Checkpoint, CheckpointHead, checkpoint_position};
pub use clock::{Clock, SystemClock};
pub use dedup::PublisherAccount;
pub use deleted::{Deleted, DeletedOfMetric};
pub use error::{ApplyError, StateError};
pub use expiry::Retentions;
pub use fit::{Fit, Misfit, check_fit};
pub use handle::{IslandHandle, IslandState, IslandStatus};
pub use island::{Applied, Island};
pub use limits::{ACCOUNT_MINUTES_KEPT, IslandLimits, NAMED_FORGOTTEN_MINUTES, PUBLISHER_FORGOTTEN_MINUTES};
pub use outbox::PutOut;
pub use questions::{Answer, AskError, Question};
pub use run::{IslandConfig, spawn};
pub use state_bytes::STATE_VERSION;
pub use transitions::TRANSITIONS_METRIC;
pub use upkeep::{Upkeep, UpkeepConfig, spawn_upkeep};
pub use view::{Disk, OpenBlock, OpenView, View};
