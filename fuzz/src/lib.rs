//! What the targets share: input that gets past frames and checksums, and the promises that are held.
//!
//! Random bytes would never get past a checksum. So a target reads its input as what lies behind the checksums, and
//! this crate puts those around it.

mod columns;
mod disk;
mod frames;
mod island;
mod pieces;
mod sink;

pub use columns::{VALUES_MAX, block, check};
pub use disk::{Entry, disk, entries, join};
pub use frames::{mended_block, mended_segment, record};
pub use island::{LIMITS, check_disk, check_records};
pub use pieces::{glue, pieces};
pub use sink::{NOW, check_publish, with_frontend};
