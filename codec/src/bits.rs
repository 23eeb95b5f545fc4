//! Bits in bytes, a word at a time; the first bit written is the lowest bit of the first byte.

use crate::error::Flaw;

/// How many bits [`BitReader::peek`] shows at least: a word, less the seven it may start inside a byte.
pub(crate) const PEEK_BITS: u32 = 57;

/// Appends bits to a byte buffer. Only [`BitWriter::finish`] writes the last, partial word.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    word: u64,
    /// Bits used in `word`; always below 64.
    filled: u32,
}

/// Reads bits. Past the end it shows zeros, and [`BitReader::finish`] then reports it, so that the
/// loops over values need no check of their own.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits from the front of `bytes`.
    at: usize,
}

/// The bits from a place on, lowest first: [`PEEK_BITS`] or more of them, then zeros.
#[inline]
pub(crate) fn peek(bytes: &[u8], at: usize) -> u64 {
    let byte = at / 8;
    match bytes.get(byte..byte + 8).and_then(<[u8]>::as_array::<8>) {
        Some(word) => u64::from_le_bytes(*word) >> (at % 8),
        None => peek_tail(bytes, at),
    }
}

#[cold]
fn peek_tail(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at / 8..).unwrap_or_default();
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(word) >> (at % 8)
}

// === impl BitWriter ===

impl<'a> BitWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, word: 0, filled: 0 }
    }

    /// Appends the low `width` bits of `bits`, 0 to 64; those above must be zero.
    #[inline]
    pub(crate) fn write(&mut self, bits: u64, width: u32) {
        debug_assert!(width <= 64 && (width == 64 || bits >> width == 0), "BUG: {bits:#x} in {width} bits");
        self.word |= bits << self.filled;
        let filled = self.filled + width;
        if filled < 64 {
            self.filled = filled;
            return;
        }
        self.out.extend_from_slice(&self.word.to_le_bytes());
        // Two steps, as a shift by all 64 is not defined when `filled` was 0.
        self.word = (bits >> 1) >> (63 - self.filled);
        self.filled = filled - 64;
    }

    /// Fills the last byte with zeros.
    pub(crate) fn finish(self) {
        let used = self.filled.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.word.to_le_bytes()[..used]);
    }
}

// === impl BitReader ===

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// From a place in bits.
    pub(crate) fn from(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The next bits, lowest first: [`PEEK_BITS`] or more of them, then zeros.
    #[inline]
    pub(crate) fn peek(&self) -> u64 {
        peek(self.bytes, self.at)
    }

    /// How many bits were passed.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Moves on by at most 64 bits, also past the end.
    #[inline]
    pub(crate) fn skip(&mut self, width: u32) {
        self.at += width as usize;
    }

    /// The next `width` bits, 0 to 64.
    #[inline]
    pub(crate) fn read(&mut self, width: u32) -> u64 {
        debug_assert!(width <= 64, "BUG: {width} bits do not fit a word");
        if width <= PEEK_BITS {
            let bits = self.peek() & ((1 << width) - 1);
            self.skip(width);
            return bits;
        }
        let low = self.read(32);
        low | self.read(width - 32) << 32
    }

    pub(crate) fn bits_left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// What follows the byte that holds the last bit read.
    pub(crate) fn finish(self) -> Result<&'a [u8], Flaw> {
        self.bytes.get(self.at.div_ceil(8)..).ok_or(Flaw("the codes run past the end of the payload"))
    }
}
