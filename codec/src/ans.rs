//! Table-driven asymmetric numeral systems (tANS): a symbol costs the logarithm of its share, in
//! fractions of a bit too, where a prefix code spends one bit at the least.
//!
//! A state is a number below `1 << log`, each belongs to one symbol, and a symbol has as many as its
//! share asks for. Reading a symbol is looking at the state; its entry says how many bits to read for
//! the state after it. Writing goes from the last symbol to the first.
//!
//! Source: Duda, "Asymmetric numeral systems", 2013; the spreading of the states and the arithmetic
//! are those of Collet's FSE (RFC 8878, section 4.1).

use crate::error::Flaw;

/// States are at most this many bits: 4,096, so that a decoder's table is at most 64 KiB.
pub(crate) const LOG_MAX: u32 = 12;
/// Fewer would not be spread by the step below.
pub(crate) const LOG_MIN: u32 = 5;

/// One state of a decoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    pub(crate) symbol: u16,
    /// The next state is this and the number in the next `bits` bits.
    pub(crate) next: u16,
    pub(crate) bits: u8,
}

/// Writes symbols, last first.
#[derive(Debug)]
pub(crate) struct Encoder {
    symbols: Vec<Transition>,
    /// For each symbol, one after the other: its states, ascending.
    states: Vec<u16>,
}

/// How a symbol changes the state.
#[derive(Debug, Clone, Copy)]
struct Transition {
    /// Added to a state, it has the number of bits to write above bit 16.
    bits: u32,
    /// Added to a state less those bits, it is the place of the next state.
    place: i32,
}

/// Shares of `1 << log` states as `counts` of `total` ask for; one state at least for what occurs.
pub(crate) fn shares(counts: &[u32], log: u32) -> Vec<u16> {
    let (states, total) = (1u64 << log, counts.iter().map(|count| u64::from(*count)).sum::<u64>());
    debug_assert!(counts.iter().filter(|count| **count > 0).count() as u64 <= states, "BUG: too few states");
    let share = |count: &u32| match u64::from(*count) {
        0 => 0,
        count => ((count * states + total / 2) / total.max(1)).max(1) as i64,
    };
    let mut shares: Vec<i64> = counts.iter().map(share).collect();
    // What rounding made too many or too few is settled with those who feel it least.
    let mut missing = states as i64 - shares.iter().sum::<i64>();
    while missing != 0 {
        let Some(largest) = shares.iter_mut().max() else { break };
        let step = missing.clamp(-(*largest / 8).max(1), (*largest / 8).max(1));
        *largest += step;
        missing -= step;
    }
    shares.into_iter().map(|share| share as u16).collect()
}

/// The symbol of each state; `shares` add up to `1 << log`.
fn spread(shares: &[u16], log: u32) -> Vec<u16> {
    let states = 1 << log;
    let (step, mask) = ((states >> 1) + (states >> 3) + 3, states - 1);
    let mut spread = vec![0; states];
    let mut at = 0;
    for (symbol, share) in shares.iter().enumerate() {
        for _ in 0..*share {
            spread[at] = symbol as u16;
            at = (at + step) & mask;
        }
    }
    spread
}

/// The decoder's table, state by state.
pub(crate) fn states(shares: &[u16], log: u32) -> Result<impl Iterator<Item = State>, Flaw> {
    if !(LOG_MIN..=LOG_MAX).contains(&log) {
        return Err(Flaw("the table of a binned column has not 5 to 12 bits"));
    }
    if shares.iter().map(|share| u64::from(*share)).sum::<u64>() != 1 << log {
        return Err(Flaw("the shares of a binned column do not fill its table"));
    }
    let mut next: Vec<u32> = shares.iter().map(|share| u32::from(*share)).collect();
    Ok(spread(shares, log).into_iter().map(move |symbol| {
        let number = &mut next[usize::from(symbol)];
        let bits = log - number.ilog2();
        let state = State { symbol, next: ((*number << bits) - (1 << log)) as u16, bits: bits as u8 };
        *number += 1;
        state
    }))
}

// === impl Encoder ===

impl Encoder {
    pub(crate) fn new(shares: &[u16], log: u32) -> Self {
        let mut start = 0;
        let transition = |share: &u16| {
            let share = u32::from(*share);
            let bits_max = log - share.saturating_sub(1).checked_ilog2().unwrap_or(0);
            let bits = (bits_max << 16).wrapping_sub(share << bits_max);
            let transition = Transition { bits, place: start - share as i32 };
            start += share as i32;
            transition
        };
        let symbols: Vec<Transition> = shares.iter().map(transition).collect();
        let mut places: Vec<usize> =
            symbols.iter().zip(shares).map(|(t, share)| (t.place + i32::from(*share)) as usize).collect();
        let mut states = vec![0; 1 << log];
        for (state, symbol) in spread(shares, log).into_iter().enumerate() {
            let place = &mut places[usize::from(symbol)];
            states[*place] = ((1 << log) + state) as u16;
            *place += 1;
        }
        Self { symbols, states }
    }

    /// Puts `symbol` in front of what `state` stands for. The low bits of the state before, as many as
    /// are returned, must be written. States here are counted from `1 << log`.
    #[inline]
    pub(crate) fn push(&self, symbol: usize, state: &mut u32) -> u32 {
        let Transition { bits, place } = self.symbols[symbol];
        let bits = state.wrapping_add(bits) >> 16;
        *state = u32::from(self.states[((*state >> bits) as i32 + place) as usize]);
        bits
    }
}
