//! Count, sum, min and max of one series in one minute: the part that every row has.

use std::cmp::Ordering;

use crate::Number;

/// Roundings that a measurement may bring into a sum: two of its conversions and that of the addition, and one more for
/// what is neglected of higher order.
const ROUNDINGS_EACH: f64 = 4.0;

/// Roundings of the check itself.
const ROUNDINGS_OF_CHECK: f64 = 8.0;

/// From so many measurements on rounding may make anything of a sum; 2^50 is what the arithmetic of `mean_slack` needs.
const COUNT_CHECKED_MAX: u64 = 1 << 50;

/// Integers beyond this may not have come through a float.
const FLOAT_EXACT_MAX: u64 = 1 << 53;

/// Which of a row's numbers are floats, and whether its sum once overflowed an i64. The same byte in memory,
/// on the wire (`Batch.row_kinds`) and on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(pub u8);

/// 40 bytes: what an open minute keeps per series. `count == 0` means that there is nothing here, and then all is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scalars {
    /// Measurements.
    pub count: u64,
    /// Bits of the sum; [`Kinds::SUM_FLOAT`] says how to read them.
    pub sum: u64,
    /// Bits of the least measurement.
    pub min: u64,
    /// Bits of the greatest measurement.
    pub max: u64,
    /// How to read the three above.
    pub kinds: Kinds,
}

// === impl Kinds ===

impl Kinds {
    /// The sum is an f64.
    pub const SUM_FLOAT: u8 = 1;
    /// The min is an f64.
    pub const MIN_FLOAT: u8 = 2;
    /// The max is an f64.
    pub const MAX_FLOAT: u8 = 4;
    /// The sum is an f64 because adding integers overflowed an i64.
    pub const OVERFLOWED: u8 = 8;
    /// All bits with a meaning; others are refused on the wire.
    pub const KNOWN: u8 = 15;

    /// Is this bit set?
    #[must_use]
    pub fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    fn with(self, bit: u8, on: bool) -> Self {
        if on { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }
}

// === impl Scalars ===

impl Scalars {
    /// One measurement.
    #[must_use]
    pub fn of(value: Number) -> Self {
        Self::new(1, value, value, value)
    }

    /// From its parts.
    #[must_use]
    pub fn new(count: u64, sum: Number, min: Number, max: Number) -> Self {
        let ((sum, s), (min, n), (max, x)) = (sum.to_bits(), min.to_bits(), max.to_bits());
        let kinds =
            Kinds::default().with(Kinds::SUM_FLOAT, s).with(Kinds::MIN_FLOAT, n).with(Kinds::MAX_FLOAT, x);
        Self { count, sum, min, max, kinds }
    }

    /// Nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The sum of all measurements.
    #[must_use]
    pub fn sum(&self) -> Number {
        Number::from_bits(self.sum, self.kinds.has(Kinds::SUM_FLOAT))
    }

    /// The least measurement.
    #[must_use]
    pub fn min(&self) -> Number {
        Number::from_bits(self.min, self.kinds.has(Kinds::MIN_FLOAT))
    }

    /// The greatest measurement.
    #[must_use]
    pub fn max(&self) -> Number {
        Number::from_bits(self.max, self.kinds.has(Kinds::MAX_FLOAT))
    }

    /// The sum is no longer exact because integers overflowed.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.kinds.has(Kinds::OVERFLOWED)
    }

    /// Sum / count; `None` of nothing.
    #[must_use]
    pub fn average(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "an average is a float")]
        (self.count > 0).then(|| self.sum().to_f64() / self.count as f64)
    }

    /// Adds one measurement.
    pub fn record(&mut self, value: Number) {
        self.merge(&Self::of(value));
    }

    /// Adds another's measurements. Commutative and associative; float sums to a few ulps. The count saturates.
    ///
    /// Integer sums of both signs that come near the ends of an i64 may overflow in one order and not in another:
    /// then one answer is exact and the other a float that says [`Scalars::overflowed`], equal to a few ulps.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        if (self.kinds.0 | other.kinds.0) == 0
            && let Some(sum) = self.sum.cast_signed().checked_add(other.sum.cast_signed())
        {
            self.count = self.count.saturating_add(other.count);
            self.sum = sum.cast_unsigned();
            self.min = self.min.cast_signed().min(other.min.cast_signed()).cast_unsigned();
            self.max = self.max.cast_signed().max(other.max.cast_signed()).cast_unsigned();
            return;
        }
        self.merge_mixed(other);
    }

    /// Floats, or integers that overflow.
    fn merge_mixed(&mut self, other: &Self) {
        let (sum, overflowed) = self.sum().plus(other.sum());
        let min =
            if self.min().total_cmp(other.min()) == Ordering::Greater { other.min() } else { self.min() };
        let max = if self.max().total_cmp(other.max()) == Ordering::Less { other.max() } else { self.max() };
        let overflowed = overflowed || self.overflowed() || other.overflowed();
        *self = Self::new(self.count.saturating_add(other.count), sum, min, max);
        self.kinds = self.kinds.with(Kinds::OVERFLOWED, overflowed);
    }

    /// What must hold wherever rows are merged, also of those that were admitted by older rules; the text says what does
    /// not.
    ///
    /// # Errors
    /// The field that is wrong and why.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.kinds.0 & !Kinds::KNOWN != 0 {
            return Err("kinds has unknown bits");
        }
        if self.count == 0 {
            return Err("count is 0: a row holds at least one measurement");
        }
        if self.overflowed() && !self.kinds.has(Kinds::SUM_FLOAT) {
            return Err("the sum overflowed an i64 and must be a float");
        }
        let finite = |number: Number| !matches!(number, Number::Float(value) if !value.is_finite());
        if !(finite(self.sum()) && finite(self.min()) && finite(self.max())) {
            return Err("sum, min and max must be finite");
        }
        if self.min().total_cmp(self.max()) == Ordering::Greater {
            return Err("min is above max");
        }
        Ok(())
    }

    /// Could so many measurements from min to max add up to this sum? Asked at the doors, of rows that pass
    /// [`Scalars::check`]: whatever merging measurements makes does. It does not hold of what a histogram grew by, whose
    /// ends are only known by their buckets, so islands do not ask.
    ///
    /// # Errors
    /// The numbers, and what the sum can be.
    pub fn check_sum(&self) -> Result<(), String> {
        let (count, sum, min, max) = (self.count, self.sum(), self.min(), self.max());
        if count == 1 && (sum != min || sum != max) {
            return Err(format!(
                "count is 1, but sum {sum}, min {min} and max {max} are not the same number"
            ));
        }
        if self.is_within_integers() || (self.may_be_rounded() && self.is_within_rounding()) {
            return Ok(());
        }
        Err(format!("{count} measurements from {min} to {max} cannot have the sum {sum}"))
    }

    /// Exactly.
    fn is_within_integers(&self) -> bool {
        let times_count = |end: u64| i128::from(end.cast_signed()) * i128::from(self.count);
        self.kinds.0 == 0
            && (times_count(self.min)..=times_count(self.max)).contains(&i128::from(self.sum.cast_signed()))
    }

    /// Integers are exact, but a small one may be what a float happened to round to.
    fn may_be_rounded(&self) -> bool {
        self.kinds.0 != 0 || self.sum.cast_signed().unsigned_abs() <= FLOAT_EXACT_MAX
    }

    /// By the mean, which is never beyond f64. Of n numbers of at most A in magnitude, k roundings each, any order of
    /// additions is off by at most `((1 + u)^(k n) - 1) n A`, u = 2^-53; up to 2^50 numbers that is below `(k + 1) n u` of
    /// `n A` (N. Higham, Accuracy and Stability of Numerical Algorithms, 4.2). A sum beyond f64 stops at its end.
    #[expect(clippy::cast_precision_loss, reason = "one of the roundings that are allowed for")]
    fn is_within_rounding(&self) -> bool {
        if self.count >= COUNT_CHECKED_MAX {
            return true;
        }
        let (count, sum) = (self.count as f64, self.sum().to_f64());
        let (min, max, mean) = (self.min().to_f64(), self.max().to_f64(), sum / count);
        let unit = f64::EPSILON / 2.0;
        let slack = (ROUNDINGS_EACH * count + ROUNDINGS_OF_CHECK) * unit * min.abs().max(max.abs());
        (mean >= min - slack || sum == f64::MAX) && (mean <= max + slack || sum == f64::MIN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = Number> {
        prop_oneof![
            (-1000_i64..1000).prop_map(Number::Int),
            any::<i64>().prop_map(Number::Int),
            (-1e6..1e6_f64).prop_map(Number::Float),
        ]
    }

    fn fold(values: &[Number]) -> Scalars {
        let mut all = Scalars::default();
        values.iter().for_each(|value| all.record(*value));
        all
    }

    fn near(a: Number, b: Number, scale: f64) -> bool {
        a == b || (a.to_f64() - b.to_f64()).abs() <= 1e-9 * scale.max(1.0)
    }

    /// Of any magnitude and either sign, and near each other, so that sums come near what they can be at most.
    fn legal() -> impl Strategy<Value = Vec<Number>> {
        let float =
            prop_oneof![prop::num::f64::NORMAL, -1.0..1.0_f64, Just(0.1), Just(f64::MAX), Just(f64::MIN)];
        let float = float.prop_map(|value| Number::from_f64(value).unwrap());
        let near = (any::<i64>(), 0_i64..3).prop_map(|(base, by)| Number::Int(base.saturating_add(by)));
        let alike = |one: Number| prop_oneof![4 => Just(one), 1 => numbers()];
        let any_one = prop_oneof![float, near, numbers()];
        prop_oneof![
            prop::collection::vec(any_one.clone().boxed(), 1..40),
            any_one.prop_flat_map(move |one| prop::collection::vec(alike(one), 1..40)),
        ]
    }

    /// Merged in a tree that the seed chooses.
    fn tree(values: &[Number], seed: u64) -> Scalars {
        if let [one] = values {
            return Scalars::of(*one);
        }
        let (left, right) = values.split_at(1 + seed as usize % (values.len() - 1));
        let (seed, mut all) =
            (seed.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17), tree(left, seed / 7));
        all.merge(&tree(right, seed));
        all
    }

    /// Added up as somebody else's `double` does, and read from its text.
    fn as_doubles(values: &[Number]) -> Scalars {
        let values: Vec<f64> = values.iter().map(|value| value.to_f64()).collect();
        let number = |value: f64| Number::from_f64(value.clamp(f64::MIN, f64::MAX)).unwrap();
        let sum = values.iter().fold(0.0, |sum: f64, value| (sum + value).clamp(f64::MIN, f64::MAX));
        let (min, max) = (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max));
        Scalars::new(values.len() as u64, number(sum), number(min.unwrap()), number(max.unwrap()))
    }

    /// Merged with itself so often that it counts 2^doublings times as much.
    fn doubled(mut all: Scalars, doublings: u32) -> Scalars {
        for _ in 0..doublings {
            let half = all;
            all.merge(&half);
        }
        all
    }

    proptest! {
        #[test]
        fn whatever_is_measured_adds_up(values in legal(), seed: u64, doublings in 0_u32..64) {
            for all in [fold(&values), tree(&values, seed), doubled(tree(&values, seed), doublings), as_doubles(&values)] {
                prop_assert_eq!(all.check(), Ok(()));
                prop_assert_eq!(all.check_sum(), Ok(()));
            }
        }

        /// A thousandth of the range beyond an end is no rounding, whatever the magnitude.
        #[test]
        fn what_is_out_of_reach_is_refused(
            min in -1e200..1e200_f64, span in 0.0..1e200_f64, count in 1_u64..1_000_000_000, beyond in 1e-3..1e3_f64,
        ) {
            let (max, number) = (min + span, |value| Number::Float(value));
            let out = beyond * min.abs().max(max.abs()).max(1.0);
            for mean in [min - out, max + out] {
                let scalars = Scalars::new(count, number(mean * count as f64), number(min), number(max));
                prop_assert!(scalars.check().is_ok() && scalars.check_sum().is_err());
            }
        }

        /// Whole numbers to the last one.
        #[test]
        fn integers_are_judged_exactly(min in -1000_i64..1000, span in 0_i64..1000, count in 2_u64..1000) {
            let (max, times) = (min + span, |end: i64| end * count as i64);
            let of = |sum| Scalars::new(count, Number::Int(sum), Number::Int(min), Number::Int(max)).check_sum();
            prop_assert!(of(times(min)).is_ok() && of(times(max)).is_ok());
            prop_assert!(of(times(min) - 1).is_err() && of(times(max) + 1).is_err());
        }
    }

    /// A billion additions of 0.1 drift by 1e-7 of the sum, as any program's would.
    #[test]
    fn drift_is_no_lie() {
        let tenth = Number::Float(0.1);
        let of = |sum| Scalars::new(1_000_000_000, Number::Float(sum), tenth, tenth).check_sum();
        assert!(of(99_999_998.745_418).is_ok() && of(100_000_001.5).is_ok());
        assert!(of(99_999_900.0).is_err() && of(100_000_100.0).is_err());
    }

    #[test]
    fn what_cannot_add_up_is_told_in_numbers() {
        let of =
            |count, sum| Scalars::new(count, sum, Number::Int(1), Number::Int(5)).check_sum().unwrap_err();
        assert_eq!(of(3, Number::Int(500)), "3 measurements from 1 to 5 cannot have the sum 500");
        assert_eq!(of(3, Number::Float(2.5)), "3 measurements from 1 to 5 cannot have the sum 2.5");
        assert_eq!(of(1, Number::Int(3)), "count is 1, but sum 3, min 1 and max 5 are not the same number");
        let large = Number::Int(1 << 60);
        let one_off = Scalars::new(2, Number::Int((1 << 61) + 1), large, large);
        assert!(one_off.check_sum().is_err(), "large integers never were floats");
        let saturated = Scalars::new(u64::MAX, Number::Int(3), Number::Int(1), Number::Int(1));
        assert!(saturated.check_sum().is_ok(), "nobody knows how many there were");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(values in prop::collection::vec(numbers(), 1..40), at in 0usize..40) {
            let (left, right) = values.split_at(at.min(values.len()));
            let whole = fold(&values);
            let (mut one, mut other) = (fold(left), fold(right));
            one.merge(&fold(right));
            other.merge(&fold(left));
            let scale: f64 = values.iter().map(|value| value.to_f64().abs()).sum();
            for merged in [one, other] {
                prop_assert_eq!(merged.count, whole.count);
                prop_assert_eq!((merged.min(), merged.max()), (whole.min(), whole.max()));
                prop_assert!(near(merged.sum(), whole.sum(), scale));
                prop_assert!(merged.check().is_ok());
            }
        }

        #[test]
        fn integers_that_fit_are_exact(values in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 1..60)) {
            let all = fold(&values.iter().copied().map(Number::Int).collect::<Vec<_>>());
            prop_assert_eq!(all.sum(), Number::Int(values.iter().sum()));
            prop_assert_eq!(all.min(), Number::Int(*values.iter().min().unwrap()));
            prop_assert_eq!(all.max(), Number::Int(*values.iter().max().unwrap()));
        }
    }

    #[test]
    fn an_overflow_is_remembered() {
        let mut all = Scalars::of(Number::Int(i64::MAX));
        all.merge(&Scalars::of(Number::Int(1)));
        all.merge(&Scalars::of(Number::Int(-5)));
        assert!(all.overflowed());
    }

    #[test]
    fn nothing_merges_to_what_was_there() {
        let mut some = Scalars::of(Number::Float(-2.5));
        some.merge(&Scalars::default());
        let mut none = Scalars::default();
        none.merge(&some);
        assert_eq!((some, none), (Scalars::of(Number::Float(-2.5)), some));
        assert_eq!((Scalars::default().average(), some.average()), (None, Some(-2.5)));
    }

    #[test]
    fn a_count_saturates() {
        let mut all = Scalars::new(u64::MAX, Number::Int(1), Number::Int(0), Number::Int(1));
        all.record(Number::Int(1));
        assert_eq!((all.count, all.sum()), (u64::MAX, Number::Int(2)));
    }

    #[test]
    fn the_extremes_keep_their_kind() {
        let mut all = Scalars::of(Number::Int(3));
        all.record(Number::Float(2.5));
        all.record(Number::Int(2));
        assert_eq!((all.sum(), all.min(), all.max()), (Number::Float(7.5), Number::Int(2), Number::Int(3)));
        assert_eq!(all.kinds, Kinds(Kinds::SUM_FLOAT));
        assert_eq!(size_of::<Scalars>(), 40);
    }

    #[test]
    fn what_cannot_be_is_named() {
        assert!(Scalars::default().check().is_err());
        assert!(Scalars::new(1, Number::Float(f64::NAN), Number::Int(0), Number::Int(0)).check().is_err());
        assert!(Scalars::new(2, Number::Int(3), Number::Int(2), Number::Int(1)).check().is_err());
        assert!(Scalars { kinds: Kinds(16), ..Scalars::of(Number::Int(1)) }.check().is_err());
        assert!(Scalars { kinds: Kinds(Kinds::OVERFLOWED), ..Scalars::of(Number::Int(1)) }.check().is_err());
        assert!(Scalars::of(Number::Int(1)).check().is_ok());
    }
}
