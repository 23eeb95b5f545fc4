//! Pages that have left this machine: where they are, how they get there, and how they are read back.
//!
//! In:    pages of days that are over for long.
//! Out:   packs, one object or more a partition and day; in the place of each page a [`Reference`] to its bytes there.
//! Kept:  pages that were read back, in a cache by bytes.
//! Never: a reference to a pack that is not durable: first the pack, then one batch of references, then what nobody
//!        refers to any more. A query that waits for a store that is away: it misses the page, and says so.

mod cache;
mod move_out;
mod reference;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub use move_out::{Moved, move_out, sweep};
pub use reference::Reference;

use crate::objects::{ObjectError, Objects, Patience};
use crate::{KvSnapshot, StoreError};
use cache::Cache;

/// After the store was away, nobody asks it for so long: a query of a thousand pages must not wait a thousand times.
const AWAY_FOR: Duration = Duration::from_secs(5);

/// The object store of a process's partitions, and what of it is in memory.
pub struct Cold {
    /// For upkeep, which has time.
    objects: Objects,
    /// For queries, which have not.
    reads: Objects,
    cache: Mutex<Cache>,
    /// Until when it is not asked, and why.
    away: Mutex<Option<(Instant, String)>>,
}

/// The page itself, wherever it lies: as the value of its key, or in the object store.
///
/// # Errors
/// When the reference or what it leads to is damaged, or the object store cannot be asked.
pub(crate) fn page<'a>(snapshot: &dyn KvSnapshot, value: &'a [u8]) -> Result<Cow<'a, [u8]>, StoreError> {
    match Reference::read(value)? {
        None => Ok(Cow::Borrowed(value)),
        Some(reference) => snapshot.fetch(&reference).map(Cow::Owned),
    }
}

/// Has the page moved out? Also where its reference is damaged.
pub(crate) fn is_reference(value: &[u8]) -> bool {
    !matches!(Reference::read(value), Ok(None))
}

// === impl Cold ===

impl Cold {
    /// Packs below this URL; at most so many bytes of pages in memory. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// When the URL is none, or a setting is missing.
    pub fn open(url: &str, cache_bytes: usize) -> Result<Self, ObjectError> {
        Ok(Self {
            objects: Objects::open(url, Patience::STEADY)?,
            reads: Objects::open(url, Patience::SHORT)?,
            cache: Mutex::new(Cache::new(cache_bytes)),
            away: Mutex::new(None),
        })
    }

    /// Where packs are.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// A page's bytes, from memory or from its pack.
    ///
    /// # Errors
    /// When the store cannot be asked, or what it holds is not the page.
    pub fn fetch(&self, reference: &Reference) -> Result<Vec<u8>, StoreError> {
        if let Some(page) = self.cache.lock().get(reference) {
            return Ok(page);
        }
        let away = || StoreError::cold(reference);
        if let Some((until, why)) = &*self.away.lock()
            && Instant::now() < *until
        {
            return Err(away()(why));
        }
        let end = reference.offset + u64::from(reference.length);
        let page = match self.reads.get_range(&reference.pack, reference.offset..end) {
            Ok(page) => page.to_vec(),
            Err(gone @ ObjectError::NotFound { .. }) => {
                return Err(StoreError::damaged(reference.to_string(), &gone));
            }
            Err(why) => {
                *self.away.lock() = Some((Instant::now() + AWAY_FOR, why.to_string()));
                return Err(away()(&why.to_string()));
            }
        };
        if crc32c::crc32c(&page) != reference.crc {
            return Err(StoreError::damaged(reference.to_string(), "its crc32c does not fit"));
        }
        self.cache.lock().put(reference.clone(), page.clone());
        Ok(page)
    }
}
