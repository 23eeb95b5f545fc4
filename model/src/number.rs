//! A measured number: an exact integer for as long as it can be one, else a float.

use std::cmp::Ordering;
use std::fmt;

/// Integers beyond this magnitude do not survive a trip through `f64`.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53

/// The first float above every i64, 2^63; its negative is the least i64.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

/// An i64 while every contribution is an integer, else an f64. Never NaN or infinite once admitted.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// Exact.
    Int(i64),
    /// As IEEE 754 rounds.
    Float(f64),
}

// === impl Number ===

impl Number {
    /// A float that is a whole number of at most 2^53 in magnitude counts as the integer it is, so that sums of
    /// `300.0` are exact however they are split. `None` for NaN and the infinities.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        if value.abs() <= FLOAT_EXACT_MAX && value.trunc() == value {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
            return Some(Self::Int(value as i64));
        }
        Some(Self::Float(value))
    }

    /// The nearest float.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// The sum, and whether an i64 overflowed on the way, which makes the result a float.
    #[must_use]
    pub fn plus(self, other: Self) -> (Self, bool) {
        if let (Self::Int(a), Self::Int(b)) = (self, other) {
            return match a.checked_add(b) {
                Some(sum) => (Self::Int(sum), false),
                None => (Self::Float(self.to_f64() + other.to_f64()), true),
            };
        }
        let sum = self.to_f64() + other.to_f64();
        // Finite inputs may still add up beyond f64; the largest finite value is the closest truth that merges on.
        (Self::Float(sum.clamp(f64::MIN, f64::MAX)), false)
    }

    /// A total order by value; where values are equal an integer comes first, then -0.0, then 0.0,
    /// so that min and max do not depend on who arrived first.
    #[must_use]
    pub fn total_cmp(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(&b),
            (Self::Int(a), Self::Float(b)) => cmp_int_float(a, b),
            (Self::Float(a), Self::Int(b)) => cmp_int_float(b, a).reverse(),
        }
    }

    /// The integer, when the value is one that an i64 holds; equal values become equal numbers, and equal text.
    #[must_use]
    pub fn canonical(self) -> Self {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within i64")]
            Self::Float(value) if value.trunc() == value && (-INT_END..INT_END).contains(&value) => {
                Self::Int(value as i64)
            }
            other => other,
        }
    }

    /// 64 bits, and whether they are a float's: the form of columns and cells.
    #[must_use]
    pub fn to_bits(self) -> (u64, bool) {
        match self {
            Self::Int(value) => (value.cast_unsigned(), false),
            Self::Float(value) => (value.to_bits(), true),
        }
    }

    /// Back from [`Number::to_bits`].
    #[must_use]
    pub fn from_bits(bits: u64, is_float: bool) -> Self {
        if is_float { Self::Float(f64::from_bits(bits)) } else { Self::Int(bits.cast_signed()) }
    }
}

/// Exact also beyond 2^53, where a cast would round.
fn cmp_int_float(int: i64, float: f64) -> Ordering {
    if float >= INT_END {
        return Ordering::Less;
    }
    if float < -INT_END {
        return Ordering::Greater;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked just above")]
    let whole = float.trunc() as i64;
    int.cmp(&whole)
        .then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Less))
        .then(Ordering::Less)
}

/// A sign and 19 digits.
pub(crate) const DECIMAL_BYTES_MAX: usize = 20;

/// The same as [`fmt::Display`], without its allocation.
pub(crate) fn decimal(value: i64, buffer: &mut [u8; DECIMAL_BYTES_MAX]) -> &[u8] {
    let (mut at, mut rest) = (DECIMAL_BYTES_MAX, value.unsigned_abs());
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

impl PartialEq for Number {
    /// The same kind and the same bits.
    fn eq(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_floats_are_integers() {
        assert_eq!(Number::from_f64(300.0), Some(Number::Int(300)));
        assert_eq!(Number::from_f64(-0.0), Some(Number::Int(0)));
        assert_eq!(Number::from_f64(0.5), Some(Number::Float(0.5)));
        assert_eq!(Number::from_f64(1e300), Some(Number::Float(1e300)));
        assert_eq!(Number::from_f64(f64::NAN), None);
        assert_eq!(Number::from_f64(f64::INFINITY), None);
        assert_eq!(Number::Float(-0.0).canonical(), Number::Int(0));
        assert_eq!(Number::Float(1e18).canonical(), Number::Int(1_000_000_000_000_000_000));
        assert_eq!(Number::Float(INT_END).canonical(), Number::Float(INT_END));
        assert_eq!(Number::Float(-INT_END).canonical(), Number::Int(i64::MIN));
    }

    proptest! {
        #[test]
        fn the_order_is_total_and_by_value(a in numbers(), b in numbers(), c in numbers()) {
            prop_assert_eq!(a.total_cmp(b), b.total_cmp(a).reverse());
            prop_assert_eq!(a.total_cmp(b) == Ordering::Equal, a == b);
            if a.total_cmp(b).is_le() && b.total_cmp(c).is_le() {
                prop_assert!(a.total_cmp(c).is_le());
            }
            // Rounding an integer to a float never turns an order round.
            prop_assert!(a.total_cmp(b).is_gt() || a.to_f64() <= b.to_f64());
        }

        #[test]
        fn digits_are_those_of_display(value: i64, shift in 0_u32..64) {
            for value in [value >> shift, i64::MIN, i64::MAX, 0] {
                let mut buffer = [0; DECIMAL_BYTES_MAX];
                let text = value.to_string();
                prop_assert_eq!(decimal(value, &mut buffer), text.as_bytes());
            }
        }

        #[test]
        fn bits_come_back(number in numbers()) {
            let (bits, is_float) = number.to_bits();
            prop_assert_eq!(Number::from_bits(bits, is_float), number);
        }

        #[test]
        fn the_canonical_form_has_the_same_value(number in numbers()) {
            let text = number.canonical().to_string();
            prop_assert_eq!(number.canonical().to_f64(), number.to_f64());
            prop_assert_eq!(text.parse::<f64>().unwrap(), number.to_f64());
            prop_assert!(!text.contains(['e', 'E', '+']) && text != "-0");
        }
    }

    fn numbers() -> impl Strategy<Value = Number> {
        let near_the_ends = prop_oneof![Just(0_i64), Just(1 << 53), Just(i64::MAX - 2), Just(i64::MIN + 2)];
        let ints = (near_the_ends, -2_i64..=2).prop_map(|(near, by)| near + by).boxed();
        let halves = (ints.clone(), prop_oneof![Just(0.0), Just(0.5), Just(-0.5)]);
        prop_oneof![
            ints.prop_map(Number::Int),
            halves.prop_map(|(int, by)| Number::Float(int as f64 + by)),
            any::<i64>().prop_map(Number::Int),
            any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(Number::Float),
            Just(Number::Float(-0.0)),
        ]
    }

    #[test]
    fn an_overflow_says_so() {
        assert_eq!(
            Number::Int(i64::MAX).plus(Number::Int(1)),
            (Number::Float(9_223_372_036_854_775_808.0), true)
        );
        assert_eq!(Number::Int(1).plus(Number::Float(0.5)), (Number::Float(1.5), false));
        assert_eq!(Number::Float(f64::MAX).plus(Number::Float(f64::MAX)), (Number::Float(f64::MAX), false));
    }

    #[test]
    fn order_is_exact_beyond_what_a_float_can_hold() {
        let big = (1_i64 << 53) + 1;
        assert_eq!(Number::Int(big).total_cmp(Number::Float(FLOAT_EXACT_MAX)), Ordering::Greater);
        assert_eq!(Number::Int(i64::MAX).total_cmp(Number::Float(9.3e18)), Ordering::Less);
        assert_eq!(Number::Int(i64::MIN).total_cmp(Number::Float(-9.3e18)), Ordering::Greater);
        assert_eq!(Number::Int(2).total_cmp(Number::Float(2.5)), Ordering::Less);
        assert_eq!(Number::Int(-2).total_cmp(Number::Float(-2.5)), Ordering::Greater);
        assert_eq!(Number::Float(2.5).total_cmp(Number::Int(3)), Ordering::Less);
    }
}
