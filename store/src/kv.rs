//! The disk as the island sees it: ordered keys in families, atomic batches, snapshots.

use std::ops::ControlFlow;
use std::sync::Arc;

use model::MetricId;

use crate::StoreError;
use crate::cold::{Cold, Reference};

/// The column families; each is a key space of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cf {
    /// Minute slabs: [`crate::SlabKey`] → slab block.
    Slabs,
    /// The minutes of compacted hours, series by series: [`crate::PartKey`] → page.
    Pages,
    /// Compacted hours, a row a series: [`crate::PartKey`] → slab block.
    Hours,
    /// Days, a row a series: [`crate::PartKey`] → slab block.
    Days,
    /// The dictionary: [`crate::metric_key`], [`crate::series_key`] → records.
    Series,
    /// The checkpoint and what else the island keeps; its own business.
    State,
    /// The hints, as the island saves them so that a start need not rebuild them from [`Cf::Series`].
    Hints,
}

/// Where everything durable of a partition lives. Its island writes, and its upkeep, which rewrites what the island has
/// written; any number of readers hold snapshots.
pub trait Kv: Send + Sync {
    /// Applies all of it in order, or nothing. Durable when this returns.
    ///
    /// # Errors
    /// Weather. A crash may also have applied the batch without saying so.
    fn commit(&self, batch: KvBatch) -> Result<(), StoreError>;

    /// The same, but durable only with the next [`Kv::commit`] that returns: a crash may undo it, whole. For what can
    /// be done again, so that nobody waits for the disk.
    ///
    /// # Errors
    /// Weather.
    fn commit_later(&self, batch: KvBatch) -> Result<(), StoreError>;

    /// The newest value of a key.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// All that was committed so far, whatever comes after.
    fn snapshot(&self) -> Box<dyn KvSnapshot + '_>;

    /// The same, for whoever outlives this borrow.
    fn pin(self: Arc<Self>) -> Arc<dyn KvSnapshot>;

    /// Bytes on disk, about.
    fn disk_bytes(&self) -> u64;

    /// Gives the space back that deleted rows of a metric take in a family. What a snapshot still sees stays, so this
    /// is for later, when nobody has one of before the deletion. May take long; nobody waits for it meanwhile.
    ///
    /// # Errors
    /// Weather.
    fn reclaim(&self, _cf: Cf, _metric: MetricId) -> Result<(), StoreError> {
        Ok(())
    }

    /// Throws away all that a family holds, unread, so that nobody meets what is damaged in it any more. For what can be
    /// made again. Durable when this returns; a crash in between leaves all of it or nothing.
    ///
    /// # Errors
    /// Weather.
    fn renew(&self, cf: Cf) -> Result<(), StoreError> {
        let mut batch = KvBatch::new();
        batch.delete_range(cf, [], KEYS_END);
        self.commit(batch)
    }

    /// What [`Cf::Hints`] holds was read, or renewed: from now on the disk may rewrite it by itself. Before, it would meet
    /// damage alone, and stop for all families where one could be made again.
    ///
    /// # Errors
    /// Weather.
    fn settle_hints(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Where old pages move out to; `None` when they stay.
    fn cold(&self) -> Option<ColdPlace<'_>> {
        None
    }
}

/// No key of any family is as large: metric ids and tags are no runs of ones.
const KEYS_END: [u8; 32] = [u8::MAX; 32];

/// An object store, and the name that packs of this store have there.
pub struct ColdPlace<'a> {
    /// The store of objects.
    pub cold: &'a Cold,
    /// A folder that no other store writes to.
    pub place: String,
}

pub(crate) fn no_object_store(page: &Reference) -> StoreError {
    StoreError::cold(page)("no object store is set: set object_store to where it was moved out to")
}

/// A state that does not change any more. Dropped soon: it keeps deleted data on disk.
pub trait KvSnapshot: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `each` with every key in `[from, to)` and its value, ascending, until it breaks or fails. Neither is
    /// copied; they live as long as the call.
    ///
    /// # Errors
    /// When the disk cannot be read, or what `each` returned.
    fn range(&self, cf: Cf, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError>;

    /// A page that has moved out.
    ///
    /// # Errors
    /// When it cannot be read back, for example because no object store is set.
    fn fetch(&self, page: &Reference) -> Result<Vec<u8>, StoreError> {
        Err(no_object_store(page))
    }
}

/// What [`KvSnapshot::range`] calls with key and value.
pub type Each<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvOp {
    /// Sets a key.
    Put {
        /// Where.
        cf: Cf,
        /// The key.
        key: Vec<u8>,
        /// Its value from now on.
        value: Vec<u8>,
    },
    /// Removes a key, if it is there.
    Delete {
        /// Where.
        cf: Cf,
        /// The key.
        key: Vec<u8>,
    },
    /// Removes all keys in `[from, to)`.
    DeleteRange {
        /// Where.
        cf: Cf,
        /// The first key that goes.
        from: Vec<u8>,
        /// The first key after that stays.
        to: Vec<u8>,
    },
}

/// Changes in order; a later one wins over an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvBatch {
    ops: Vec<KvOp>,
}

// === impl KvBatch ===

impl KvBatch {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, cf: Cf, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.ops.push(KvOp::Put { cf, key: key.into(), value: value.into() });
    }

    /// Removes a key, if it is there.
    pub fn delete(&mut self, cf: Cf, key: impl Into<Vec<u8>>) {
        self.ops.push(KvOp::Delete { cf, key: key.into() });
    }

    /// Removes all keys in `[from, to)`; none when `to <= from`.
    pub fn delete_range(&mut self, cf: Cf, from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) {
        let (from, to) = (from.into(), to.into());
        if from < to {
            self.ops.push(KvOp::DeleteRange { cf, from, to });
        }
    }

    /// And then those of another.
    pub fn append(&mut self, mut other: Self) {
        self.ops.append(&mut other.ops);
    }

    /// The changes, in order.
    #[must_use]
    pub fn ops(&self) -> &[KvOp] {
        &self.ops
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ops.iter().map(KvOp::bytes).sum()
    }

    pub(crate) fn into_ops(self) -> Vec<KvOp> {
        self.ops
    }
}

// === impl KvOp ===

impl KvOp {
    fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::Delete { key, .. } => key.len(),
            Self::DeleteRange { from, to, .. } => from.len() + to.len(),
        }
    }
}

// === impl Cf ===

impl Cf {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Slabs, Self::Pages, Self::Hours, Self::Days, Self::Series, Self::State, Self::Hints];

    /// The name on disk; fixed for ever.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Slabs => "slabs",
            Self::Pages => "pages",
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Series => "series",
            Self::State => "state",
            Self::Hints => "hints",
        }
    }
}
