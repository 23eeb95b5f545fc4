//! How often which numbers occur in a column, and from that what each coding would cost: one pass
//! over the numbers answers for all codings.
//!
//! Costs are estimates, a percent or so off, and whole numbers throughout: which mode a block gets
//! must not depend on the rounding of a logarithm on some machine.

use crate::classes::{self, CLASSES};
use crate::commons::{Commons, listing_bits};
use crate::fibonacci;
use crate::varint::{unzigzag, zigzag};

/// A class's share and its gap to the class before, as Fibonacci codes.
const CLASS_LISTING_BITS: u64 = 10;

/// Numbers are few if they are one in so many.
const RARE: usize = 16;

/// Logarithms are in parts of 1/256 bit.
const FRACTION_BITS: u32 = 8;

/// What residuals are counted from, and so whether they have a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// From one in the middle.
    Centred,
    /// From the least.
    Rising,
}

/// The symbols of a column: classes, then common numbers.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) shape: Shape,
    pub(crate) commons: Commons,
    /// The symbol of each residual.
    pub(crate) symbols: Vec<u16>,
    /// How often each symbol occurs.
    pub(crate) counts: Vec<u32>,
}

/// The Fibonacci bits of a number of each class, by shape.
static FIBONACCI_BITS: [[u8; CLASSES]; 2] = [fibonacci_bits(Shape::Centred), fibonacci_bits(Shape::Rising)];

const fn fibonacci_bits(shape: Shape) -> [u8; CLASSES] {
    let mut bits = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        bits[class] = number_bits(shape, classes::midpoint(class)) as u8;
        class += 1;
    }
    bits
}

const fn number_bits(shape: Shape, number: u64) -> u32 {
    match shape {
        Shape::Rising => fibonacci::length(number.saturating_add(1)),
        Shape::Centred => fibonacci::length(number.div_ceil(2) + 1) + (number != 0) as u32,
    }
}

/// The logarithm of a number above 0, in parts of 1/256: with a parabola between powers of two, good to
/// three of them.
fn log2(number: u32) -> u64 {
    let whole = number.ilog2();
    let part = ((u64::from(number) << FRACTION_BITS) >> whole) - (1 << FRACTION_BITS);
    (u64::from(whole) << FRACTION_BITS) + part + ((part * (256 - part) * 88) >> 16)
}

// === impl Shape ===

impl Shape {
    /// A residual as a number to be coded.
    #[inline]
    pub(crate) fn number(self, residual: u64) -> u64 {
        match self {
            Self::Centred => zigzag(residual),
            Self::Rising => residual,
        }
    }

    #[inline]
    pub(crate) fn residual(self, number: u64) -> u64 {
        match self {
            Self::Centred => unzigzag(number),
            Self::Rising => number,
        }
    }
}

// === impl Tally ===

impl Tally {
    /// Without common numbers.
    pub(crate) fn of(shape: Shape, residuals: &[u64]) -> Self {
        Self::with(shape, residuals, Commons::default())
    }

    pub(crate) fn with(shape: Shape, residuals: &[u64], commons: Commons) -> Self {
        let mut counts = vec![0; CLASSES + commons.numbers.len()];
        let mut count = |symbol: usize| {
            counts[symbol] += 1;
            symbol as u16
        };
        let numbers = residuals.iter().map(|residual| shape.number(*residual));
        let symbols = if commons.is_empty() {
            numbers.map(|number| count(classes::class(number))).collect()
        } else {
            let symbol =
                |number| commons.place(number).map_or(classes::class(number), |place| CLASSES + place);
            numbers.map(|number| count(symbol(number))).collect()
        };
        Self { shape, commons, symbols, counts }
    }

    /// All of a column, with the common numbers that a sample had. Where the others that share a class are
    /// few altogether, the sample had too few of them to tell, and all are looked at.
    pub(crate) fn of_all(shape: Shape, residuals: &[u64], sampled: Commons) -> Self {
        let tally = Self::with(shape, residuals, sampled);
        let sharing: u32 = tally.counts[classes::SHARED_MIN as usize..CLASSES].iter().sum();
        if sharing == 0 || RARE * sharing as usize > residuals.len() {
            return tally;
        }
        let numbers = residuals.iter().map(|residual| shape.number(*residual));
        let commons = Commons::of(numbers, &tally.counts, 1);
        if commons.is_empty() { tally } else { Self::with(shape, residuals, commons) }
    }

    /// How many residuals are zero.
    pub(crate) fn zeros(&self) -> usize {
        self.counts[0] as usize
    }

    /// The bits as Fibonacci codes.
    pub(crate) fn fibonacci_bits(&self) -> u64 {
        let bits = &FIBONACCI_BITS[self.shape as usize];
        let (classes, commons) = self.counts.split_at(CLASSES);
        let of_classes = classes.iter().zip(bits).map(|(count, bits)| u64::from(*count) * u64::from(*bits));
        let of_commons = commons.iter().zip(&self.commons.numbers);
        let of_commons =
            of_commons.map(|(count, number)| u64::from(*count) * u64::from(number_bits(self.shape, *number)));
        of_classes.sum::<u64>() + of_commons.sum::<u64>()
    }

    /// The bits by share, and those of listing the shares: these do not grow with the column.
    pub(crate) fn binned_bits(&self) -> (u64, u64) {
        let all = log2(self.symbols.len().max(1) as u32);
        let (mut bits, mut listing) =
            (0, self.commons.numbers.iter().map(|number| listing_bits(*number)).sum());
        for (symbol, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let raw = if symbol < CLASSES { classes::raw_bits(symbol) } else { 0 };
            bits += u64::from(*count) * (all - log2(*count) + (u64::from(raw) << FRACTION_BITS));
            listing += if symbol < CLASSES { CLASS_LISTING_BITS } else { 0 };
        }
        (bits >> FRACTION_BITS, listing)
    }
}
