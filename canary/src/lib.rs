//! The canary: publishes what it knows through the public door, reads it back through the public query, and says how
//! long each hop took and whether the answer was right.
//!
//! In:    the addresses of a server, its placement, a clock.
//! Out:   probes, every ten seconds one a partition; a [`Report`] for people; series of its own in the account `sluice`.
//! Kept:  what was published in the minutes that are not judged yet; two hours of reports.
//! Lost on a crash: that. A canary judges no minute of which it does not know everything, so not its first one.
//! Never: another way in or out than everybody's: it believes the server nothing but where its time went.
//!
//! ```text
//! probe ─▶ publish ──▶ ack ──────▶ seen while open      minute's end ──▶ sealed ──▶ in an answer ──▶ evaluated
//!          └ client, frontend, log ┘ └── island ──┘                 └─ sealed ─┘ └── queryable ─┘  └─ alert ─┘
//! ```

#![warn(missing_docs)]

// The middle: no clock, no I/O.
mod home;
mod hops;
mod ledger;
mod limits;
mod minute;
mod probe;
mod seen;
mod verdict;
mod watch;

// The door.
mod ask;
mod report;
mod run;
mod series;

pub use hops::{Hop, HopTimes};
pub use limits::{MINUTES_KEPT, PULSE_RULE};
pub use report::{MinuteReport, PartitionReport, Report};
pub use run::{Config, ConfigError, run};
pub use verdict::Verdict;
