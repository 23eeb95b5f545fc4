//! Which series exist, which values their dimensions have, and when they had data: exact, in memory.
//!
//! In:    (account, metric, local id, dimensions), once per new series, ascending by local id within a metric; at a
//!        seal, the series that it brought rows of.
//! Out:   for a metric the series that fulfil conditions and had data in a range, values with counts, and its
//!        dimensions as dictionary-coded columns.
//! Kept:  per metric the local ids, per dimension a column of value ids (0 = absent) and the table of its values, by
//!        hour the series that had data. What has changed is saved now and then, so that a start need not rebuild it.
//! Never: a guess: where it does not know, it says so. No clock and no I/O.
//!
//! Everything about a series is found at its *position*: its index among the series of its metric.
//!
//! ```text
//! local_ids  │  7 │  9 │ 12 │ 40 │        values of Region
//! Api        │  1 │  2 │  1 │  2 │        1 → WestUS
//! Region     │  1 │  0 │  2 │             2 → EastUS     a column that ends early is absent from there on
//! ```
//!
//! Columns are cut into chunks of 4,096 series. A chunk that is full is packed into as few bits as its numbers need and
//! never changes again, so clones share it; what is copied while a clone is alive is the open chunk, the lists of
//! chunks, and what a seal changes of a chunk's activity.

#![warn(missing_docs)]

// Numbers in few bits.
mod bits;
mod bytes;
mod ids;
mod packed;
mod postings;
mod set;

// What the series are.
mod dim;
mod names;
mod values;

// Which of them, and when.
mod activity;
mod search;
mod selection;
mod shortlist;
mod verdict;

// All of it, and its way to the disk.
mod error;
mod index;
mod journal;
mod load;
mod metric;
mod save;

pub use dim::Dim;
pub use error::{HintsError, LoadError};
pub use ids::LocalIds;
pub use index::{DIMENSIONS_MAX, HOURS_KEPT, HintsIndex};
pub use journal::Journal;
pub use load::Loader;
pub use metric::{Active, MetricIndex};
pub use save::{Change, HEAD_KEY, JOURNAL_KEYS, SAVED_KEYS, journal_key};
pub use search::{Search, Values};
pub use selection::Selection;
pub use values::ValueTable;

/// The id of a value within its dimension of its metric: 1, 2, 3 … by first appearance. 0 is the absent value.
pub type ValueId = u32;

/// What a column holds where the series has no such dimension.
pub const ABSENT: ValueId = 0;

/// Series of a chunk. The open one is copied at most once a seal: 4 bytes a series and column are 100 KB for five.
pub(crate) const CHUNK: usize = 4096;
