//! Which series exist, and which values their dimensions have: exact, in memory.
//!
//! In:    (account, metric, local id, dimensions), once per new series, ascending by local id within a metric.
//! Out:   for a metric the series that fulfil conditions, and its dimensions as dictionary-coded columns.
//! Kept:  per metric the local ids, per dimension a column of value ids (0 = absent) and the table of its values.
//! Never: a guess. No clock and no I/O; it is rebuilt from the store's dictionary at start.
//!
//! Everything about a series is found at its *position*: its index among the series of its metric.
//!
//! ```text
//! local_ids  │  7 │  9 │ 12 │ 40 │        values of Region
//! Api        │  1 │  2 │  1 │  2 │        1 → WestUS
//! Region     │  1 │  0 │  2 │             2 → EastUS     a column that ends early is absent from there on
//! ```
//!
//! A clone costs one reference count. A metric is copied when it changes while a clone is alive, and only then; the
//! table of a dimension's values only when a new value comes.

#![warn(missing_docs)]

mod dim;
mod error;
mod index;
mod metric;
mod selection;
mod values;
mod verdict;

pub use dim::Dim;
pub use error::HintsError;
pub use index::HintsIndex;
pub use metric::MetricIndex;
pub use selection::Selection;
pub use values::ValueTable;

/// The id of a value within its dimension of its metric: 1, 2, 3 … by first appearance. 0 is the absent value.
pub type ValueId = u32;

/// What a column holds where the series has no such dimension.
pub const ABSENT: ValueId = 0;
