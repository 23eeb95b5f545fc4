//! The log of one partition: what was acknowledged is here, in order, by offset.
//!
//! In:    records, opaque bytes.
//! Out:   acks, and the durable records to whoever reads.
//! Kept:  what has not been released.
//! Lost on a crash: what was not acknowledged.
//!
//! [`EmbeddedLog`] is the one of `sluice serve` (its bytes are drawn in `FORMAT.md`), [`MemoryLog`] the one of tests,
//! [`FaultyLog`] the evil twin of either. [`conformance::run`] says what all of them promise.
//!
//! ```
//! use std::time::Duration;
//! use partition_log::{EmbeddedLog, LogConfig, PartitionLog, append_blocking};
//!
//! let dir = tempfile::tempdir()?;
//! let log = EmbeddedLog::open(dir.path(), LogConfig::default())?.log;
//! assert_eq!(append_blocking(&log, "a record".into())?, 0);
//! assert_eq!(log.read(0, 1 << 20, Duration::ZERO)?[0].record, "a record");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # RocksDB or own segments
//!
//! Own segments, by measurement (`benches/append.rs`): the same queue and the same groups on both sides, every group
//! fsynced before its acks. Medians of five alternating runs of 2 s on 2 cores that other builds kept busy (load 5–11;
//! 1 MiB syncs without any log gave 136 MB/s). Speeds and latencies move by a factor of two and more from run to run,
//! CPU by a third; the bytes written do not move.
//!
//! | record, appenders | side | MB/s | ack p50 ms | ack p99 ms | CPU s/GB | written per byte | open and replay MB/s |
//! |---|---|---|---|---|---|---|---|
//! | 256 KiB, 1 | segments | 67 | 0.4 | 15 | 0.81 | 1.02 | 951 |
//! | | RocksDB | 62 | 4.0 | 18 | 1.65 | 1.64 | 247 |
//! | 256 KiB, 16 | segments | 361 | 6.3 | 40 | 0.92 | 1.00 | 2,998 |
//! | | RocksDB | 220 | 10.0 | 145 | 1.44 | 1.92 | 624 |
//! | 16 KiB, 1 | segments | 2.9 | 4.4 | 16 | 8.7 | 1.25 | 332 |
//! | | RocksDB | 5.2 | 2.3 | 12 | 7.7 | 1.25 | 117 |
//! | 16 KiB, 16 | segments | 83 | 0.6 | 24 | 1.44 | 1.02 | 1,033 |
//! | | RocksDB | 135 | 0.5 | 14 | 2.63 | 1.99 | 708 |
//!
//! RocksDB writes every byte twice once its memtable fills (its log, then a sorted file), costs 1.6 to 2 times the CPU
//! wherever there is throughput, has the longer p99 with large records, which are what frontends append, and opens
//! and replays 1.5 to 5 times slower. With small records its acks were as fast or faster, perhaps because it lays its
//! log's blocks out ahead, which segments do not. And we need what it hides: which byte is torn, which is damaged, and
//! that no sync is tried twice.

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
