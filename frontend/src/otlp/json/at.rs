//! A value that is about to be read, and what it may be: object, list, string, …
//!
//! Whoever reads a value passes over all of it, also when it is wrong: what comes behind it is read from its beginning.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use model::Refusal;

use super::place::Place;
use super::text::{Text, unescaped};

/// Bytes of a wrong value that are shown.
const SHOWN_MAX: usize = 40;

/// Protobuf's JSON takes both alphabets, with padding or without.
const BASE64: [GeneralPurpose; 2] = {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [GeneralPurpose::new(&STANDARD, config), GeneralPurpose::new(&URL_SAFE, config)]
};

/// A value, and where it stands.
pub(super) struct At<'x, 'a> {
    pub(super) text: &'x mut Text<'a>,
    pub(super) place: &'x Place<'x>,
}

/// Whether a field is one of its message.
pub(super) enum Field {
    /// It has been read.
    Known,
    /// It has not.
    Unknown,
}

// === impl At ===

impl<'x, 'a> At<'x, 'a> {
    /// The value that is the whole text.
    pub(super) fn root(text: &'x mut Text<'a>) -> Self {
        Self { text, place: &Place::Top }
    }

    /// Reads an object field by field. After the first fault the others are passed over.
    pub(super) fn object(
        self,
        mut read: impl FnMut(&str, At<'_, 'a>) -> Result<Field, Refusal>,
    ) -> Result<(), Refusal> {
        if self.text.peek() != Some(b'{') {
            return self.must_be("an object");
        }
        self.text.enter();
        let (mut known, mut twice, mut fault) = (Vec::new(), None, None);
        while let Some(name) = self.text.next_key() {
            // Null is how a field is absent.
            if fault.is_some() || self.text.peek() == Some(b'n') {
                self.text.pass();
                continue;
            }
            let place = Place::Field(self.place, &name);
            match read(&name, At { text: self.text, place: &place }) {
                Err(why) => fault = Some(why),
                Ok(Field::Unknown) => drop(self.text.pass()),
                Ok(Field::Known) if known.contains(&name) => {
                    twice.get_or_insert_with(|| place.refused("stands twice: send it once"));
                }
                Ok(Field::Known) => known.push(name), // no more than the message has fields
            }
        }
        fault.or(twice).map_or(Ok(()), Err)
    }

    /// Reads a list value by value. After the first fault the others are passed over.
    pub(super) fn list(self, mut read: impl FnMut(At<'_, 'a>) -> Result<(), Refusal>) -> Result<(), Refusal> {
        if self.text.peek() != Some(b'[') {
            return self.must_be("a list");
        }
        self.text.enter();
        let (mut at, mut all) = (0, Ok(()));
        while self.text.next().is_some() {
            match all {
                Ok(()) => all = read(At { text: self.text, place: &Place::Element(self.place, at) }),
                Err(_) => drop(self.text.pass()),
            }
            at += 1;
        }
        all
    }

    /// Everything a list holds.
    pub(super) fn all<T>(self, read: impl Fn(At<'_, 'a>) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
        let mut all = Vec::new();
        self.list(|at| {
            all.push(read(at)?);
            Ok(())
        })?;
        Ok(all)
    }

    pub(super) fn string(self) -> Result<String, Refusal> {
        let place = self.place;
        let text = self.text.pass();
        unescaped(text).map(Cow::into_owned).ok_or_else(|| wrong(place, text, "a string"))
    }

    pub(super) fn bool(self) -> Result<bool, Refusal> {
        match self.text.peek() {
            Some(b't' | b'f') => Ok(self.text.pass() == "true"),
            _ => self.must_be("true or false"),
        }
    }

    pub(super) fn bytes(self) -> Result<Vec<u8>, Refusal> {
        let place = self.place;
        let text = self.text.pass();
        let decoded =
            unescaped(text).and_then(|text| BASE64.iter().find_map(|engine| engine.decode(&*text).ok()));
        decoded.ok_or_else(|| wrong(place, text, "a string in base64"))
    }

    /// One of a message's fields that exclude each other.
    pub(super) fn one_of<T>(
        self,
        slot: &mut Option<T>,
        read: impl FnOnce(Self) -> Result<T, Refusal>,
    ) -> Result<(), Refusal> {
        let place = self.place;
        let value = read(self)?;
        if slot.replace(value).is_some() {
            return Err(place.refused("stands beside another value: send one of them"));
        }
        Ok(())
    }

    /// Passes over the value and says what it should have been.
    pub(super) fn must_be<T>(self, what: &str) -> Result<T, Refusal> {
        Err(wrong(self.place, self.text.pass(), what))
    }
}

/// What stands there, and what should.
pub(super) fn wrong(place: &Place<'_>, text: &str, what: &str) -> Refusal {
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at > SHOWN_MAX);
    match end {
        None => place.refused(format_args!("is {text}, must be {what}")),
        Some(end) => place.refused(format_args!("is {}…, must be {what}", &text[..end])),
    }
}
