//! One RocksDB a partition.
//!
//! Memory, per partition: [`RocksOptions::write_buffer_bytes`] twice per family at the most while one is written out,
//! together never more than [`WRITE_BUFFERS`] of them; the block cache is shared by all partitions that were given
//! the same one, and holds index and filter blocks too.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, ErrorKind,
    LogLevel, Options, ReadOptions, Snapshot, WriteBatch, WriteOptions,
};

use crate::kv::Each;
use crate::{Cf, Kv, KvBatch, KvOp, KvSnapshot, StoreError};

/// What a partition may use.
#[derive(Clone)]
pub struct RocksOptions {
    /// Shared by partitions when the same one is passed in.
    pub cache: Cache,
    /// What a family gathers in memory before it writes a file.
    pub write_buffer_bytes: usize,
}

/// A partition's store on a disk.
pub struct RocksKv {
    db: DB,
    dir: PathBuf,
}

struct RocksSnapshot<'a> {
    kv: &'a RocksKv,
    snapshot: Snapshot<'a>,
}

/// For a partition that was given no cache.
const CACHE_BYTES: usize = 32 << 20;
/// Three families write at once only at a seal; two of them are small.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
const WRITE_BUFFERS: usize = 4;
/// A slab is one large value, so a family's blocks hold one or a few of them; the dictionary's are small.
const BLOCK_BYTES: usize = 16 << 10;
/// Two cores, both busy with other things.
const BACKGROUND_JOBS: i32 = 2;
/// RocksDB's own log files: enough to see what happened before the last restart.
const INFO_LOGS: usize = 2;
const INFO_LOG_BYTES: usize = 1 << 20;
/// Spreads the kernel's write-back instead of stalling at the end of a large file.
const SYNC_BYTES: u64 = 1 << 20;

// === impl RocksOptions ===

impl Default for RocksOptions {
    fn default() -> Self {
        Self { cache: Cache::new_lru_cache(CACHE_BYTES), write_buffer_bytes: WRITE_BUFFER_BYTES }
    }
}

impl RocksOptions {
    fn database(&self) -> Options {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_paranoid_checks(true);
        options.set_db_write_buffer_size(WRITE_BUFFERS * self.write_buffer_bytes);
        options.set_max_total_wal_size((WRITE_BUFFERS * self.write_buffer_bytes) as u64);
        options.set_max_background_jobs(BACKGROUND_JOBS);
        options.set_bytes_per_sync(SYNC_BYTES);
        options.set_max_open_files(256);
        options.set_keep_log_file_num(INFO_LOGS);
        options.set_max_log_file_size(INFO_LOG_BYTES);
        options.set_log_level(LogLevel::Warn);
        options
    }

    fn family(&self, cf: Cf) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&self.cache);
        blocks.set_block_size(BLOCK_BYTES);
        blocks.set_cache_index_and_filter_blocks(true);
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(self.write_buffer_bytes);
        options.set_max_write_buffer_number(2);
        options.set_compression_type(match cf {
            Cf::Slabs => DBCompressionType::None, // codec has done it
            Cf::Series | Cf::State => DBCompressionType::Lz4,
        });
        options
    }
}

// === impl RocksKv ===

impl RocksKv {
    /// Opens the store in this directory, made when it is not there, with a cache of its own.
    ///
    /// # Errors
    /// When it is in use, corrupt, or cannot be written.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, &RocksOptions::default())
    }

    /// The same, with a cache that others share.
    ///
    /// # Errors
    /// As [`RocksKv::open`].
    pub fn open_with(dir: &Path, options: &RocksOptions) -> Result<Self, StoreError> {
        let families = Cf::ALL.map(|cf| ColumnFamilyDescriptor::new(cf.name(), options.family(cf)));
        let db = DB::open_cf_descriptors(&options.database(), dir, families)
            .map_err(|why| weather("open", dir, &why))?;
        Ok(Self { db, dir: dir.to_owned() })
    }

    /// What the store in this directory holds at this moment, also beside the process that writes it. Nothing is
    /// written, not even a lock or a log file, and [`Kv::commit`] fails.
    ///
    /// # Errors
    /// When there is no store, or it is corrupt, or a file went away while it was opened: then try again.
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let options = RocksOptions::default();
        let families = Cf::ALL.map(|cf| ColumnFamilyDescriptor::new(cf.name(), options.family(cf)));
        let mut database = options.database();
        database.create_if_missing(false);
        database.create_missing_column_families(false);
        database.set_max_open_files(-1); // all at once, so that none can be compacted away under a reader
        let db = DB::open_cf_descriptors_read_only(&database, dir, families, false)
            .map_err(|why| weather("open", dir, &why))?;
        Ok(Self { db, dir: dir.to_owned() })
    }

    fn family(&self, cf: Cf) -> &ColumnFamily {
        self.db.cf_handle(cf.name()).expect("opened with all families, and none is ever dropped")
    }

    fn property(&self, cf: Cf, name: &str) -> u64 {
        self.db.property_int_value_cf(self.family(cf), name).ok().flatten().unwrap_or(0)
    }

    fn read_error(&self, why: &rocksdb::Error) -> StoreError {
        weather("read", &self.dir, why)
    }
}

impl Kv for RocksKv {
    fn commit(&self, batch: KvBatch) -> Result<(), StoreError> {
        let mut changes = WriteBatch::default();
        for op in batch.into_ops() {
            match op {
                KvOp::Put { cf, key, value } => changes.put_cf(self.family(cf), key, value),
                KvOp::Delete { cf, key } => changes.delete_cf(self.family(cf), key),
                KvOp::DeleteRange { cf, from, to } => changes.delete_range_cf(self.family(cf), from, to),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(changes, &options).map_err(|why| weather("write to", &self.dir, &why))
    }

    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(cf), key).map_err(|why| self.read_error(&why))
    }

    fn snapshot(&self) -> Box<dyn KvSnapshot + '_> {
        Box::new(RocksSnapshot { kv: self, snapshot: self.db.snapshot() })
    }

    /// Files, and what is still in memory, which is in the write-ahead log.
    fn disk_bytes(&self) -> u64 {
        let each = |cf| {
            self.property(cf, "rocksdb.total-sst-files-size")
                + self.property(cf, "rocksdb.size-all-mem-tables")
        };
        Cf::ALL.into_iter().map(each).sum()
    }
}

// === impl RocksSnapshot ===

impl KvSnapshot for RocksSnapshot<'_> {
    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.snapshot.get_cf(self.kv.family(cf), key).map_err(|why| self.kv.read_error(&why))
    }

    fn range(&self, cf: Cf, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        if to <= from {
            return Ok(());
        }
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(to);
        let mut cursor = self.snapshot.raw_iterator_cf_opt(self.kv.family(cf), options);
        cursor.seek(from);
        while let Some((key, value)) = cursor.item() {
            if let ControlFlow::Break(()) = each(key, value)? {
                return Ok(());
            }
            cursor.next();
        }
        cursor.status().map_err(|why| self.kv.read_error(&why)) // an iterator also ends where it cannot read on
    }
}

/// RocksDB's error in the house's words.
fn weather(doing: &'static str, dir: &Path, why: &rocksdb::Error) -> StoreError {
    let (dir, text) = (dir.to_owned(), why.to_string());
    match why.kind() {
        ErrorKind::Corruption => StoreError::Corrupt { dir, why: text },
        // It has no kind of its own: "While lock file: …/LOCK: Resource temporarily unavailable", or "lock hold by
        // current process".
        ErrorKind::IOError if text.contains("lock file") || text.contains("lock hold") => {
            StoreError::Locked { dir }
        }
        _ => StoreError::Io { doing, dir, why: text },
    }
}
