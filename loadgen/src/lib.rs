//! Load that does not wait for the server, and the oracle that knows what the right answers are.
//!
//! In:    a [`Load`] (how many series, how many rows a second, a seed), senders, a server.
//! Out:   an [`Outcome`]: what became of every row, latencies free of coordinated omission, and an [`Oracle`] that
//!        [`compare`] holds against the server's answers.
//! Kept:  the fixed part of every batch, what is in flight, a total per metric and bucket.
//! Never: slows down because the server does. A batch is due at its time, and its latency counts from there
//!        (G. Tene, "How NOT to measure latency", 2013); whoever falls too far behind is named, and the run ends.
//!
//! In walking order: `plan` says which rows there are and when they are due, `series` what they are called, `values`
//! what they say, `template` how they become bytes, `pace` when they are sent, `run` sends them, `oracle` adds up what
//! must be there, `verify` compares.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod limits;
mod oracle;
mod outcome;
mod pace;
mod plan;
mod run;
mod series;
mod template;
mod values;
mod verify;

pub use limits::{BUCKETS_MAX, IN_FLIGHT_MAX, PUBLISHERS_MAX, SERIES_MAX};
pub use oracle::{Bounds, Group, Oracle, Quantity};
pub use outcome::{Ended, Latency, Outcome, Progress};
pub use pace::Pace;
pub use plan::{Load, Plan, PlanError, Row};
pub use run::{Options, run};
pub use series::{BUCKET, METRICS, RUN};
pub use template::Press;
pub use verify::{Answers, Difference, compare};
