//! A YAML file as a tree in which everything knows where it stands.
//!
//! In:    text.
//! Out:   [`Node`]s, or the first thing that is no YAML of ours.
//! Never: anchors, aliases and tags (thirty bytes of aliases can claim gigabytes, and a rule needs none), more than one
//!        document, a key twice, more than the limits.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::limits::{DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
use crate::problem::Problem;

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
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) value: Node,
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn spelling_does_not_change_the_canonical_text() {
        let canonical = |text: &str| parse(text).unwrap().canonical(&["skip"]);
        assert_eq!(canonical("{a: 1, b: [x]}"), canonical("b:\n- 'x'\nskip: 7\na: \"1\"\n"));
        assert_ne!(canonical("{a: 1}"), canonical("{a: 2}"));
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = parse(text).unwrap_err().to_string();
        assert!(got.contains(expected), "{got}");
    }
}
