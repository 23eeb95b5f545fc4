//! Values of `Cf::State`: a version, the content in little endian, and a CRC32C of both.
//!
//! ```text
//! │ version u8 │ content … │ crc32c u32 │
//! ```

use crate::StateError;

/// The version of every value, also of the head. Any other is refused, not guessed at: 1 was never released.
pub const STATE_VERSION: u8 = 2;

const CRC_BYTES: usize = 4;

/// Writes one value.
pub(crate) struct StateWriter(Vec<u8>);

/// Reads one value whose checksum was good.
pub(crate) struct StateReader<'a> {
    key: &'a [u8],
    rest: &'a [u8],
}

// === impl StateWriter ===

impl StateWriter {
    pub(crate) fn new() -> Self {
        Self(vec![STATE_VERSION])
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Length (u32) and bytes.
    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.u32(u32::try_from(value.len()).expect("a sketch or a name is far below 4 GiB"));
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let crc = crc32c::crc32c(&self.0);
        self.u32(crc);
        self.0
    }
}

// === impl StateReader ===

impl<'a> StateReader<'a> {
    /// Checks version and checksum of the value under `key`.
    pub(crate) fn new(key: &'a [u8], value: &'a [u8]) -> Result<Self, StateError> {
        let reader = Self { key, rest: &[] };
        let at = value.len().checked_sub(CRC_BYTES).filter(|at| *at > 0);
        let (content, crc) = at.map(|at| value.split_at(at)).ok_or_else(|| reader.damaged("is too short"))?;
        if crc32c::crc32c(content).to_le_bytes() != crc {
            return Err(reader.damaged("has a wrong checksum"));
        }
        match content.split_first() {
            Some((&STATE_VERSION, rest)) => Ok(Self { key, rest }),
            Some((&got, _)) if got < STATE_VERSION => Err(StateError::Older { got, reads: STATE_VERSION }),
            Some((&got, _)) => Err(StateError::Version { got, reads: STATE_VERSION }),
            None => Err(reader.damaged("is too short")),
        }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StateError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StateError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StateError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], StateError> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    /// Bytes that are words.
    pub(crate) fn text(&mut self) -> Result<&'a str, StateError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| self.damaged("holds words that are not UTF-8"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything was read.
    pub(crate) fn end(&self) -> Result<(), StateError> {
        if self.is_empty() { Ok(()) } else { Err(self.damaged("has bytes after its end")) }
    }

    pub(crate) fn damaged(&self, what: &'static str) -> StateError {
        StateError::Damaged { key: self.key.to_vec(), what }
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or_else(|| self.damaged("ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        let mut writer = StateWriter::new();
        writer.u8(1).u32(2).u64(3).bytes(b"four");
        let value = writer.finish();
        let mut reader = StateReader::new(b"k", &value).unwrap();
        assert_eq!((reader.u8().unwrap(), reader.u32().unwrap(), reader.u64().unwrap()), (1, 2, 3));
        assert_eq!(reader.bytes().unwrap(), b"four");
        assert!(reader.end().is_ok());
        assert!(reader.u8().is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_an_error() {
        let mut writer = StateWriter::new();
        writer.u64(7);
        let good = writer.finish();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(StateReader::new(b"k", &bad).is_err(), "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(StateReader::new(b"k", &good[..len]).is_err(), "cut at {len}");
        }
    }

    #[test]
    fn another_version_says_what_to_do() {
        let of = |version: u8| {
            let mut value = vec![version, 7];
            value.extend_from_slice(&crc32c::crc32c(&value).to_le_bytes());
            StateReader::new(b"C", &value).err().map(|why| why.to_string()).unwrap_or_default()
        };
        assert!(
            of(1).contains("version 1, older than 2") && of(1).contains("start with an empty data directory")
        );
        assert!(of(3).contains("run the newer version"));
        assert_eq!(of(2), "");
    }

    #[test]
    fn golden_bytes_of_version_2() {
        let mut writer = StateWriter::new();
        writer.u32(5);
        assert_eq!(writer.finish(), [2, 5, 0, 0, 0, 38, 50, 55, 147]);
    }
}
