//! What can be wrong with a new series.

use model::{LocalId, MetricId};
use thiserror::Error;

/// A series that was not taken in; the index is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HintsError {
    /// Local ids are given out in ascending order and are read back so.
    #[error(
        "BUG: series {got} of metric {metric:?} came after series {newest}: insert in ascending order, once each"
    )]
    Order {
        /// The metric's name.
        metric: String,
        /// The last one that was inserted.
        newest: LocalId,
        /// The one that came.
        got: LocalId,
    },
    /// One metric of one account has one id.
    #[error("BUG: metric {metric:?} has id {have} and came with id {got}")]
    MetricId {
        /// The metric's name.
        metric: String,
        /// Its id so far.
        have: MetricId,
        /// The id that came.
        got: MetricId,
    },
    /// Offsets into a table of values are 32 bits wide.
    #[error(
        "the values of dimension {dim:?} of metric {metric:?} exceed {max} bytes: drop or shorten this dimension"
    )]
    Full {
        /// The metric's name.
        metric: String,
        /// The dimension's name.
        dim: String,
        /// The limit.
        max: u64,
    },
}
