#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod accounting;
mod bound;
mod builder;
mod client;
mod clock;
mod engine;
mod instrument;
mod limits;
mod measure;
mod query;
mod refusals;
mod send;
mod sender;
mod worker;

pub use accounting::{Accounting, Refused};
pub use bound::{BoundCounter, BoundDistinct, BoundDistribution, BoundValue};
pub use builder::{BuildError, Builder, ENDPOINT_DEFAULT};
pub use client::{Client, Measurement};
pub use clock::{Clock, SystemClock};
pub use instrument::{Counter, DistinctCount, Distribution, Value};
pub use limits::{
    BATCH_ROWS_MAX, DROP_TIMEOUT_DEFAULT, EXPLICIT_ROWS_MAX, IN_FLIGHT_MAX, QUEUE_BYTES_MAX_DEFAULT,
    QUEUE_BYTES_MIN, SERIES_MAX_DEFAULT, TRY_TIMEOUT_DEFAULT,
};
pub use query::{QueryClient, QueryError};
pub use send::grpc::Compression;
pub use send::transport::{Packet, Receipt, SendError, Sending, ServerTimes, Transport};
pub use sender::{BatchSender, Delivery};

/// The values that appear in this crate's signatures.
pub use model;
/// Builds batches for a [`BatchSender`].
pub use proto::BatchBuilder;
/// The messages that the query client takes and gives.
pub use proto::v1;
