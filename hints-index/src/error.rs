//! What can be wrong with a new series, and with what was saved.

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
    /// One metric of one account has one id; ids count up from 0.
    #[error("BUG: metric {metric:?} has id {have} and came with id {got}")]
    MetricId {
        /// The metric's name.
        metric: String,
        /// Its id so far, or the one that is due.
        have: MetricId,
        /// The id that came.
        got: MetricId,
    },
    /// The names of all dimensions that a metric ever had.
    #[error("metric {metric:?} has {max} dimensions, and no more fit: use fewer names")]
    Dimensions {
        /// The metric's name.
        metric: String,
        /// The limit.
        max: usize,
    },
}

/// What was saved cannot be used. All of it is rebuilt from the dictionary then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoadError {
    /// A record is not as it was written.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which kind of record.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Records that do not belong together.
    #[error("what was saved contradicts itself: {0}")]
    Contradiction(String),
}
