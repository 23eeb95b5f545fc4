//! What is wrong with a file, where, and what would be right.

use std::fmt;

use thiserror::Error;

/// One thing that is wrong. Shown as `line:column: field: what`; whoever knows the file's name puts it before.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Where in the tree, as `alerts[2].tiers[0].when`; empty for the file as a whole.
    pub field: String,
    /// What is wrong, the limit, and the way out.
    pub what: String,
}

/// All that is wrong with a file, in its order: of each rule and each setting the first thing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Problems(pub Vec<Problem>);

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.what)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// ` (did you mean "x"?)` when one of the known words is near, else the words: `: use a, b or c`.
pub(crate) fn instead_of(wrong: &str, known: &[&str]) -> String {
    let near = known.iter().map(|word| (edits(wrong, word), *word)).min();
    match near {
        // A third of the word wrong is as far as a slip goes; beyond that any guess is noise.
        Some((edits, word)) if edits <= word.chars().count().max(3) / 3 && edits < wrong.chars().count() => {
            format!(" (did you mean {word:?}?)")
        }
        _ => format!(": use {}", or_list(known)),
    }
}

/// `a, b or c`.
pub(crate) fn or_list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [some @ .., last] => format!("{} or {last}", some.join(", ")),
    }
}

/// Letters put in, left out, exchanged or swapped with their neighbour (optimal string alignment); case is one edit for
/// the whole word.
fn edits(a: &str, b: &str) -> usize {
    let lower = |word: &str| word.to_lowercase().chars().collect::<Vec<_>>();
    let case = usize::from(a != b && a.to_lowercase() == b.to_lowercase());
    let (a, b) = (lower(a), lower(b));
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let exchanged = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = exchanged.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()] + case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, expected) in [
            ("metric", "metric", 0),
            ("metrik", "metric", 1),
            ("mertic", "metric", 1),
            ("metrc", "metric", 1),
            ("mmetric", "metric", 1),
            ("Metric", "metric", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(a, b), expected, "{a} {b}");
            assert_eq!(edits(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn a_slip_gets_a_guess_and_anything_else_the_list() {
        assert_eq!(instead_of("metrc", &["name", "metric"]), " (did you mean \"metric\"?)");
        assert_eq!(instead_of("colour", &["name", "metric", "by"]), ": use name, metric or by");
        assert_eq!(instead_of("x", &["name"]), ": use name");
    }

    #[test]
    fn a_problem_reads_as_a_compiler_says_it() {
        let problem = Problem { line: 3, column: 7, field: "alerts[0].by".into(), what: "is missing".into() };
        assert_eq!(problem.to_string(), "3:7: alerts[0].by: is missing");
        assert_eq!(Problem { field: String::new(), ..problem }.to_string(), "3:7: is missing");
    }
}
