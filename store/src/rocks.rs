//! One RocksDB a partition.
//!
//! Memory, per partition: [`RocksOptions::write_buffer_bytes`] twice per family at the most while one is written out,
//! together never more than [`WRITE_BUFFERS`] of them; the block cache is shared by all partitions that were given
//! the same one, and holds index and filter blocks too.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use model::MetricId;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BlockBasedOptions, BoundColumnFamily, Cache, ColumnFamilyDescriptor, DBCompressionType, DBWithThreadMode,
    ErrorKind, LogLevel, MultiThreaded, Options, ReadOptions, SnapshotWithThreadMode, WriteBatch,
    WriteOptions,
};

use crate::cold::{Cold, Reference};
use crate::keys::metric_keys;
use crate::kv::{ColdPlace, Each, no_object_store};
use crate::{Cf, Kv, KvBatch, KvOp, KvSnapshot, StoreError};

/// A family can be dropped and made anew while others are used ([`Kv::renew`]).
type Db = DBWithThreadMode<MultiThreaded>;

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
    db: Db,
    dir: PathBuf,
    options: RocksOptions,
    /// Where its old pages are.
    cold: OnceLock<Arc<Cold>>,
}

struct RocksSnapshot<'a> {
    kv: &'a RocksKv,
    snapshot: SnapshotWithThreadMode<'a, Db>,
}

self_cell::self_cell!(
    /// A snapshot with the store that it is of.
    struct RocksPin {
        owner: Arc<RocksKv>,
        #[covariant]
        dependent: RocksSnapshot,
    }
);

/// For a partition that was given no cache.
const CACHE_BYTES: usize = 32 << 20;
/// A seal writes three families of which two are small, upkeep three others.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
const WRITE_BUFFERS: usize = 4;
/// A slab is one large value, so a family's blocks hold one or a few of them; the dictionary's are small.
const BLOCK_BYTES: usize = 16 << 10;
/// So many deletions among so many neighbouring keys make a file due for RocksDB's own compaction.
const DELETIONS_SEEN: usize = 512;
const DELETIONS_MANY: usize = 256;
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
        if cf == Cf::Slabs {
            // Upkeep deletes every slab within hours: files that hold mostly deletions are written anew, so that space
            // returns and a seek does not walk over what is gone.
            options.add_compact_on_deletion_collector_factory(DELETIONS_SEEN, DELETIONS_MANY, 0.0);
        }
        options.set_disable_auto_compactions(cf == Cf::Hints); // until Kv::settle_hints
        options.set_compression_type(match cf {
            Cf::Series | Cf::State => DBCompressionType::Lz4,
            _ => DBCompressionType::None, // they come packed
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
        let db = Db::open_cf_descriptors(&options.database(), dir, families)
            .map_err(|why| weather("open", dir, &why))?;
        Ok(Self { db, dir: dir.to_owned(), options: options.clone(), cold: OnceLock::new() })
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
        // An older version knew fewer families; what is not there is empty.
        let have = Db::list_cf(&database, dir).map_err(|why| weather("open", dir, &why))?;
        let families = families.into_iter().filter(|family| have.iter().any(|name| name == family.name()));
        let db = Db::open_cf_descriptors_read_only(&database, dir, families, false)
            .map_err(|why| weather("open", dir, &why))?;
        Ok(Self { db, dir: dir.to_owned(), options, cold: OnceLock::new() })
    }

    /// From now on pages that have moved out are read back from there, and others may move out. Once.
    pub fn set_cold(&self, cold: Arc<Cold>) {
        self.cold.get_or_init(|| cold);
    }

    /// A copy of the store as it is now, in a directory that does not exist yet, on the same file system. What is in
    /// files already is linked, not copied, so this takes milliseconds whatever the store's size; what is in memory is
    /// written out first.
    ///
    /// # Errors
    /// When the directory is there, or the disk says no.
    pub fn checkpoint(&self, dir: &Path) -> Result<(), StoreError> {
        let copied = Checkpoint::new(&self.db).and_then(|checkpoint| checkpoint.create_checkpoint(dir));
        copied.map_err(|why| weather("copy the store to", dir, &why))
    }

    /// `None` of a store of an older version that was opened read-only, and of a family while it is renewed.
    fn known(&self, cf: Cf) -> Option<Arc<BoundColumnFamily<'_>>> {
        self.db.cf_handle(cf.name())
    }

    fn property(&self, cf: Cf, name: &str) -> u64 {
        self.known(cf)
            .and_then(|family| self.db.property_int_value_cf(&family, name).ok().flatten())
            .unwrap_or(0)
    }

    fn family(&self, cf: Cf) -> Result<Arc<BoundColumnFamily<'_>>, StoreError> {
        let why = || format!("family {} was dropped and could not be made anew", cf.name());
        self.known(cf).ok_or_else(|| StoreError::Io { doing: "write to", dir: self.dir.clone(), why: why() })
    }

    fn write(&self, batch: KvBatch, sync: bool) -> Result<(), StoreError> {
        let mut changes = WriteBatch::default();
        for op in batch.into_ops() {
            match op {
                KvOp::Put { cf, key, value } => changes.put_cf(&self.family(cf)?, key, value),
                KvOp::Delete { cf, key } => changes.delete_cf(&self.family(cf)?, key),
                KvOp::DeleteRange { cf, from, to } => changes.delete_range_cf(&self.family(cf)?, from, to),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.db.write_opt(changes, &options).map_err(|why| weather("write to", &self.dir, &why))
    }

    fn read_error(&self, why: &rocksdb::Error) -> StoreError {
        weather("read", &self.dir, why)
    }
}

impl Kv for RocksKv {
    fn commit(&self, batch: KvBatch) -> Result<(), StoreError> {
        self.write(batch, true)
    }

    /// One write-ahead log for all families, in order: what is synced later takes this along. Nor can families come
    /// apart when the power fails: where there are several, RocksDB syncs the log before it writes a family's file.
    fn commit_later(&self, batch: KvBatch) -> Result<(), StoreError> {
        self.write(batch, false)
    }

    /// Only files that overlap the metric's keys are written anew.
    fn reclaim(&self, cf: Cf, metric: MetricId) -> Result<(), StoreError> {
        let (from, to) = metric_keys(metric);
        self.db.compact_range_cf(&self.family(cf)?, Some(from), Some(to));
        Ok(())
    }

    /// Files go with their family, whatever is wrong with them. A start that finds none makes it anew; of the write-ahead
    /// log, what was for the old one is passed over.
    fn renew(&self, cf: Cf) -> Result<(), StoreError> {
        let dropped = self.db.drop_cf(cf.name());
        dropped
            .and_then(|()| self.db.create_cf(cf.name(), &self.options.family(cf)))
            .map_err(|why| weather("make a family anew in", &self.dir, &why))
    }

    fn settle_hints(&self) -> Result<(), StoreError> {
        self.db
            .set_options_cf(&self.family(Cf::Hints)?, &[("disable_auto_compactions", "false")])
            .map_err(|why| weather("set options of", &self.dir, &why))
    }

    fn cold(&self) -> Option<ColdPlace<'_>> {
        let cold = self.cold.get()?;
        // Its own, whatever it is a copy of: two stores never share a pack that one of them would remove.
        let identity = String::from_utf8(self.db.get_db_identity().ok()?).ok()?;
        Some(ColdPlace { cold, place: identity })
    }

    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(family) = self.known(cf) else { return Ok(None) };
        self.db.get_cf(&family, key).map_err(|why| self.read_error(&why))
    }

    fn snapshot(&self) -> Box<dyn KvSnapshot + '_> {
        Box::new(RocksSnapshot { kv: self, snapshot: self.db.snapshot() })
    }

    fn pin(self: Arc<Self>) -> Arc<dyn KvSnapshot> {
        Arc::new(RocksPin::new(self, |kv| RocksSnapshot { kv, snapshot: kv.db.snapshot() }))
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
    fn fetch(&self, page: &Reference) -> Result<Vec<u8>, StoreError> {
        match self.kv.cold.get() {
            Some(cold) => cold.fetch(page),
            None => Err(no_object_store(page)),
        }
    }

    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(family) = self.kv.known(cf) else { return Ok(None) };
        self.snapshot.get_cf(&family, key).map_err(|why| self.kv.read_error(&why))
    }

    fn range(&self, cf: Cf, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        let Some(family) = self.kv.known(cf).filter(|_| from < to) else { return Ok(()) };
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(to);
        let mut cursor = self.snapshot.raw_iterator_cf_opt(&family, options);
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

impl KvSnapshot for RocksPin {
    fn fetch(&self, page: &Reference) -> Result<Vec<u8>, StoreError> {
        self.borrow_dependent().fetch(page)
    }

    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.borrow_dependent().get(cf, key)
    }

    fn range(&self, cf: Cf, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        self.borrow_dependent().range(cf, from, to, each)
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
