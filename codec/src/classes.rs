//! Numbers by their leading bits: below 16 each is a class of its own, above that eight classes an
//! octave. A class tells the number but for a few raw bits that look random, as HDR histograms and
//! the codes of zstd and JPEG XL do it.
//!
//! ```text
//! number  0 … 15   16 17   18 19  …  30 31   32–35  …  60–63   64–71  …
//! class   0 … 15   16      17     …  23      24     …  31      32     …  495
//! raw     0        1       1         1       2         2       3         60
//! ```

/// How many there are for 64 bits.
pub(crate) const CLASSES: usize = 496;

/// Numbers from here share a class with others.
pub(crate) const SHARED_MIN: u64 = 16;

/// The class of `number`.
#[inline]
pub(crate) const fn class(number: u64) -> usize {
    let raw = 60 - (number | 8).leading_zeros();
    8 * raw as usize + (number >> raw) as usize
}

/// The bits of a number that its class does not tell.
#[inline]
pub(crate) const fn raw_bits(class: usize) -> u32 {
    if class < SHARED_MIN as usize { 0 } else { class as u32 / 8 - 1 }
}

/// The smallest number of the class.
#[inline]
pub(crate) const fn lowest(class: usize) -> u64 {
    let raw = raw_bits(class);
    (class as u64 - 8 * raw as u64) << raw
}

/// A number in the middle, for estimates.
pub(crate) const fn midpoint(class: usize) -> u64 {
    lowest(class) + ((1 << raw_bits(class)) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_adjoin() {
        for each in 0..CLASSES {
            let last = lowest(each) + ((1 << raw_bits(each)) - 1);
            assert_eq!((class(lowest(each)), class(midpoint(each)), class(last)), (each, each, each));
            let next = last.checked_add(1).map(class);
            assert_eq!(next, (each + 1 < CLASSES).then_some(each + 1));
        }
    }
}
