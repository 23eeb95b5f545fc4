//! Reading a tree: each value as what it should be, or a problem that says where it stands and what would be right.

use crate::problem::{Problem, instead_of};
use crate::yaml::{Entry, Kind, Node};

/// A node and how one comes to it, which every problem says.
#[derive(Clone, Debug)]
pub(crate) struct At<'a> {
    pub(crate) node: &'a Node,
    pub(crate) field: String,
}

/// The entries of a mapping whose keys are all known.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    of: At<'a>,
    entries: &'a [Entry],
}

// === impl At ===

impl<'a> At<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, field: String::new() }
    }

    pub(crate) fn problem(&self, what: impl Into<String>) -> Problem {
        Problem {
            line: self.node.line,
            column: self.node.column,
            field: self.field.clone(),
            what: what.into(),
        }
    }

    /// Somewhere within it, under its name.
    pub(crate) fn within(&self, node: &'a Node) -> Self {
        Self { node, field: self.field.clone() }
    }

    fn below(&self, node: &'a Node, step: &str) -> Self {
        let dot = if self.field.is_empty() || step.starts_with('[') { "" } else { "." };
        Self { node, field: format!("{}{dot}{step}", self.field) }
    }

    fn is(&self) -> &'static str {
        match &self.node.kind {
            Kind::Scalar { text, plain: true } if text.is_empty() => "nothing",
            Kind::Scalar { .. } => "a word",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// A word, quoted or not; not nothing.
    pub(crate) fn text(&self) -> Result<&'a str, Problem> {
        match &self.node.kind {
            Kind::Scalar { text, plain } if !(*plain && text.is_empty()) => Ok(text),
            _ => Err(self.problem(format!("is {}, must be a word", self.is()))),
        }
    }

    /// A word of at most this many bytes that is not empty.
    pub(crate) fn name(&self, bytes_max: usize) -> Result<&'a str, Problem> {
        let text = self.text()?;
        if text.is_empty() || text.len() > bytes_max {
            return Err(self.problem(format!("has {} bytes, must have from 1 to {bytes_max}", text.len())));
        }
        Ok(text)
    }

    /// A finite number.
    pub(crate) fn number(&self) -> Result<f64, Problem> {
        let text = self.text()?;
        number(text).ok_or_else(|| self.problem(format!("is {text:?}, must be a number")))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self) -> Result<bool, Problem> {
        match self.text()? {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(self.problem(format!("is {other:?}, must be true or false"))),
        }
    }

    /// Whole minutes, as `5m`, `2h`, `7d` or `1y` (of 365 days), within these bounds.
    pub(crate) fn minutes(&self, least: u32, most: u32) -> Result<u32, Problem> {
        let text = self.text()?;
        let minutes = minutes(text).ok_or_else(|| {
            self.problem(format!(
                "is {text:?}, must be whole minutes, hours, days or years as 5m, 2h, 7d or 1y"
            ))
        })?;
        if minutes < least || minutes > most {
            return Err(self.problem(format!("is {minutes} minutes, must be from {least} to {most}")));
        }
        Ok(minutes)
    }

    pub(crate) fn list(&self, most: usize) -> Result<Vec<Self>, Problem> {
        let Kind::List(list) = &self.node.kind else {
            return Err(self.problem(format!("is {}, must be a list", self.is())));
        };
        if list.len() > most {
            return Err(self.problem(format!("has {} entries, at most {most} are taken", list.len())));
        }
        Ok(list.iter().enumerate().map(|(at, node)| self.below(node, &format!("[{at}]"))).collect())
    }

    /// A mapping of free names.
    pub(crate) fn entries(&self, most: usize) -> Result<Vec<(&'a str, Self)>, Problem> {
        let Kind::Map(map) = &self.node.kind else {
            return Err(self.problem(format!("is {}, must be a mapping", self.is())));
        };
        if map.len() > most {
            return Err(self.problem(format!("has {} entries, at most {most} are taken", map.len())));
        }
        Ok(map.iter().map(|entry| (entry.key.as_str(), self.below(&entry.value, &entry.key))).collect())
    }

    /// A mapping of these keys and no others.
    pub(crate) fn fields(&self, known: &[&str]) -> Result<Fields<'a>, Problem> {
        let Kind::Map(entries) = &self.node.kind else {
            return Err(self.problem(format!("is {}, must be a mapping of {}", self.is(), known.join(", "))));
        };
        match entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            Some(Entry { key, line, column, value }) => {
                let what = format!("there is no such key{}", instead_of(key, known));
                let field = self.below(value, key).field;
                Err(Problem { line: *line, column: *column, field, what })
            }
            None => Ok(Fields { of: self.clone(), entries }),
        }
    }
}

// === impl Fields ===

impl<'a> Fields<'a> {
    pub(crate) fn get(&self, key: &str) -> Option<At<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.of.below(&entry.value, key))
    }

    pub(crate) fn need(&self, key: &str) -> Result<At<'a>, Problem> {
        self.get(key).ok_or_else(|| self.of.problem(format!("{key} is missing")))
    }

    /// Of these keys exactly the one that is there, or none.
    pub(crate) fn one_of(&self, keys: &[&str]) -> Result<Option<At<'a>>, Problem> {
        let mut there = keys.iter().filter_map(|key| self.get(key));
        match (there.next(), there.next()) {
            (_, Some(second)) => Err(second.problem(format!("only one of {} can be given", keys.join(", ")))),
            (first, None) => Ok(first),
        }
    }

    pub(crate) fn problem(&self, what: impl Into<String>) -> Problem {
        self.of.problem(what)
    }
}

/// A finite number as people write it: no `inf`, no `nan`.
pub(crate) fn number(text: &str) -> Option<f64> {
    let sound = text.bytes().all(|one| one.is_ascii_digit() || b"+-.eE_".contains(&one));
    let number: f64 = text.replace('_', "").parse().ok()?;
    (sound && number.is_finite()).then_some(number)
}

/// `5m`, `2h`, `7d`, `1y` in minutes.
pub(crate) fn minutes(text: &str) -> Option<u32> {
    let at = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at))?;
    let (digits, unit) = text.split_at(at);
    let each = match unit {
        "m" => 1,
        "h" => 60,
        "d" => 1_440,
        "y" => 365 * 1_440,
        _ => return None,
    };
    let sound = !digits.is_empty() && digits.bytes().all(|one| one.is_ascii_digit());
    if sound { digits.parse::<u32>().ok()?.checked_mul(each) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    #[test]
    fn everything_knows_where_it_stands() {
        let root = parse("a: 1\nb:\n  - x\n  - {c: \"2\"}\n").unwrap();
        let at = At::root(&root);
        let fields = at.fields(&["a", "b"]).unwrap();
        let b = fields.need("b").unwrap().list(9).unwrap();
        let c = b[1].fields(&["c"]).unwrap().need("c").unwrap();
        assert_eq!((c.node.line, c.node.column, c.field.as_str()), (4, 9, "b[1].c"));
        assert_eq!(c.text().unwrap(), "2");
        assert_eq!(fields.need("a").unwrap().number().unwrap(), 1.0);
    }

    #[test]
    fn a_wrong_key_gets_a_guess() {
        let root = parse("naem: x\n").unwrap();
        let problem = At::root(&root).fields(&["name", "metric"]).unwrap_err();
        assert_eq!(problem.to_string(), "1:1: naem: there is no such key (did you mean \"name\"?)");
    }

    #[test]
    fn numbers_and_minutes() {
        assert_eq!(["1", "-2.5", "1e3", "10_000", "+4"].map(number), [1.0, -2.5, 1e3, 1e4, 4.0].map(Some));
        assert!(["", "x", "inf", "nan", "1e999", "0x10", "1 2"].iter().all(|text| number(text).is_none()));
        assert_eq!(["5m", "2h", "7d"].map(minutes), [5, 120, 10_080].map(Some));
        assert!(
            ["", "m", "5", "5s", "-5m", "+5m", "5 m", "9999999d", "5µ"]
                .iter()
                .all(|text| minutes(text).is_none())
        );
    }
}
