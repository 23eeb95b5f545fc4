//! Compaction: minutes that nobody adds to any more, turned round.
//!
//! In:    the slab blocks of a metric's hour, late ones too, and what earlier compactions made of that hour.
//! Out:   one [`crate::KvBatch`]: pages and hour blocks, the day's blocks if the day has some, and the deletion of exactly
//!        those slab blocks that were read. Before and after it a reader of a snapshot sees the same rows.
//! Kept:  [`CompactOptions::work_bytes_max`] of decoded rows, and the batch, which is about as large as the blocks that it replaces.
//! Never: two writers. Whoever commits these batches is the only one that writes pages, hours and days.
//!
//! What holds in every snapshot:
//! 1. a row lies in the slabs, in the pages of its hour or in the folded page of its day, never in two of them;
//! 2. an hour's blocks are its pages merged by series, for as long as the pages are kept;
//! 3. a day's blocks, when there are any, are its hours' blocks merged, for as long as these are kept;
//! 4. a folded day has blocks of the day, and neither pages nor blocks of its hours.
//!
//! Where retention has taken the pages, late rows are merged into the hour's blocks (2 becomes what is left of it), and
//! where it has taken the hours, into the day's.

mod day;
mod due;
mod fold;
mod hour;
mod planner;
mod slabs;
mod writer;

pub(crate) use day::build_day;
pub use day::close_day;
pub use due::Settled;
pub(crate) use fold::{folded, unfold_day};
pub use hour::{CompactOptions, compact_hour};
pub use planner::{Chore, Planner};
