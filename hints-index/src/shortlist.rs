//! Which positions of a block can pass, by the lists of the values that conditions ask for, before a column is touched.

use crate::bits::{Bits, WORDS};
use crate::postings::{BLOCK, CHUNKS};
use crate::verdict::Verdict;

/// What is left to be asked of the columns of a block.
pub(crate) struct Shortlist<'a> {
    /// `None` when no condition has lists here: all positions are left.
    positions: Option<Positions>,
    /// Conditions that are not met by being on it.
    pub(crate) left: Vec<&'a Verdict<'a>>,
}

/// Some positions of a block.
struct Positions {
    words: Vec<u64>,
    len: usize,
}

// === impl Shortlist ===

impl<'a> Shortlist<'a> {
    /// `verdicts` come with the strictest first.
    pub(crate) fn of(verdicts: &'a [Verdict<'a>], block: usize) -> Self {
        let mut list = Self { positions: None, left: Vec::new() };
        for verdict in verdicts {
            match verdict.lists(block, list.positions.as_ref().map_or(BLOCK, |have| have.len)) {
                Some(lists) => list.positions = Some(Positions::of(&lists, list.positions.as_ref())),
                None => list.left.push(verdict),
            }
        }
        list
    }

    /// Those of a chunk of the block; `None` when all of it is left.
    pub(crate) fn chunk(&self, chunk: usize) -> Option<Bits> {
        let positions = self.positions.as_ref()?;
        let words = positions.words.as_chunks().0.get(chunk % CHUNKS);
        Some(words.map_or(Bits::NONE, |words| Bits(*words)))
    }
}

// === impl Positions ===

impl Positions {
    /// Those on the lists that are also in `within`.
    fn of(lists: &[&[u16]], within: Option<&Self>) -> Self {
        let mut positions = Self { words: vec![0; CHUNKS * WORDS], len: 0 };
        for at in lists.iter().flat_map(|list| list.iter()).map(|at| usize::from(*at)) {
            let bit = 1 << (at % 64);
            if within.is_none_or(|within| within.words[at / 64] & bit != 0) {
                positions.words[at / 64] |= bit;
                positions.len += 1;
            }
        }
        positions
    }
}
