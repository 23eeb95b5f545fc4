//! Count, sum, min and max of one series in one minute: the part that every row has.

use std::cmp::Ordering;

use crate::Number;

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

    /// What must hold of every admitted row; the text says what does not.
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
