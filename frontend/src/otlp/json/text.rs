//! A walk over JSON text that is known to be well formed.
//!
//! In:    bytes. Out: keys, and spans of values, in their order; or, before the first of them, where the text is no JSON.
//! Kept:  where one is.
//! Never: holds what it passes over. What an object or list holds is read once, so deep ones cost no more than flat ones.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// What is left of the text; a value begins here, or what is behind one.
#[derive(Clone, Debug)]
pub(super) struct Text<'a> {
    rest: &'a str,
}

// === impl Text ===

impl<'a> Text<'a> {
    /// `serde_json` judges the form of the text as a whole: everything below goes by it.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let rest = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        serde_json::from_str::<IgnoredAny>(rest).map_err(|error| error.to_string())?;
        let mut text = Self { rest };
        text.skip_space();
        Ok(text)
    }

    /// The first byte of what comes next.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.bytes().next()
    }

    /// Into the object or list that begins here.
    pub(super) fn enter(&mut self) {
        self.step(1);
    }

    /// To the next value of an object or list; none: out of it.
    pub(super) fn next(&mut self) -> Option<()> {
        if self.peek() == Some(b',') {
            self.step(1);
        }
        if let Some(b'}' | b']') | None = self.peek() {
            self.step(1);
            return None;
        }
        Some(())
    }

    /// To the next key of an object, and behind it; none: out of it.
    pub(super) fn next_key(&mut self) -> Option<Cow<'a, str>> {
        self.next()?;
        let key = self.pass();
        self.step(1); // the colon
        // A key that is half a surrogate pair is nobody's.
        Some(unescaped(key).unwrap_or_default())
    }

    /// Passes over a value, and gives its text.
    pub(super) fn pass(&mut self) -> &'a str {
        let (begin, mut depth) = (self.rest, 0_usize);
        let mut end = begin;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            end = self.token();
            if depth == 0 {
                break;
            }
        }
        &begin[..begin.len() - end.len()]
    }

    /// Passes over one token, and gives what is behind it, spaces included.
    fn token(&mut self) -> &'a str {
        let bytes = self.rest.as_bytes();
        let len = match bytes.first() {
            Some(b'"') => string_len(bytes),
            Some(b'{' | b'}' | b'[' | b']' | b',' | b':') => 1,
            _ => bytes.iter().position(|byte| b",:]}[{\" \t\r\n".contains(byte)).unwrap_or(bytes.len()),
        };
        let behind = &self.rest[len..];
        self.rest = behind;
        self.skip_space();
        behind
    }

    fn step(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.skip_space();
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }
}

/// With its quotes.
fn string_len(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// What a string's text stands for; none when it is half a surrogate pair, which no text can hold.
pub(super) fn unescaped(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// serde's tree, by this walk.
    fn tree(text: &mut Text<'_>) -> Value {
        match text.peek() {
            Some(b'{') => {
                text.enter();
                let mut entries = serde_json::Map::new();
                while let Some(key) = text.next_key() {
                    entries.insert(key.into_owned(), tree(text));
                }
                Value::Object(entries)
            }
            Some(b'[') => {
                text.enter();
                let mut list = Vec::new();
                while text.next().is_some() {
                    list.push(tree(text));
                }
                Value::Array(list)
            }
            _ => serde_json::from_str(text.pass()).unwrap(),
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
            r#"["\\{}\[\],:x]{0,6}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((r#"["\\{}x]{0,3}"#, inner), 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_walk_sees_what_serde_sees(value in values(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.unwrap();
            let expected: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(tree(&mut Text::new(text.as_bytes()).unwrap()), expected);
            // Passed over as a whole, and nothing but it.
            let padded = format!(" [ {text} , 7 ] ");
            let mut walk = Text::new(padded.as_bytes()).unwrap();
            walk.enter();
            prop_assert_eq!(walk.pass(), &text);
            prop_assert!(walk.next().is_some());
            prop_assert_eq!(walk.pass(), "7");
            prop_assert!(walk.next().is_none());
            prop_assert_eq!(walk.peek(), None);
        }
    }

    #[test]
    fn what_is_no_json_is_refused_as_a_whole() {
        for text in ["", "{", "{}x", r#"{"a" 1}"#, "[1,]", "\"\n\"", "\"\\x\"", "nul", "01", "NaN"] {
            Text::new(text.as_bytes()).unwrap_err();
        }
        Text::new(b"\"\xff\"").unwrap_err();
    }
}
