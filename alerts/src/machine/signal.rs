//! What is made of an operand before it is compared. NaN is no value, and gives none.

use super::Column;
use crate::rules::ChangeKind;

/// `above / below`; nothing when there is nothing to divide by.
pub(crate) fn ratio(values: &mut [f64], below: &[f64]) {
    values.iter_mut().zip(below).for_each(|(value, below)| {
        *value = if *below == 0.0 { f64::NAN } else { *value / below };
    });
}

/// Now against before.
pub(crate) fn change(values: &mut [f64], before: &[f64], kind: ChangeKind) {
    let of = |now: f64, before: f64| match kind {
        ChangeKind::Difference => now - before,
        ChangeKind::Percent | ChangeKind::Factor if before == 0.0 => f64::NAN,
        ChangeKind::Percent => 100.0 * (now - before) / before.abs(),
        ChangeKind::Factor => now / before,
    };
    values.iter_mut().zip(before).for_each(|(now, before)| *now = of(*now, *before));
}

/// Values that a mean needs before anything is held against it: half of the baseline, and two at least.
pub(crate) fn baseline_least(over: u32) -> f64 {
    f64::from(over.div_ceil(2).max(2))
}

/// Distance from the mean of the values before, in standard deviations of them (those of the whole, not of a sample).
///
/// Where they were all the same any other value is infinitely far. Two passes over the columns: the quick formula of
/// squares loses all digits when the deviation is small beside the mean.
pub(crate) fn deviation<'a>(
    values: &mut [f64],
    before: impl Iterator<Item = &'a Column> + Clone,
    least: f64,
) {
    let (mut count, mut mean) = (vec![0.0_f64; values.len()], vec![0.0_f64; values.len()]);
    for column in before.clone() {
        for ((count, sum), one) in count.iter_mut().zip(&mut mean).zip(&column.values) {
            let there = !one.is_nan();
            *count += f64::from(u8::from(there));
            *sum += if there { *one } else { 0.0 };
        }
    }
    mean.iter_mut().zip(&count).for_each(|(sum, count)| *sum /= count);
    let mut squares = vec![0.0_f64; values.len()];
    for column in before {
        for ((squares, mean), one) in squares.iter_mut().zip(&mean).zip(&column.values) {
            let off = if one.is_nan() { 0.0 } else { one - mean };
            *squares += off * off;
        }
    }
    for (((value, count), mean), squares) in values.iter_mut().zip(&count).zip(&mean).zip(&squares) {
        let off = *value - mean;
        *value = match () {
            () if *count < least => f64::NAN,
            () if off == 0.0 => 0.0,
            () => off / (squares / count).sqrt(),
        };
    }
}
