//! Bits written last first, for codes that are made from the end of a column to its front; they are
//! read forwards, by [`crate::bits::BitReader`].
//!
//! The first byte begins with zeros, as many as the bits lack to whole bytes, and a one.

/// A stack of bits: what is written last is read first.
#[derive(Debug)]
pub(crate) struct BackWriter {
    /// Full words, the last of the stream first.
    words: Vec<u64>,
    /// What comes before them.
    word: u64,
    /// Bits used in `word`, 0 to 64.
    filled: u32,
}

// === impl BackWriter ===

impl BackWriter {
    pub(crate) const fn new() -> Self {
        Self { words: Vec::new(), word: 0, filled: 0 }
    }

    /// Puts the low `width` bits of `bits`, 0 to 63, in front of all; those above must be zero.
    #[inline]
    pub(crate) fn write(&mut self, bits: u64, width: u32) {
        debug_assert!(width < 64 && bits >> width == 0, "BUG: {bits:#x} in {width} bits");
        let filled = self.filled + width;
        if filled <= 64 {
            self.word = self.word << width | bits;
            self.filled = filled;
            return;
        }
        // The word is completed by the upper bits of `bits`; width is above 0, and so is what is left.
        let left = filled - 64;
        self.words.push((self.word << (width - left)) | bits >> left);
        self.word = bits & ((1 << left) - 1);
        self.filled = left;
    }

    /// The bytes, and the mark in front of them.
    pub(crate) fn finish(self) -> Vec<u8> {
        let marked = u128::from(self.word) << 1 | 1;
        let bytes = (self.filled as usize + 1).div_ceil(8);
        let front = marked << (8 * bytes - self.filled as usize - 1);
        let mut out = Vec::with_capacity(bytes + 8 * self.words.len());
        out.extend_from_slice(&front.to_le_bytes()[..bytes]);
        self.words.iter().rev().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out
    }
}
