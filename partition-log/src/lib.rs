//! The log of one partition: what was acknowledged is here, in order, by offset.
//!
//! In:    records, opaque bytes.
//! Out:   acks, and the durable records to whoever reads.
//! Kept:  what has not been released.
//! Lost on a crash: what was not acknowledged.
//!
//! [`EmbeddedLog`] is the one of `sluice serve` (its bytes are drawn in `FORMAT.md`), [`KafkaLog`] the one of a cluster,
//! [`MemoryLog`] the one of tests, [`FaultyLog`] the evil twin of any. [`conformance::run`] says what all of them promise.
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
//! Own segments, by measurement (`benches/append.rs`, release profile): the same queue and the same groups on both
//! sides, every group fsynced before its acks. Medians of five alternating runs of 2 s on 2 cores at a load of about
//! 1.6; 1 MiB syncs without any log gave 726 MB/s. On a busy machine speeds and latencies move by a factor of two and
//! more, and RocksDB was then the faster one with small records; the bytes written do not move.
//!
//! | record, appenders | side | MB/s | ack p50 ms | ack p99 ms | CPU s/GB | written per byte | open and replay MB/s |
//! |---|---|---|---|---|---|---|---|
//! | 256 KiB, 1 | segments | 828 | 0.30 | 0.46 | 0.57 | 1.02 | 1,376 |
//! | | RocksDB | 505 | 0.32 | 5.5 | 1.10 | 2.01 | 4,153 |
//! | 256 KiB, 16 | segments | 1,235 | 2.4 | 10 | 0.53 | 1.00 | 8,308 |
//! | | RocksDB | 872 | 3.1 | 21 | 0.93 | 2.00 | 5,298 |
//! | 16 KiB, 1 | segments | 97 | 0.17 | 0.25 | 4.7 | 1.25 | 2,921 |
//! | | RocksDB | 89 | 0.17 | 0.32 | 5.2 | 2.00 | 1,829 |
//! | 16 KiB, 16 | segments | 621 | 0.39 | 0.77 | 0.98 | 1.02 | 7,934 |
//! | | RocksDB | 468 | 0.39 | 5.0 | 1.45 | 2.00 | 3,338 |
//!
//! RocksDB writes every byte twice (its log, then a sorted file), costs 1.1 to 1.9 times the CPU, and has the longer
//! p99. Replay goes either way. And we need what it hides: which byte is torn, which is damaged, and that no sync is
//! tried twice.

mod budget;
pub mod conformance;
pub mod disk;
mod embedded;
mod faulty;
pub mod kafka;
pub mod limits;
mod log;
mod memory;
mod random;

pub use embedded::{EmbeddedLog, Inspected, LogConfig, OpenError, Opened, PassedOver, Recovery, inspect};
pub use faulty::{Faults, FaultyLog};
pub use kafka::{
    ACK_TIMEOUT, KafkaConfig, KafkaLog, KafkaTopic, MESSAGE_BYTES_MAX, OpenError as KafkaOpenError,
};
pub use log::{
    Ack, AppendError, Entry, Offset, PartitionLog, ReadError, ReleaseError, append_async, append_blocking,
};
pub use memory::MemoryLog;
