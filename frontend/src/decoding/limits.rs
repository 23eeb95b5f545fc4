//! How much of what a request may hold, and the memory that this can become.
//!
//! The arithmetic: a `Vec` of n elements that grew has room for at most 2 n, or for 4 when it is small; while it grows
//! the old one is there too, but only one grows at a time. An allocation takes `HEAP` bytes besides what it holds,
//! or altogether when it holds little. Text is as long as on the wire, or twice that when it grew.
//!
//! That is an upper bound for all limits reached at once. Measured: 65,536 exponential points with 524,288 attributes,
//! nested one in the other, and 26 buckets each, two points a metric, are 7 MB on the wire and 209 MiB decoded; the walk
//! takes 13 ms of the 290. The same sums, with what a request really has instead of the limits, are what it takes of
//! [`super::Memory`].

use opentelemetry_proto::tonic::common::v1::{EntityRef, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, ResourceMetrics, ScopeMetrics,
};
use proto::v1;

use crate::BATCHES_PER_REQUEST_MAX;
use crate::publish::MESSAGE_BYTES_MAX;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `sluice.v1.Batch`.
    Batches,
    /// Entries of 32-bit columns, over all batches.
    Entries,
    /// Entries of 64-bit columns, over all batches.
    Words,
    /// Distinct and distribution sketches.
    Sketches,
    /// `ResourceMetrics`.
    Resources,
    /// `ScopeMetrics`.
    Scopes,
    /// `Metric`.
    Metrics,
    /// Data points of all kinds.
    Points,
    /// `KeyValue`s wherever they stand, values within values, and the keys of entities.
    Attributes,
    /// `EntityRef`.
    Entities,
    /// `Exemplar`.
    Exemplars,
    /// `ValueAtQuantile`.
    Quantiles,
    /// Counts and bounds of histograms.
    Buckets,
}

/// Kinds.
const KINDS: usize = ALL.len();
const ALL: [Kind; 13] = [
    Kind::Batches,
    Kind::Entries,
    Kind::Words,
    Kind::Sketches,
    Kind::Resources,
    Kind::Scopes,
    Kind::Metrics,
    Kind::Points,
    Kind::Attributes,
    Kind::Entities,
    Kind::Exemplars,
    Kind::Quantiles,
    Kind::Buckets,
];
const _: () = assert!(Kind::Buckets as usize + 1 == KINDS);

/// Bytes of an allocation besides its content; malloc's smallest chunk is 32, a small `Vec<u64>`'s 48.
const HEAP: usize = 48;

/// Bytes in memory over bytes of the cap, at most, for a request over any door.
pub const DECODED_MULTIPLE_MAX: usize = 32;

/// Memory of a decoded `PublishRequest`, at most.
pub const PUBLISH_DECODED_BYTES_MAX: usize = TEXT
    + Kind::Batches.bytes_max()
    + Kind::Entries.bytes_max()
    + Kind::Words.bytes_max()
    + Kind::Sketches.bytes_max();

/// Memory of a decoded `ExportMetricsServiceRequest`, at most, whether it came as protobuf or as JSON.
pub const OTLP_DECODED_BYTES_MAX: usize = TEXT
    + Kind::Resources.bytes_max()
    + Kind::Scopes.bytes_max()
    + Kind::Metrics.bytes_max()
    + Kind::Points.bytes_max()
    + Kind::Attributes.bytes_max()
    + Kind::Entities.bytes_max()
    + Kind::Exemplars.bytes_max()
    + Kind::Quantiles.bytes_max()
    + Kind::Buckets.bytes_max();

const TEXT: usize = TEXT_MULTIPLE * MESSAGE_BYTES_MAX;
/// Text that grew has room for twice itself.
const TEXT_MULTIPLE: usize = 2;
const POINT: usize = max(size_of::<ExponentialHistogramDataPoint>(), size_of::<HistogramDataPoint>());

const _: () = {
    let cap = DECODED_MULTIPLE_MAX * MESSAGE_BYTES_MAX;
    assert!(PUBLISH_DECODED_BYTES_MAX <= cap);
    assert!(OTLP_DECODED_BYTES_MAX <= cap);
    // Fixed numbers fill the message before they reach their limit: only those that are shorter can be refused.
    assert!(Kind::Words.max() * size_of::<u64>() >= MESSAGE_BYTES_MAX);
    assert!(Kind::Buckets.max() * size_of::<u64>() >= MESSAGE_BYTES_MAX);
};

/// What has been counted so far.
#[derive(Debug, Default)]
pub(super) struct Counts([usize; KINDS]);

// === impl Kind ===

impl Kind {
    /// How many of it a request may have.
    #[must_use]
    pub const fn max(self) -> usize {
        match self {
            Self::Batches => BATCHES_PER_REQUEST_MAX,
            // 2 bytes of the cap each; series of ten dimensions have 2.2.
            Self::Entries => 8 << 20,
            // 8 bytes of the cap each, as all of them have but a row's count.
            Self::Words => 2 << 20,
            // 128 bytes of the cap each; the smallest sketches have fewer, but one for every row nobody has.
            Self::Sketches => 131_072,
            // 1 KiB of the cap each: a resource, its attributes and at least one metric.
            Self::Resources => 16_384,
            Self::Scopes => 16_384,
            // 512 bytes of the cap each.
            Self::Metrics => 32_768,
            // 256 bytes of the cap each; a Collector's batch has 8,192 points.
            Self::Points => 65_536,
            // 32 bytes of the cap each, which is a short name and a short value.
            Self::Attributes => 524_288,
            Self::Entities => 16_384,
            // One for every fourth point.
            Self::Exemplars => 16_384,
            // Two of every point.
            Self::Quantiles => 131_072,
            // 8,192 points with 160 buckets, and half as much again.
            Self::Buckets => 2 << 20,
        }
    }

    /// As a refusal says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batches => "batches",
            Self::Entries => "entries in 32-bit columns",
            Self::Words => "entries in 64-bit columns",
            Self::Sketches => "sketches",
            Self::Resources => "resourceMetrics",
            Self::Scopes => "scopeMetrics",
            Self::Metrics => "metrics",
            Self::Points => "data points",
            Self::Attributes => "attributes (with values in lists and maps)",
            Self::Entities => "entityRefs",
            Self::Exemplars => "exemplars",
            Self::Quantiles => "quantile values",
            Self::Buckets => "histogram buckets and bounds",
        }
    }

    /// Memory of one of it, at most.
    const fn bytes_each(self) -> usize {
        match self {
            Self::Batches => 4 * size_of::<v1::Batch>() + 32 * HEAP,
            Self::Entries => 3 * size_of::<u32>(), // twice, and the one that grows
            Self::Words | Self::Buckets => 2 * size_of::<u64>(),
            Self::Sketches => 4 * size_of::<bytes::Bytes>(),
            Self::Resources => 4 * size_of::<ResourceMetrics>() + 5 * HEAP,
            Self::Scopes => 4 * size_of::<ScopeMetrics>() + 5 * HEAP,
            Self::Metrics => 4 * size_of::<Metric>() + 5 * HEAP,
            Self::Points => 4 * POINT + 4 * HEAP,
            Self::Attributes => 5 * size_of::<KeyValue>() + 2 * HEAP, // and the one that grows
            Self::Entities => 4 * size_of::<EntityRef>() + 4 * HEAP,
            Self::Exemplars => 4 * size_of::<Exemplar>() + 3 * HEAP,
            Self::Quantiles => 4 * size_of::<ValueAtQuantile>(),
        }
    }

    const fn bytes_max(self) -> usize {
        self.max() * self.bytes_each()
    }
}

// === impl Counts ===

impl Counts {
    /// Counts, and says what there is too much of.
    pub(super) fn add(&mut self, kind: Kind, count: usize) -> Result<(), Kind> {
        let total = &mut self.0[kind as usize];
        *total += count; // at most the bytes of the message
        if *total > kind.max() { Err(kind) } else { Ok(()) }
    }

    /// The memory that a message of so many bytes with all this becomes, at most.
    pub(super) fn decoded_bytes(&self, bytes: usize) -> usize {
        let counted = ALL.iter().map(|kind| self.0[*kind as usize] * kind.bytes_each());
        TEXT_MULTIPLE * bytes + counted.sum::<usize>()
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}
