//! Counting what an OTLP request in JSON will become, without making it.
//!
//! Lists are counted by the key before them; a key with an escape may be any, so elements count as the dearest: data
//! points. Malformed text is left to the reader, which looks at its form as a whole before it makes anything.

use super::Refused;
use super::limits::{Counts, Kind};

/// Lists and objects within each other.
const DEPTH_MAX: usize = 128;

/// What one is inside of.
#[derive(Clone, Copy, Debug)]
enum Inside {
    Object,
    List(Option<Kind>),
}

struct Scan<'a> {
    rest: &'a [u8],
    inside: [Inside; DEPTH_MAX],
    depth: usize,
    /// The key whose value comes next, if there is one: what its elements are when it is a list.
    key: Option<Option<Kind>>,
    counts: Counts,
}

/// Allocates nothing; takes time in proportion to the bytes.
pub(super) fn scan(bytes: &[u8]) -> Result<Counts, Refused> {
    let inside = [Inside::Object; DEPTH_MAX];
    let mut scan = Scan { rest: bytes, inside, depth: 0, key: None, counts: Counts::default() };
    while let Some((&byte, rest)) = scan.rest.split_first() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => scan.rest = rest,
            b'"' => scan.string(rest)?,
            b'{' | b'[' => scan.open(byte, rest)?,
            b'}' | b']' => {
                scan.rest = rest;
                let Some(depth) = scan.depth.checked_sub(1) else { break };
                scan.depth = depth;
            }
            _ => {
                let end = rest.iter().position(|byte| b",:]}[{\" \t\r\n".contains(byte));
                scan.rest = &rest[end.unwrap_or(rest.len())..];
                scan.value()?;
            }
        }
    }
    Ok(scan.counts)
}

// === impl Scan ===

impl<'a> Scan<'a> {
    /// A key or a value; `rest` is behind the quote.
    fn string(&mut self, rest: &'a [u8]) -> Result<(), Refused> {
        let (text, rest) = split_string(rest);
        self.rest = rest.trim_ascii_start();
        if self.rest.first() == Some(&b':') {
            self.key = Some(elements(text));
            return Ok(());
        }
        self.value()
    }

    fn open(&mut self, bracket: u8, rest: &'a [u8]) -> Result<(), Refused> {
        let inside = match (bracket, self.key) {
            (b'{', _) => Inside::Object,
            // Without a key: a list in a list, which no message has.
            (_, elements) => Inside::List(elements.flatten()),
        };
        self.value()?;
        let place = self.inside.get_mut(self.depth).ok_or(Refused::TooDeep { max: DEPTH_MAX })?;
        *place = inside;
        self.depth += 1;
        self.rest = rest;
        Ok(())
    }

    fn value(&mut self) -> Result<(), Refused> {
        self.key = None;
        match self.depth.checked_sub(1).map(|at| self.inside[at]) {
            Some(Inside::List(Some(kind))) => self.counts.add(kind, 1).map_err(Refused::TooMany),
            _ => Ok(()),
        }
    }
}

/// The string up to its quote, and what is behind.
fn split_string(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return (&bytes[..at], &bytes[at + 1..]),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    (bytes, &[])
}

/// What the elements of a list under this key are; none: nothing that is held.
fn elements(key: &[u8]) -> Option<Kind> {
    Some(match key {
        b"resourceMetrics" => Kind::Resources,
        b"scopeMetrics" => Kind::Scopes,
        b"metrics" => Kind::Metrics,
        b"dataPoints" => Kind::Points,
        b"attributes" | b"filteredAttributes" | b"metadata" | b"values" => Kind::Attributes,
        b"idKeys" | b"descriptionKeys" => Kind::Attributes,
        b"entityRefs" => Kind::Entities,
        b"exemplars" => Kind::Exemplars,
        b"quantileValues" => Kind::Quantiles,
        b"bucketCounts" | b"explicitBounds" => Kind::Buckets,
        _ if key.contains(&b'\\') => Kind::Points,
        _ => return None,
    })
}
