//! The vocabulary of Sluice: what a series, a minute and an aggregate are, and what may be done with them.
//!
//! No I/O, no clock, no threads. Everything here is a value; time arrives as an argument.
//! The numbers' meaning is written once in this crate and used by client, island, store and query alike.

#![warn(missing_docs)]

mod aggregate;
mod distinct;
mod distribution;
mod limits;
mod matcher;
mod minute;
mod number;
mod placement;
mod publisher;
mod rates;
mod refusal;
mod retention;
mod sampling;
mod scalars;
mod series;
mod sketch_error;
mod wire;

pub use aggregate::{Aggregate, Sketches};
pub use distinct::{Distinct, element_hash};
pub use distribution::{Bounds, BoundsError, Distribution};
pub use limits::{
    BOUNDS_MAX, Limits, OPEN_MINUTES_MAX, PUBLISHER_WINDOW, ROWS_PER_BATCH_MAX, SEQUENCES_IN_FLIGHT_MAX,
};
pub use matcher::{Matcher, MatcherError, Op};
pub use minute::{Minute, MinuteRange};
pub use number::Number;
pub use placement::{Placement, PlacementError};
pub use publisher::{PublisherId, Stamp};
pub use rates::Rates;
pub use refusal::{Reason, Refusal};
pub use retention::Retention;
pub use sampling::{Sampling, UnknownSampling};
pub use scalars::{Kinds, Scalars};
pub use series::{Dims, LocalId, MetricHash, MetricId, SeriesHash, SeriesKey, metric_hash, series_hash};
pub use sketch_error::SketchError;
