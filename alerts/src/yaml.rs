//! A YAML file as a tree in which everything knows where it stands.
//!
//! In:    text.
//! Out:   [`Node`]s, or the first thing that is no YAML of ours.
//! Never: anchors, aliases and tags (thirty bytes of aliases can claim gigabytes, and a rule needs none), more than one
//!        document, a key twice, more than the limits.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::limits::{DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
use crate::problem::{Problem, instead_of};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `plain` is without quotes: only then a number or `null` is meant.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the file; keys are unique.
    Map(Vec<Entry>),
}

/// A key of a mapping, its place, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    key: String,
    line: usize,
    column: usize,
    value: Node,
}

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

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    if text.len() > FILE_BYTES_MAX {
        let what = format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read: split it", text.len());
        return Err(Problem { line: 1, column: 1, field: String::new(), what });
    }
    let mut events = Events { parser: Parser::new_from_str(text), nodes: 0 };
    let mut root = None;
    loop {
        let (event, span) = events.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if root.is_some() => {
                return Err(problem(&span, "a second document begins here: one file is one document"));
            }
            Event::DocumentStart(_) => {
                let (event, span) = events.next()?;
                root = Some(events.node(event, &span, 0)?);
            }
            _ => return Err(problem(&span, "BUG: a value outside of a document")),
        }
    }
    root.ok_or_else(|| problem(&Span::default(), "the file is empty"))
}

fn problem(span: &Span, what: impl Into<String>) -> Problem {
    // The parser counts lines from 1 and columns from 0; an empty span is the file's beginning.
    let (line, column) = (span.start.line().max(1), span.start.col() + 1);
    Problem { line, column, field: String::new(), what: what.into() }
}

struct Events<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    nodes: usize,
}

// === impl Events ===

impl<'a> Events<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(why)) => {
                let at = why.marker();
                let what = format!("this is no YAML: {}", why.info());
                Err(Problem { line: at.line().max(1), column: at.col() + 1, field: String::new(), what })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Problem> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(problem(span, format!("the file has more than {NODES_MAX} values: split it")));
        }
        if depth > DEPTH_MAX {
            return Err(problem(span, format!("more than {DEPTH_MAX} lists and mappings inside each other")));
        }
        let kind = match event {
            Event::Scalar(text, style, 0, None) => {
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(0, None) => self.list(depth)?,
            Event::MappingStart(0, None) => self.map(depth)?,
            Event::Alias(_) => return Err(problem(span, "aliases (*name) are not taken: write it out")),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return Err(problem(span, "tags (!name) are not taken: leave it out"));
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                return Err(problem(span, "anchors (&name) are not taken: leave it out"));
            }
            _ => return Err(problem(span, "a value is missing here")),
        };
        Ok(Node { line: span.start.line(), column: span.start.col() + 1, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Problem> {
        let mut list = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Kind::List(list));
            }
            list.push(self.node(event, &span, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Problem> {
        let mut map: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Kind::Map(map));
            }
            let Kind::Scalar { text: key, .. } = self.node(event, &span, depth + 1)?.kind else {
                return Err(problem(&span, "a key must be a word"));
            };
            if map.iter().any(|entry| entry.key == key) {
                return Err(problem(&span, format!("{key} stands twice in this mapping")));
            }
            let (line, column) = (span.start.line(), span.start.col() + 1);
            let (event, span) = self.next()?;
            map.push(Entry { key, line, column, value: self.node(event, &span, depth + 1)? });
        }
    }
}

// === impl Node ===

impl Node {
    /// The same text for the same content, whatever its spelling and the order of its keys, without the keys `but`.
    pub(crate) fn canonical(&self, but: &[&str]) -> String {
        match &self.kind {
            Kind::Scalar { text, .. } => format!("{text:?}"),
            Kind::List(list) => {
                format!("[{}]", list.iter().map(|one| one.canonical(&[])).collect::<Vec<_>>().join(","))
            }
            Kind::Map(map) => {
                let kept = map.iter().filter(|entry| !but.contains(&entry.key.as_str()));
                let mut entries: Vec<String> =
                    kept.map(|entry| format!("{:?}:{}", entry.key, entry.value.canonical(&[]))).collect();
                entries.sort();
                format!("{{{}}}", entries.join(","))
            }
        }
    }
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
    fn what_is_not_taken_is_named_with_its_place() {
        check("", "1:1: the file is empty");
        check("a: [1, 2", "this is no YAML");
        check("a: 1\na: 2\n", "2:1: a stands twice");
        check("a: &x 1\n", "anchors");
        check("a: *x\n", "this is no YAML");
        check("a: &x [1]\nb: *x\n", "1:4: anchors");
        check("a: !!str 1\n", "1:4: tags");
        check("a: 1\n---\nb: 2\n", "2:1: a second document");
        check("? [a]\n: b\n", "1:3: a key must be a word");
        check(&format!("{}x", "- ".repeat(20)), "1:35: more than 16 lists");
        check(&"[".repeat(1000), "recursion limit");
        check(&"x".repeat(FILE_BYTES_MAX + 1), "at most 1048576");
        check(&format!("[{}]", "1,".repeat(NODES_MAX + 1)), "more than 200000 values");
    }

    #[test]
    fn a_wrong_key_gets_a_guess() {
        let root = parse("naem: x\n").unwrap();
        let problem = At::root(&root).fields(&["name", "metric"]).unwrap_err();
        assert_eq!(problem.to_string(), "1:1: naem: there is no such key (did you mean \"name\"?)");
    }

    #[test]
    fn spelling_does_not_change_the_canonical_text() {
        let canonical = |text: &str| parse(text).unwrap().canonical(&["skip"]);
        assert_eq!(canonical("{a: 1, b: [x]}"), canonical("b:\n- 'x'\nskip: 7\na: \"1\"\n"));
        assert_ne!(canonical("{a: 1}"), canonical("{a: 2}"));
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

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = parse(text).unwrap_err().to_string();
        assert!(got.contains(expected), "{got}");
    }
}
