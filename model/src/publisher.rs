//! Who published a batch, so that a retry is recognised.

use std::fmt;

/// 128 random bits of a process, or the XXH3 of a name that a person chose (`sluice publish --id`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublisherId(pub u128);

/// The identity of a batch. The same stamp always carries the same rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Who.
    pub publisher: PublisherId,
    /// Which life of it: its start in unix nanoseconds; 0 for a publisher that a person named, which has only one.
    pub epoch: u64,
    /// Which batch of that life, from 0, with no more than
    /// [`SEQUENCES_IN_FLIGHT_MAX`](crate::SEQUENCES_IN_FLIGHT_MAX) not acknowledged at once.
    pub sequence: u64,
}

// === impl PublisherId ===

impl PublisherId {
    /// The identity of a publisher that a person named: the same name is the same publisher for ever.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(name.as_bytes()))
    }
}

impl fmt::Display for PublisherId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.publisher, self.epoch, self.sequence)
    }
}
