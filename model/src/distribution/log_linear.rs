//! The automatic layout: which bucket a value falls into, and what a bucket spans.

/// 1,024 buckets in an octave.
const SUB_BITS: u32 = 10;
const EXPONENT_MIN: i32 = -64;
const EXPONENT_MAX: i32 = 64;
/// Bits of an f64's mantissa that a bucket does not look at.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - SUB_BITS;
/// The exponent and sub-bucket of 2^-64, the first that is not zero.
const FIRST: i32 = (EXPONENT_MIN + f64::MAX_EXP - 1) << SUB_BITS;
const TINY: f64 = 1.0 / (1_u128 << 64) as f64;

/// The greatest magnitude's bucket; the least is its negative.
pub(super) const INDEX_MAX: i32 = (EXPONENT_MAX - EXPONENT_MIN) << SUB_BITS;

const _: () = assert!(INDEX_MAX == 131_072);

/// 0 for zero, 1.. for positive values, ..-1 for negative ones: the order of the buckets is the order of the values.
#[inline]
pub(super) fn index_of(value: f64) -> i32 {
    let magnitude = value.abs();
    if magnitude < TINY {
        return 0;
    }
    let index = ((magnitude.to_bits() >> SHIFT) as i32 - FIRST + 1).min(INDEX_MAX);
    if value < 0.0 { -index } else { index }
}

/// Lower and upper bound.
pub(super) fn bounds(index: i32) -> (f64, f64) {
    let edge = |at: i32| f64::from_bits(u64::from((FIRST + at).cast_unsigned()) << SHIFT);
    match index {
        0 => (-TINY, TINY),
        1.. => (edge(index - 1), edge(index)),
        _ => (-edge(-index), -edge(-index - 1)),
    }
}

/// The value that stands for all in a bucket.
pub(super) fn midpoint(index: i32) -> f64 {
    let (low, high) = bounds(index);
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket_and_near_its_midpoint(
            exponent in EXPONENT_MIN..EXPONENT_MAX, mantissa in 1.0..2.0_f64, negative: bool,
        ) {
            let magnitude = mantissa * f64::from(exponent).exp2();
            let value = if negative { -magnitude } else { magnitude };
            let (low, high) = bounds(index_of(value));
            prop_assert!(low <= value && value <= high);
            prop_assert!((midpoint(index_of(value)) - value).abs() <= 0.0005 * magnitude);
        }

        #[test]
        fn the_order_of_buckets_is_the_order_of_values(a: f64, b: f64) {
            prop_assume!(a < b);
            prop_assert!(index_of(a) <= index_of(b));
        }

        #[test]
        fn buckets_touch_and_hold_their_nearer_bound(index in 1..INDEX_MAX) {
            let (low, high) = bounds(index);
            prop_assert_eq!(index_of(low), index);
            prop_assert_eq!(index_of(high.next_down()), index);
            prop_assert_eq!(bounds(index + 1).0, high);
            prop_assert_eq!(bounds(-index), (-high, -low));
            prop_assert_eq!(index_of(-low), -index);
        }
    }

    #[test]
    fn each_edge() {
        check(0.0, 0);
        check(-0.0, 0);
        check(TINY.next_down(), 0);
        check(TINY, 1);
        check(-TINY, -1);
        check(1.0, 64 * 1024 + 1);
        check(2.0, 65 * 1024 + 1);
        check(18_446_744_073_709_551_616.0_f64.next_down(), INDEX_MAX);
        check(18_446_744_073_709_551_616.0, INDEX_MAX);
        check(f64::MAX, INDEX_MAX);
        check(f64::INFINITY, INDEX_MAX);
        check(f64::MIN, -INDEX_MAX);
        check(f64::MIN_POSITIVE, 0);
    }

    #[track_caller]
    fn check(value: f64, expected: i32) {
        assert_eq!(index_of(value), expected);
    }
}
