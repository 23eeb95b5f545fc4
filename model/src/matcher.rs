//! Conditions on dimensions: the `where` of a query.
//!
//! An absent dimension reads as the empty string, as Prometheus has it, so `Sku!=Free` also keeps series without a Sku.

use regex::Regex;
use thiserror::Error;

/// One condition on one dimension.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The dimension's name.
    pub dim: String,
    /// What its value must fulfil.
    pub op: Op,
}

/// What a value must fulfil.
#[derive(Clone, Debug)]
pub enum Op {
    /// One of these.
    In(Vec<String>),
    /// None of these.
    NotIn(Vec<String>),
    /// The whole value matches.
    Matches(Regex),
    /// The whole value does not match.
    MatchesNot(Regex),
    /// The dimension is there.
    Exists,
    /// The dimension is not there.
    Absent,
}

/// A condition that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MatcherError {
    /// No such operator.
    #[error("unknown operator {0:?}: use =, !=, in, not in, =~, !~, exists or absent")]
    Op(String),
    /// Too few or too many values.
    #[error("operator {op:?} takes {takes}, got {got}")]
    Values {
        /// The operator.
        op: String,
        /// What it takes.
        takes: &'static str,
        /// How many values were given.
        got: usize,
    },
    /// Not a regular expression, or one that is too large.
    #[error("{pattern:?} is not a regular expression that can be used: {why}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What the parser says.
        why: String,
    },
}

/// Compiled size of one pattern; the crate's own default of 10 MiB is too generous for what strangers send.
const PATTERN_BYTES_MAX: usize = 1 << 20;

// === impl Matcher ===

impl Matcher {
    /// From the words of the API.
    ///
    /// # Errors
    /// When the operator, the number of values or the pattern is wrong.
    pub fn new(dim: impl Into<String>, op: &str, values: Vec<String>) -> Result<Self, MatcherError> {
        let op = match op {
            "=" | "==" => Op::In(vec![one(op, values)?]),
            "!=" => Op::NotIn(vec![one(op, values)?]),
            "in" => Op::In(some(op, values)?),
            "not in" => Op::NotIn(some(op, values)?),
            "=~" => Op::Matches(anchored(&one(op, values)?)?),
            "!~" => Op::MatchesNot(anchored(&one(op, values)?)?),
            "exists" => none(op, &values, Op::Exists)?,
            "absent" => none(op, &values, Op::Absent)?,
            unknown => return Err(MatcherError::Op(unknown.to_owned())),
        };
        Ok(Self { dim: dim.into(), op })
    }

    /// The operator and values that make it again.
    #[must_use]
    pub fn words(&self) -> (&'static str, Vec<String>) {
        let pattern = |pattern: &Regex| {
            let anchored = pattern.as_str();
            let inner = anchored.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(AFTER));
            vec![inner.unwrap_or(anchored).to_owned()]
        };
        match &self.op {
            Op::In(values) => ("in", values.clone()),
            Op::NotIn(values) => ("not in", values.clone()),
            Op::Matches(regex) => ("=~", pattern(regex)),
            Op::MatchesNot(regex) => ("!~", pattern(regex)),
            Op::Exists => ("exists", Vec::new()),
            Op::Absent => ("absent", Vec::new()),
        }
    }

    /// Does a series with this value (empty when absent) pass?
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match &self.op {
            Op::In(values) => values.iter().any(|one| one == value),
            Op::NotIn(values) => values.iter().all(|one| one != value),
            Op::Matches(pattern) => pattern.is_match(value),
            Op::MatchesNot(pattern) => !pattern.is_match(value),
            Op::Exists => !value.is_empty(),
            Op::Absent => value.is_empty(),
        }
    }
}

fn one(op: &str, mut values: Vec<String>) -> Result<String, MatcherError> {
    match (values.len(), values.pop()) {
        (1, Some(value)) => Ok(value),
        (got, _) => Err(MatcherError::Values { op: op.to_owned(), takes: "one value", got }),
    }
}

fn some(op: &str, values: Vec<String>) -> Result<Vec<String>, MatcherError> {
    if values.is_empty() {
        return Err(MatcherError::Values { op: op.to_owned(), takes: "at least one value", got: 0 });
    }
    Ok(values)
}

fn none(op: &str, values: &[String], done: Op) -> Result<Op, MatcherError> {
    if values.is_empty() {
        return Ok(done);
    }
    Err(MatcherError::Values { op: op.to_owned(), takes: "no value", got: values.len() })
}

/// What makes a pattern match whole values.
const BEFORE: &str = "^(?:";
const AFTER: &str = ")$";

fn anchored(pattern: &str) -> Result<Regex, MatcherError> {
    // By itself first: `a)|(?:b` is no pattern, but between our parentheses it would be one without anchors.
    compiled(pattern).and_then(|_| compiled(&format!("{BEFORE}{pattern}{AFTER}"))).map_err(|why| {
        MatcherError::Pattern { pattern: pattern.to_owned(), why: last_line(&why.to_string()) }
    })
}

/// A dot is any character, line ends too, so that `.*` is every value, as Prometheus has it.
fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).dot_matches_new_line(true).build()
}

/// The parser draws a picture over several lines; its verdict stands on the last.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator() {
        check("=", &["a"], "a", true);
        check("=", &["a"], "b", false);
        check("=", &[""], "", true);
        check("!=", &["a"], "", true);
        check("in", &["a", "b"], "b", true);
        check("not in", &["a", "b"], "b", false);
        check("=~", &["Get.*"], "GetItem", true);
        check("=~", &["Get"], "GetItem", false);
        check("=~", &["a|b"], "xb", false);
        check("=~", &[".*"], "two\nlines", true);
        check("=~", &["a"], "a\n", false);
        check("=~", &[""], "", true);
        check("=~", &[".+"], "", false);
        check("=~", &["(?i)get"], "GET", true);
        check("=~", &["größe"], "größe", true);
        check("!~", &["Get.*"], "Put", true);
        check("!~", &["Get.*"], "GetItem", false);
        check("==", &["a"], "a", true);
        check("in", &["a", "b"], "c", false);
        check("in", &["a", ""], "", true);
        check("not in", &["a", "b"], "c", true);
        check("exists", &[], "x", true);
        check("absent", &[], "x", false);
        check("exists", &[], "", false);
        check("absent", &[], "", true);
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let error = |op: &str, values: &[&str]| {
            Matcher::new("Dim", op, values.iter().map(|v| (*v).to_owned()).collect()).unwrap_err().to_string()
        };
        assert!(error("~", &["a"]).contains("unknown operator"));
        assert!(error("=", &["a", "b"]).contains("one value, got 2"));
        assert!(error("exists", &["a"]).contains("no value"));
        assert!(error("in", &[]).contains("at least one value, got 0"));
        assert!(error("=~", &["("]).contains("regular expression"));
        assert!(error("=~", &["a)|(?:b"]).contains("regular expression"));
        assert!(error("=~", &["a{1000}{1000}{1000}"]).contains("regular expression"));
    }

    #[track_caller]
    fn check(op: &str, values: &[&str], value: &str, expected: bool) {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        let matcher = Matcher::new("Dim", op, values).unwrap();
        let (op, values) = matcher.words();
        let again = Matcher::new("Dim", op, values).unwrap();
        assert_eq!((matcher.matches(value), again.matches(value)), (expected, expected));
    }
}
