//! Numbers of protobuf's JSON: as numbers or in strings; whole ones may be written `5`, `5.0` or `5e0`.

use std::borrow::Cow;
use std::fmt;

use model::Refusal;

use super::at::{At, wrong};
use super::text::unescaped;

/// More than anybody writes one of 64 bits with.
const WHOLE_BYTES_MAX: usize = 64;

// === impl At ===

impl At<'_, '_> {
    pub(super) fn i64(self) -> Result<i64, Refusal> {
        self.whole(i64::MIN, i64::MAX)
    }

    pub(super) fn u64(self) -> Result<u64, Refusal> {
        self.whole(u64::MIN, u64::MAX)
    }

    pub(super) fn i32(self) -> Result<i32, Refusal> {
        self.whole(i32::MIN, i32::MAX)
    }

    pub(super) fn u32(self) -> Result<u32, Refusal> {
        self.whole(u32::MIN, u32::MAX)
    }

    /// OTLP's JSON knows no names of enums.
    pub(super) fn enumeration(self, numbers: &str) -> Result<i32, Refusal> {
        match self.text.peek() {
            Some(b'"') => self.must_be(&format!("the number {numbers}: OTLP/JSON has no names of enums")),
            _ => self.i32(),
        }
    }

    /// Also NaN and infinities, which protobuf's JSON has as strings; who may not have them refuses them.
    pub(super) fn f64(self) -> Result<f64, Refusal> {
        let place = self.place;
        let text = self.text.pass();
        let number = match &*without_quotes(text) {
            "NaN" if text.starts_with('"') => Some(f64::NAN),
            "Infinity" if text.starts_with('"') => Some(f64::INFINITY),
            "-Infinity" if text.starts_with('"') => Some(f64::NEG_INFINITY),
            number if is_number(number) => number.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        let must = "a number of 64 bits, or a string that holds one";
        number.ok_or_else(|| wrong(place, text, must))
    }

    fn whole<T: Copy + TryFrom<i128> + fmt::Display>(self, min: T, max: T) -> Result<T, Refusal> {
        let place = self.place;
        let text = self.text.pass();
        let number = whole(&without_quotes(text)).and_then(|number| T::try_from(number).ok());
        let must = || format!("a whole number from {min} to {max}, or a string that holds one");
        number.ok_or_else(|| wrong(place, text, &must()))
    }
}

/// What a string holds, or anything else as it stands.
fn without_quotes(text: &str) -> Cow<'_, str> {
    unescaped(text).unwrap_or(Cow::Borrowed(text))
}

/// What JSON writes numbers with, and only as it does: no `+5`, no `.5`, no spaces.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
}

/// Exactly, digit by digit: a float in between would round.
fn whole(text: &str) -> Option<i128> {
    if !is_number(text) || text.len() > WHOLE_BYTES_MAX {
        return None;
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (before, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut number: i128 = format!("{before}{behind}").parse().ok()?;
    let mut tens = exponent.parse::<i64>().ok()?.checked_sub(behind.len() as i64)?;
    while tens < 0 && number % 10 == 0 && number != 0 {
        number /= 10;
        tens += 1;
    }
    if number == 0 {
        return Some(0);
    }
    number.checked_mul(10_i128.checked_pow(u32::try_from(tens).ok()?)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_in_every_spelling() {
        for (text, expected) in [
            ("5", 5),
            ("-5", -5),
            ("5.0", 5),
            ("5e0", 5),
            ("1.5e3", 1500),
            ("1500E-2", 15),
            ("-0", 0),
            ("0e999999999", 0),
            ("0.00", 0),
            ("18446744073709551615", i128::from(u64::MAX)),
            ("9007199254740993.0", 9_007_199_254_740_993),
        ] {
            assert_eq!(whole(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "-",
            "+5",
            " 5",
            "5 ",
            "0x5",
            "1_000",
            "5.5",
            "5e-1",
            "1e39",
            "1e999999999999",
            "4503599627370496.1",
            "1-2",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn shifted_numbers_are_the_same_number(number in any::<i64>(), zeros in 0_usize..10) {
            let shifted = format!("{number}{}e-{zeros}", "0".repeat(zeros));
            prop_assert_eq!(whole(&shifted), Some(i128::from(number)));
            let exact = whole(&format!("{number}.{}", "0".repeat(zeros + 1)));
            prop_assert_eq!(exact, Some(i128::from(number)));
            let broken = whole(&format!("{number}.{}1", "0".repeat(zeros)));
            prop_assert_eq!(broken, None);
        }
    }
}
