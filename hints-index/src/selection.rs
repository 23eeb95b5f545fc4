//! The positions within a metric that a query is about.

use roaring::RoaringBitmap;

use crate::CHUNK;
use crate::bits::{Bits, WORDS};

/// Positions, ascending and without repeats.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// `0..len`: every series of the metric.
    All(u32),
    /// These: 4 MB for any of 30 M, and a few bytes for a few.
    Some(RoaringBitmap),
}

/// Gathers the sets of chunks, which come in order.
#[derive(Default)]
pub(crate) struct Gather {
    all: RoaringBitmap,
    /// One container of the bitmap: its chunks come one after the other, and empty ones not at all.
    container: usize,
    words: Vec<u64>,
}

/// So few positions of a container are added one by one: a bitmap of it is 8 KB to go through.
const FEW: usize = 256;

/// Positions of one container.
const CONTAINER: usize = 1 << 16;

const _: () = assert!(CONTAINER.is_multiple_of(CHUNK));

// === impl Selection ===

impl Selection {
    /// None at all.
    pub const NONE: Self = Self::All(0);

    /// How many series.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::All(len) => *len as usize,
            Self::Some(positions) => positions.len() as usize, // positions are 32 bits wide
        }
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::All(len) => *len == 0,
            Self::Some(positions) => positions.is_empty(),
        }
    }

    /// Is this position among them?
    #[must_use]
    pub fn contains(&self, position: u32) -> bool {
        match self {
            Self::All(len) => position < *len,
            Self::Some(positions) => positions.contains(position),
        }
    }

    /// The positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (all, some) = match self {
            Self::All(len) => (0..*len, None),
            Self::Some(positions) => (0..0, Some(positions.iter())),
        };
        all.chain(some.into_iter().flatten())
    }
}

// === impl Gather ===

impl Gather {
    pub(crate) fn push(&mut self, chunk: usize, bits: &Bits) {
        let (container, at) = (chunk * CHUNK / CONTAINER, chunk % (CONTAINER / CHUNK) * WORDS);
        if bits.is_empty() {
            return;
        }
        if container != self.container {
            self.flush();
            self.container = container;
        }
        self.words.resize(at, 0);
        self.words.extend_from_slice(&bits.0);
    }

    pub(crate) fn finish(mut self) -> RoaringBitmap {
        self.flush();
        self.all
    }

    fn flush(&mut self) {
        let from = (self.container * CONTAINER) as u32; // positions are 32 bits wide
        if self.words.iter().map(|word| word.count_ones() as usize).sum::<usize>() <= FEW {
            let positions = self.words.chunks_exact(WORDS).zip((from..).step_by(CHUNK));
            for (words, from) in positions {
                let bits = Bits(std::array::from_fn(|at| words[at]));
                self.all.extend(bits.iter().map(|at| from + at as u32)); // below CHUNK
            }
        } else {
            let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.all |= RoaringBitmap::from_lsb0_bytes(from, &bytes);
        }
        self.words.clear();
    }
}
