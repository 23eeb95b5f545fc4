//! The doors of OpenTelemetry: OTLP metrics over gRPC and over HTTP.
//!
//! In:    `ExportMetricsServiceRequest`s, as protobuf or JSON.
//! Out:   batches for [`Frontend::publish`]; a reply with the number of points that were rejected and why.
//! Kept:  nothing.
//! Never: deduplicates. OTLP names no publisher and no sequence, so an SDK that retries a request whose ack was lost
//!        counts its delta points twice (cumulative ones and readings of the same instant do not suffer from it:
//!        the island drops a cumulative point that it knows, a repeated reading counts again).
//!
//! # From OTLP to rows
//! - **Dimensions**: attributes of the resource, of the scope and of the point, under their own names; where a name
//!   stands twice the point wins over the scope and the scope over the resource. The scope's name becomes
//!   `otel.scope.name`; its version and all schema URLs are left out, because they would make a new series of each
//!   release. Values that are no strings become text (see [`convert()`]); empty ones are absent dimensions.
//! - **Gauge**, and **sum** that is cumulative but not monotonic: a reading is one measurement.
//! - **Sum** of deltas: the value is one measurement. Cumulative and monotonic: a cumulative row, of which the island
//!   makes the increase of its minute.
//! - **Histogram** and **exponential histogram**: count, sum, min, max and a distribution with every bucket at its
//!   midpoint (open-ended ones at their finite bound). Cumulative ones are cumulative rows.
//! - **Summary**, and a cumulative histogram without buckets: `<metric>_count` and `<metric>_sum` as cumulative rows,
//!   as Prometheus has them; a summary's quantiles as readings of `<metric>` under the dimension `quantile`.
//! - The account is the value of the header or metadata `x-sluice-account`, else `default`.

mod attributes;
pub mod convert;
mod export;
mod grpc;
mod histogram;
mod http;
mod json;
mod rejected;

pub use convert::{Converted, convert};
pub use grpc::{OtlpMethods, OtlpService};
pub use http::router;
pub use rejected::Rejected;

#[cfg(doc)]
use crate::Frontend;

/// The header or metadata that names the account.
pub const ACCOUNT_HEADER: &str = "x-sluice-account";
