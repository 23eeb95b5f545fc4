//! `> 500`: an operator and the number it compares with.

use std::fmt;

use crate::fields::number;
use crate::problem::instead_of;

/// How a value is compared with the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `beyond`: the magnitude is above.
    Beyond,
    /// `within`: the magnitude is at most.
    Within,
}

/// An operator and its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// How.
    pub operator: Operator,
    /// With what.
    pub limit: f64,
}

/// Longer ones first, so that `>=` is not read as `>`.
const WORDS: [(&str, Operator); 8] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("!=", Operator::NotEqual),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("=", Operator::Equal),
    ("beyond", Operator::Beyond),
    ("within", Operator::Within),
];

// === impl Comparison ===

impl Comparison {
    /// Does the value hold it?
    #[must_use]
    #[inline]
    #[expect(clippy::float_cmp, reason = "equality is what was asked for")]
    pub fn holds(self, value: f64) -> bool {
        match self.operator {
            Operator::Above => value > self.limit,
            Operator::AtLeast => value >= self.limit,
            Operator::Below => value < self.limit,
            Operator::AtMost => value <= self.limit,
            Operator::Equal => value == self.limit,
            Operator::NotEqual => value != self.limit,
            Operator::Beyond => value.abs() > self.limit,
            Operator::Within => value.abs() <= self.limit,
        }
    }

    /// Holds when this does not.
    #[must_use]
    pub fn opposite(self) -> Self {
        let operator = match self.operator {
            Operator::Above => Operator::AtMost,
            Operator::AtLeast => Operator::Below,
            Operator::Below => Operator::AtLeast,
            Operator::AtMost => Operator::Above,
            Operator::Equal => Operator::NotEqual,
            Operator::NotEqual => Operator::Equal,
            Operator::Beyond => Operator::Within,
            Operator::Within => Operator::Beyond,
        };
        Self { operator, ..self }
    }

    /// Reads `> 500`; the error says what is wrong with the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let found = WORDS.iter().find_map(|(word, operator)| Some((*operator, text.strip_prefix(word)?)));
        let Some((operator, rest)) = found else {
            let end =
                text.find(|one: char| one.is_ascii_digit() || one.is_whitespace()).unwrap_or(text.len());
            let words = WORDS.map(|(word, _)| word);
            return Err(format!(
                "{:?} is no operator{}, as in \"> 500\"",
                &text[..end],
                instead_of(&text[..end], &words)
            ));
        };
        let limit =
            number(rest.trim()).ok_or_else(|| format!("{:?} is no number to compare with", rest.trim()))?;
        if matches!(operator, Operator::Beyond | Operator::Within) && limit < 0.0 {
            return Err(format!("the limit is {limit}: a magnitude is never below 0"));
        }
        Ok(Self { operator, limit })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, _) =
            WORDS.iter().find(|(_, operator)| *operator == self.operator).expect("every operator has a word");
        write!(f, "{word} {}", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_operator() {
        for (text, holding, failing) in [
            ("> 5", 5.1, 5.0),
            (">= 5", 5.0, 4.9),
            ("< 5", 4.9, 5.0),
            ("<= 5", 5.0, 5.1),
            ("= 5", 5.0, 4.0),
            ("!= 5", 4.0, 5.0),
            ("beyond 5", -6.0, 5.0),
            ("within 5", -5.0, 6.0),
        ] {
            let comparison = Comparison::parse(text).unwrap();
            assert_eq!((comparison.holds(holding), comparison.holds(failing)), (true, false), "{text}");
            assert_eq!(comparison.to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let check = |text: &str, expected: &str| {
            let got = Comparison::parse(text).unwrap_err();
            assert!(got.contains(expected), "{got}");
        };
        check("5", "\"\" is no operator: use >=");
        check("above 5", "\"above\" is no operator");
        check("byond 5", "did you mean \"beyond\"?");
        check("=> 5", "\"> 5\" is no number");
        check("> five", "\"five\" is no number");
        check(">", "\"\" is no number");
        check("beyond -1", "never below 0");
    }

    proptest! {
        #[test]
        fn the_opposite_holds_when_it_does_not(at in 0..WORDS.len(), limit in 0_i32..4, value in -5_i32..5) {
            let comparison = Comparison { operator: WORDS[at].1, limit: limit.into() };
            prop_assert_ne!(comparison.holds(value.into()), comparison.opposite().holds(value.into()));
            prop_assert_eq!(comparison.opposite().opposite(), comparison);
        }
    }
}
