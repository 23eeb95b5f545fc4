//! Numbers and strings of saved records, and the checksum around each record.
//!
//! ```text
//! │ version u8 │ body │ CRC32C of all before it │
//! ```

use crate::LoadError;

/// What is written, and the newest that is read.
const VERSION: u8 = 1;
const CRC_BYTES: usize = 4;

pub(crate) fn put_u8(out: &mut Vec<u8>, number: u8) {
    out.push(number);
}

pub(crate) fn put_u16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// No name or value is longer than 2^16 bytes: `model::Limits`.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u16(out, u16::try_from(text.len()).expect("names and values are short"));
    out.extend_from_slice(text.as_bytes());
}

/// A record with what `body` appends.
pub(crate) fn record(body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![VERSION];
    body(&mut out);
    let crc = crc32c::crc32c(&out);
    put_u32(&mut out, crc);
    out
}

/// The body of a record whose checksum fits.
pub(crate) fn open<'a>(what: &'static str, record: &'a [u8]) -> Result<Reader<'a>, LoadError> {
    let damaged = |why| LoadError::Damaged { what, why };
    let (body, crc) = record.split_last_chunk::<CRC_BYTES>().ok_or(damaged("it ends early"))?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(damaged("its crc32c does not fit"));
    }
    match body.split_first() {
        Some((&VERSION, body)) => Ok(Reader::new(what, body)),
        _ => Err(damaged("it is of another version")),
    }
}

/// Reads a body from its beginning.
pub(crate) struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes }
    }

    pub(crate) fn damaged(&self, why: &'static str) -> LoadError {
        LoadError::Damaged { what: self.what, why }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, LoadError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, LoadError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, LoadError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, LoadError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, LoadError> {
        let len = self.u16()?;
        let (text, rest) =
            self.bytes.split_at_checked(usize::from(len)).ok_or_else(|| self.damaged("it ends early"))?;
        self.bytes = rest;
        std::str::from_utf8(text).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), LoadError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.damaged("bytes follow after its end")) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let (array, rest) = self.bytes.split_first_chunk().ok_or_else(|| self.damaged("it ends early"))?;
        self.bytes = rest;
        Ok(*array)
    }
}
