//! What was expected, what came, and where they differ.

use std::fmt;

use model::Dims;

use crate::{Problem, State};

/// The states of one group of one tier, minute by minute.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) severity: String,
    pub(super) dims: Dims,
    pub(super) states: Vec<State>,
    /// Where it stands.
    pub(super) at: Problem,
}

/// What became of one test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// How many (tier, group, minute) were compared.
    pub compared: usize,
    /// Where it went wrong; empty when it did not.
    pub mismatches: Vec<Mismatch>,
}

/// A tier and group whose states are not those expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where the expectation stands.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// Of which tier.
    pub severity: String,
    /// Of which group.
    pub dims: Dims,
    /// By minute.
    pub expected: Vec<State>,
    /// By minute.
    pub got: Vec<State>,
}

// === impl Expected ===

impl Expected {
    pub(super) fn against(&self, got: Vec<State>) -> Option<Mismatch> {
        (got != self.states).then(|| Mismatch {
            line: self.at.line,
            column: self.at.column,
            severity: self.severity.clone(),
            dims: self.dims.clone(),
            expected: self.states.clone(),
            got,
        })
    }
}

impl fmt::Display for Mismatch {
    /// A line for each, minute under minute, and a mark under each minute that differs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> =
            self.dims.pairs().iter().map(|(name, value)| format!("{name}={value}")).collect();
        writeln!(f, "{}:{}: {} of {{{}}}", self.line, self.column, self.severity, words.join(", "))?;
        let width = |at: usize| self.expected[at].name().len().max(self.got[at].name().len());
        let line = |f: &mut fmt::Formatter<'_>, label: &str, word: &dyn Fn(usize) -> &'static str| {
            let words: Vec<String> =
                (0..self.got.len()).map(|at| format!("{:width$}", word(at), width = width(at))).collect();
            write!(f, "  {label:9}{}", words.join(" ").trim_end())
        };
        line(f, "expected", &|at| self.expected[at].name())?;
        writeln!(f)?;
        line(f, "got", &|at| self.got[at].name())?;
        writeln!(f)?;
        line(f, "", &|at| if self.expected[at] == self.got[at] { "" } else { "^^^" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_marked() {
        let mismatch = Mismatch {
            line: 3,
            column: 5,
            severity: "bad".into(),
            dims: Dims::from_iter([("Api", "Get")]),
            expected: vec![State::Ok, State::Firing, State::Ok],
            got: vec![State::Ok, State::Pending, State::Ok],
        };
        let expected =
            "3:5: bad of {Api=Get}\n  expected ok firing  ok\n  got      ok pending ok\n              ^^^";
        assert_eq!(mismatch.to_string(), expected);
    }
}
