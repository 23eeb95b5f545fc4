//! Answers: which ten are worst, over time, what exists, and how complete the answer is.
//!
//! In:    requests of `sluice.v1.Query`, over gRPC or as JSON.
//! Out:   answers, each with its completeness. A partition that is missing makes an answer partial, never an error.
//! Kept:  nothing but the number of queries at work.
//! Never: an approximation. An answer is what sorting all groups would give.
//!
//! ```text
//! request ─check─▶ query ─pin─▶ every partition     one state for all passes
//!                    │
//!                    ├─scatter─▶ worker: select → group → fold columns → best n, and the rest as one
//!                    ├─gather──▶ merge, rank, others
//!                    ├─scatter─▶ worker: points and pivots of the winners
//!                    └─────────▶ answer + completeness
//! ```
//!
//! At most `queries_max` queries work at once and `jobs_max` partitions are read at once, by all of them.

#![warn(missing_docs)]

// The doors.
pub mod api;
mod http;
mod json;
mod service;

// What is asked.
mod error;
pub mod fields;
mod limits;
mod request;
mod window;

// What is asked of.
mod island;
mod partition;

// The way of a query.
mod alerts;
mod completeness;
mod coordinator;
mod hints;
mod local;
mod metrics;
mod query;
mod remote;
mod scatter;
mod series;
mod top;
mod wire;
mod worker;

// Within a partition, and back together.
mod active;
mod best;
mod budget;
mod cells;
mod fold;
mod gather;
mod groups;
mod jobs;
mod keys;
mod tuple;

pub use alerts::AlertsOf;
pub use coordinator::{Coordinator, Parts};
pub use error::QueryError;
pub use http::router;
pub use limits::QueryLimits;
pub use partition::{Partition, PartitionError, PublisherRows, Reading};
pub use remote::{Fleet, Owner, WorkerService};
pub use wire::reads_alike;
