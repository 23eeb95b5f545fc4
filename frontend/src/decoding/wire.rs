//! Counting what a protobuf message will become, without making it.
//!
//! The walk takes the bytes apart just as prost does: what passes is what prost will see. Fields that a [`Shape`] does
//! not name cost no more memory than they have bytes, and are stepped over.
//!
//! ```text
//! message: field*     field: varint(number << 3 | wire type), then
//!   0 varint   1 eight bytes   2 varint n, n bytes   3 field* 4 (a group)   5 four bytes
//! ```

use super::Refused;
use super::limits::{Counts, Kind};

/// Messages within messages; prost's own limit.
pub(crate) const DEPTH_MAX: usize = 100;

/// Which fields of a message become more than their bytes.
#[derive(Debug)]
pub(crate) struct Shape(pub(crate) &'static [(u32, Field)]);

/// What a field becomes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    /// An optional message; it lies within its parent.
    One(&'static Shape),
    /// Messages, each counted.
    Many(Kind, &'static Shape),
    /// Strings or bytes, each counted.
    Texts(Kind),
    /// Varints, packed or not.
    Varints(Kind),
    /// Numbers of eight bytes, packed or not.
    Fixed64(Kind),
}

/// Why the walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    TooMany(Kind),
    TooDeep,
    Malformed(&'static str),
}

/// A field's value, as it lies on the wire.
enum Value<'a> {
    Number,
    Bytes(&'a [u8]),
    GroupStart,
    GroupEnd,
}

struct Reader<'a>(&'a [u8]);

// === impl Stop ===

impl Stop {
    pub(crate) fn refused(self, name: &'static str) -> Refused {
        match self {
            Self::TooMany(kind) => Refused::TooMany(kind),
            Self::TooDeep => Refused::TooDeep { max: DEPTH_MAX },
            Self::Malformed(detail) => Refused::Malformed { name, detail: detail.to_owned() },
        }
    }
}

impl From<Kind> for Stop {
    fn from(kind: Kind) -> Self {
        Self::TooMany(kind)
    }
}

/// Allocates nothing; takes time in proportion to the bytes.
pub(super) fn scan(bytes: &[u8], shape: &Shape) -> Result<Counts, Stop> {
    let mut counts = Counts::default();
    message(bytes, shape, DEPTH_MAX, &mut counts).map(|()| counts)
}

fn message(bytes: &[u8], shape: &Shape, depth: usize, counts: &mut Counts) -> Result<(), Stop> {
    let mut reader = Reader(bytes);
    while !reader.0.is_empty() {
        let (number, value) = reader.field()?;
        let named = shape.0.iter().find(|(named, _)| *named == number);
        match (value, named) {
            (Value::GroupStart, _) => reader.group(number, depth)?,
            (Value::GroupEnd, _) => return Err(Stop::Malformed("a group ends that did not begin")),
            (value, Some((_, field))) => field.count(&value, depth, counts)?,
            (_, None) => {}
        }
    }
    Ok(())
}

// === impl Field ===

impl Field {
    fn count(self, value: &Value<'_>, depth: usize, counts: &mut Counts) -> Result<(), Stop> {
        match (self, value) {
            (Self::One(shape), Value::Bytes(bytes)) => message(bytes, shape, deeper(depth)?, counts)?,
            (Self::Many(kind, shape), Value::Bytes(bytes)) => {
                counts.add(kind, 1)?;
                message(bytes, shape, deeper(depth)?, counts)?;
            }
            (Self::Varints(kind), Value::Bytes(bytes)) => counts.add(kind, varints(bytes))?,
            (Self::Fixed64(kind), Value::Bytes(bytes)) => counts.add(kind, bytes.len() / 8)?,
            (Self::Texts(kind), Value::Bytes(_))
            | (Self::Varints(kind) | Self::Fixed64(kind), Value::Number) => {
                counts.add(kind, 1)?;
            }
            _ => return Err(Stop::Malformed("a field has the wrong wire type")),
        }
        Ok(())
    }
}

fn deeper(depth: usize) -> Result<usize, Stop> {
    depth.checked_sub(1).ok_or(Stop::TooDeep)
}

/// Each ends with a byte below 128.
fn varints(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte < 0x80).count()
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn field(&mut self) -> Result<(u32, Value<'a>), Stop> {
        let key =
            u32::try_from(self.varint()?).map_err(|_| Stop::Malformed("a field's number is too large"))?;
        let number = key >> 3;
        if number == 0 {
            return Err(Stop::Malformed("a field has the number 0"));
        }
        let value = match key & 7 {
            0 => self.varint().map(|_| Value::Number)?,
            1 => self.take(8).map(|_| Value::Number)?,
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            3 => Value::GroupStart,
            4 => Value::GroupEnd,
            5 => self.take(4).map(|_| Value::Number)?,
            _ => return Err(Stop::Malformed("a field has an unknown wire type")),
        };
        Ok((number, value))
    }

    /// To the end of the group that has just begun. Nobody has groups any more, but they may be stepped over.
    fn group(&mut self, number: u32, depth: usize) -> Result<(), Stop> {
        let depth = deeper(depth)?;
        loop {
            match self.field()? {
                (inner, Value::GroupStart) => self.group(inner, depth)?,
                (end, Value::GroupEnd) if end == number => return Ok(()),
                (_, Value::GroupEnd) => return Err(Stop::Malformed("a group ends that did not begin")),
                _ => {}
            }
        }
    }

    fn varint(&mut self) -> Result<u64, Stop> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            // The tenth byte has the last bit of 64.
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Stop::Malformed("a varint has more than 64 bits"))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Stop> {
        let taken = usize::try_from(len).ok().and_then(|len| self.0.split_at_checked(len));
        let (taken, rest) =
            taken.ok_or(Stop::Malformed("a field is longer than what is left of the message"))?;
        self.0 = rest;
        Ok(taken)
    }
}
