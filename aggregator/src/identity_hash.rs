//! A hasher for keys that spread well enough as they are: local ids count up from 0.

use std::hash::{BuildHasher, Hasher};

/// Builds [`IdentityHasher`]s.
#[derive(Clone, Copy, Default)]
pub(crate) struct IdentityHash;

/// One multiplication, so that the top bits (which the table looks at too) differ.
#[derive(Default)]
pub(crate) struct IdentityHasher(u64);

/// 2^64 / golden ratio (Knuth, TAOCP 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

// === impl IdentityHash ===

impl BuildHasher for IdentityHash {
    type Hasher = IdentityHasher;

    fn build_hasher(&self) -> IdentityHasher {
        IdentityHasher::default()
    }
}

// === impl IdentityHasher ===

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, key: u32) {
        self.write_u64(u64::from(key));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = (self.0 ^ key).wrapping_mul(SPREAD);
    }
}
