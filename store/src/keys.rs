//! Keys. Numbers are big endian, so that keys sort as the numbers do.
//!
//! ```text
//! Slabs   │ metric id u32 │ minute u32 │ log offset of the seal u64 │
//! Pages   │ metric id u32 │ hour u32   │ last local id u32 │    or 2^31 + day in the place of the hour: a folded day
//! Hours   │ metric id u32 │ hour u32   │ last local id u32 │
//! Days    │ metric id u32 │ day u32    │ last local id u32 │
//! Series  │ 'M' │ metric id u32 │
//!         │ 'S' │ local series id u32 │
//! State   │ 'C' │                        the checkpoint's head; what else there is belongs to the island
//! ```
//!
//! `M` sorts before `S`: one pass over the family meets every metric before the first series that names it.

use model::{LocalId, MetricId, Minute, MinuteRange};

use crate::{Cf, StoreError, Tier};

/// The checkpoint's head in [`crate::Cf::State`].
pub const CHECKPOINT_KEY: &[u8] = b"C";

pub(crate) const METRIC_TAG: u8 = b'M';
pub(crate) const SERIES_TAG: u8 = b'S';

/// Where a slab block is stored. Late rows of a sealed minute come with a later seal and are one more block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlabKey {
    /// The metric within the partition.
    pub metric: MetricId,
    /// The minute of the rows.
    pub minute: Minute,
    /// The log offset of the seal that brought them.
    pub seal_offset: u64,
}

/// Where a part of a metric's hour or day is stored: a run of its series, ascending, named by the last of them. So the
/// part that holds a series is the first at or after its id, and parts need no number that later series would upset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartKey {
    /// The metric within the partition.
    pub metric: MetricId,
    /// Hours or days since 1970; of a folded day's page [`PartKey::FOLDED`] and the day.
    pub period: u32,
    /// The greatest local id in it.
    pub last: LocalId,
}

// === impl SlabKey ===

impl SlabKey {
    /// Bytes of a key.
    pub const BYTES: usize = 16;

    /// The first key that a block of this metric and minute can have.
    #[must_use]
    pub fn first(metric: MetricId, minute: Minute) -> Self {
        Self { metric, minute, seal_offset: 0 }
    }

    /// Of what a family's iterator came upon.
    pub(crate) fn read(key: &[u8]) -> Result<Self, StoreError> {
        Self::from_bytes(key).ok_or_else(|| no_key(Cf::Slabs, key, Self::BYTES))
    }

    /// As it sorts on disk.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut key = [0; Self::BYTES];
        key[..4].copy_from_slice(&self.metric.to_be_bytes());
        key[4..8].copy_from_slice(&self.minute.0.to_be_bytes());
        key[8..].copy_from_slice(&self.seal_offset.to_be_bytes());
        key
    }

    /// Back from [`SlabKey::to_bytes`]; `None` when these are not 16 bytes.
    #[must_use]
    pub fn from_bytes(key: &[u8]) -> Option<Self> {
        let (metric, rest) = key.split_first_chunk()?;
        let (minute, rest) = rest.split_first_chunk()?;
        Some(Self {
            metric: u32::from_be_bytes(*metric),
            minute: Minute(u32::from_be_bytes(*minute)),
            seal_offset: u64::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

// === impl PartKey ===

impl PartKey {
    /// Bytes of a key.
    pub const BYTES: usize = 12;
    /// In the period of a page: it is of a whole day. No hour is that late.
    pub const FOLDED: u32 = 1 << 31;

    /// When the rows of this part of a family are.
    #[must_use]
    pub fn span(self, cf: Cf) -> MinuteRange {
        match (cf, self.period & Self::FOLDED) {
            (Cf::Days, _) => Tier::Day.range(self.period),
            (_, 0) => Tier::Hour.range(self.period),
            _ => Tier::Day.range(self.period & !Self::FOLDED),
        }
    }

    /// Of what a family's iterator came upon.
    pub(crate) fn read(cf: Cf, key: &[u8]) -> Result<Self, StoreError> {
        Self::from_bytes(key).ok_or_else(|| no_key(cf, key, Self::BYTES))
    }

    /// As it sorts on disk.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut key = [0; Self::BYTES];
        key[..4].copy_from_slice(&self.metric.to_be_bytes());
        key[4..8].copy_from_slice(&self.period.to_be_bytes());
        key[8..].copy_from_slice(&self.last.to_be_bytes());
        key
    }

    /// Back from [`PartKey::to_bytes`]; `None` when these are not 12 bytes.
    #[must_use]
    pub fn from_bytes(key: &[u8]) -> Option<Self> {
        let (metric, rest) = key.split_first_chunk()?;
        let (period, rest) = rest.split_first_chunk()?;
        Some(Self {
            metric: u32::from_be_bytes(*metric),
            period: u32::from_be_bytes(*period),
            last: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

impl std::fmt::Display for SlabKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "slab block (metric id {}, minute {}, seal {})", self.metric, self.minute, self.seal_offset)
    }
}

/// A key in an error.
pub(crate) fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn no_key(cf: Cf, key: &[u8], bytes: usize) -> StoreError {
    let what = format!("{} key {}", cf.name(), hex(key));
    StoreError::damaged(what, &format!("it is not {bytes} bytes long"))
}

/// All keys of a metric in a family that sorts by metric are in `[from, to)`.
pub(crate) fn metric_keys(metric: MetricId) -> (Vec<u8>, Vec<u8>) {
    // Behind the last metric of all: longer than any key of its own.
    let to = metric.checked_add(1).map_or(vec![0xFF; SlabKey::BYTES + 1], |next| next.to_be_bytes().to_vec());
    (metric.to_be_bytes().to_vec(), to)
}

/// Where a metric's record is stored in [`crate::Cf::Series`].
#[must_use]
pub fn metric_key(metric: MetricId) -> [u8; 5] {
    tagged(METRIC_TAG, metric)
}

/// Where a series' record is stored in [`crate::Cf::Series`].
#[must_use]
pub fn series_key(series: LocalId) -> [u8; 5] {
    tagged(SERIES_TAG, series)
}

/// The id in a key with this tag.
pub(crate) fn id_of(tag: u8, key: &[u8]) -> Option<u32> {
    let (first, id) = key.split_first()?;
    (*first == tag).then_some(u32::from_be_bytes(id.try_into().ok()?))
}

fn tagged(tag: u8, id: u32) -> [u8; 5] {
    let [a, b, c, d] = id.to_be_bytes();
    [tag, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = SlabKey> {
        let small = prop_oneof![0_u32..3, any::<u32>()];
        (small, any::<u32>(), any::<u64>()).prop_map(|(metric, minute, seal_offset)| SlabKey {
            metric,
            minute: Minute(minute),
            seal_offset,
        })
    }

    proptest! {
        #[test]
        fn keys_sort_as_what_they_mean(a in keys(), b in keys()) {
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            prop_assert_eq!(SlabKey::from_bytes(&a.to_bytes()), Some(a));
        }

        #[test]
        fn every_metric_sorts_before_every_series(metric: u32, series: u32) {
            prop_assert!(metric_key(metric) < series_key(series));
            prop_assert_eq!(id_of(METRIC_TAG, &metric_key(metric)), Some(metric));
            prop_assert_eq!(id_of(METRIC_TAG, &series_key(series)), None);
        }
    }

    #[test]
    fn what_has_another_length_is_no_key() {
        assert_eq!(SlabKey::from_bytes(&[0; 15]), None);
        assert_eq!(SlabKey::from_bytes(&[0; 17]), None);
        assert_eq!(id_of(SERIES_TAG, b"S"), None);
    }
}
