//! A snapshot that reads on where some of it cannot be read, and remembers what it passed over.

use parking_lot::Mutex;

use crate::cold::Reference;
use crate::keys::{PartKey, SlabKey, hex};
use crate::kv::Each;
use crate::salvage::range_past_damage;
use crate::{Cf, KvSnapshot, StoreError, parts};

/// Blocks that could not be read, or not be fetched, and were left out. Their number is right; of their names there may
/// be fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// How many blocks, or stretches of them of which nobody knows how many they held.
    pub blocks: u64,
    /// Each with what is wrong with it, the first [`Damage::NAMES_MAX`].
    pub names: Vec<String>,
    /// Pages that lie sound in an object store which could not be asked. They are not among the others.
    pub away: u64,
    /// The first of them, and why.
    pub away_name: Option<String>,
}

/// See the module.
pub(crate) struct PastDamage<'a> {
    inner: &'a dyn KvSnapshot,
    lost: Mutex<Damage>,
}

// === impl Damage ===

impl Damage {
    /// Enough to see what it is; `sluice verify` names all.
    pub const NAMES_MAX: usize = 16;

    /// One more. What is no damage, but a disk that does not answer or a format of a later version, is given back.
    ///
    /// # Errors
    /// `why`, when it is no damage.
    pub fn add(&mut self, why: StoreError) -> Result<(), StoreError> {
        match why {
            StoreError::Damaged { what, why } => self.name(format!("{what} ({why})")),
            StoreError::Cold { what, why } => {
                self.away += 1;
                self.away_name.get_or_insert_with(|| format!("{what} ({why})"));
            }
            why => return Err(why),
        }
        Ok(())
    }

    /// Those of another scan as well.
    pub fn merge(&mut self, other: &Self) {
        let unnamed = other.blocks - other.names.len() as u64;
        other.names.iter().for_each(|name| self.name(name.clone()));
        self.blocks += unnamed;
        self.away += other.away;
        if self.away_name.is_none() {
            self.away_name.clone_from(&other.away_name);
        }
    }

    fn name(&mut self, name: String) {
        self.blocks += 1;
        if self.names.len() < Self::NAMES_MAX {
            self.names.push(name);
        }
    }
}

// === impl PastDamage ===

impl<'a> PastDamage<'a> {
    pub(crate) fn new(inner: &'a dyn KvSnapshot) -> Self {
        Self { inner, lost: Mutex::default() }
    }

    /// What was passed over.
    pub(crate) fn into_lost(self) -> Damage {
        self.lost.into_inner()
    }
}

impl KvSnapshot for PastDamage<'_> {
    fn fetch(&self, page: &Reference) -> Result<Vec<u8>, StoreError> {
        self.inner.fetch(page)
    }

    fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(cf, key)
    }

    fn range(&self, cf: Cf, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        range_past_damage(self.inner, cf, from, to, each, &mut |first, next, why| {
            let why = match why {
                StoreError::Corrupt { why, .. } => why,
                other => other.to_string(),
            };
            self.lost.lock().name(format!(
                "{} and what follows up to {} ({why})",
                name(cf, first),
                name(cf, next)
            ));
            Ok(())
        })
    }
}

/// A key in words, as far as it is one.
fn name(cf: Cf, key: &[u8]) -> String {
    let slab = |key: &[u8]| SlabKey::from_bytes(key.get(..SlabKey::BYTES)?).map(|key| key.to_string());
    let part = |key: &[u8]| PartKey::from_bytes(key.get(..PartKey::BYTES)?).map(|key| parts::name(cf, key));
    let named = match cf {
        Cf::Slabs => slab(key),
        Cf::Pages | Cf::Hours | Cf::Days => part(key),
        _ => None,
    };
    named.unwrap_or_else(|| format!("{} key {}", cf.name(), hex(key)))
}
