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

// === impl Stamp ===

impl Stamp {
    /// Of a publisher that a person named.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.epoch == 0
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_publisher_for_ever() {
        assert_eq!(PublisherId::named("nightly-import"), PublisherId::named("nightly-import"));
        assert_ne!(PublisherId::named("nightly-import"), PublisherId::named("nightly-Import"));
    }

    #[test]
    fn stamps_order_by_life_and_then_by_sequence() {
        let stamp = |epoch, sequence| Stamp { publisher: PublisherId(7), epoch, sequence };
        assert!(stamp(1, 9) < stamp(2, 0) && stamp(2, 0) < stamp(2, 1));
        assert_eq!(stamp(1, 9).to_string(), "00000000000000000000000000000007/1/9");
    }
}
