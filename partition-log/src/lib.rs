//! The log of one partition: what was acknowledged is here, in order, by offset.
//!
//! In:    records, opaque bytes.
//! Out:   acks, and the durable records to whoever reads.
//! Kept:  what has not been released.
//! Lost on a crash: what was not acknowledged.

mod budget;
pub mod conformance;
pub mod disk;
mod embedded;
mod faulty;
pub mod limits;
mod log;
mod memory;
mod random;

pub use embedded::{EmbeddedLog, Inspected, LogConfig, OpenError, Opened, Recovery, inspect};
pub use faulty::{Faults, FaultyLog};
pub use log::{
    Ack, AppendError, Entry, Offset, PartitionLog, ReadError, ReleaseError, append_async, append_blocking,
};
pub use memory::MemoryLog;
