//! What a partition knows, on disk: minute slabs, pages, hours and days, the dictionary of series, the island's
//! checkpoint.
//!
//! In:    one [`KvBatch`] a seal, applied as a whole or not at all, durable when `commit` returns; one a step of
//!        compaction ([`compact_hour`], [`close_day`]), which changes how rows are kept and not what they are.
//! Out:   [`scan()`]: the rows of one metric over a range of minutes, only the columns that are asked for, and no more
//!        finely than is asked for.
//! Kept:  seven column families of one key-value store a partition; `FORMAT.md` draws every byte.
//! Never: a wrong number. What is damaged is an error that names it. No clock; I/O only below [`Kv`].
//! Lost on a crash: a batch whose `commit` has not returned, whole.

#![warn(missing_docs)]

// The disk, real and simulated.
mod error;
mod kv;
mod memory;
mod rocks;

// The way out of this machine.
pub mod objects;

// What lies on it.
mod keys;
mod series_record;
mod slab;
mod tier;

// What is done with it.
pub mod cold;
mod compact;
mod parts;
mod past_damage;
mod purge;
mod retention;
mod salvage;
mod scan;
mod verify;

pub use compact::{Chore, CompactOptions, Planner, Settled, close_day, compact_hour};
pub use error::StoreError;
pub use keys::{CHECKPOINT_KEY, PartKey, SlabKey, metric_key, series_key};
pub use kv::{Cf, ColdPlace, Each, Kv, KvBatch, KvOp, KvSnapshot};
pub use memory::{CrashPoint, MemoryKv};
pub use past_damage::Damage;
pub use purge::{IsGone, Purge};
pub use retention::{Kept, expire};
pub use rocks::{RocksKv, RocksOptions};
pub use rocksdb::Cache;
pub use salvage::{Lost, range_past_damage};
pub use scan::{Batch, EachBatch, Scan, ScanStats, scan};
pub use series_record::{DictionaryEntry, MetricRecord, SeriesRecord, read_dictionary};
pub use slab::{Columns, PageBlock, Percentile, Profile, SlabBlock, SlabColumns, add_profile};
pub use tier::Tier;
pub use verify::{DAMAGE_LISTED_MAX, FamilyVerified, Verified, verify};
