//! The room where measurements come in.
//!
//! In:    publish requests: `sluice.v1.Publish`, OTLP over gRPC and HTTP.
//! Out:   micro-batches appended to the partitions' logs; replies, when all accepted rows are durable.
//! Kept:  counters. Stateless otherwise: a crash loses only what was not acknowledged.
//! Never: acknowledges what is not durable, nor refuses without a reason.
//!
//! ```text
//! doors: publish · otlp::grpc · otlp::http
//!    └▶ Frontend::publish ─▶ quotas ─▶ admission ─▶ rebucket ─▶ batcher p (≤ 1,024 parts, ≤ 48 MiB) ─▶ log p
//!              ▲                                                                              │ ack
//!              └──────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The binary opens the ports; this crate gives services and a router.

#![warn(missing_docs)]

pub mod admission;
pub mod batcher;
pub mod counters;
pub mod decoding;
pub mod door;
mod frontend;
pub mod otlp;
pub mod publish;
mod publish_error;
mod quotas;
pub mod rebucket;
mod status;

pub use frontend::{BATCHES_PER_REQUEST_MAX, Frontend, LogsMismatch};
pub use publish_error::PublishError;
pub use quotas::{AccountRates, BURST_SECONDS, Unlimited};
