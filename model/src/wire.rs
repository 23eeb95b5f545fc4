//! Reading and writing of the sketches' bytes: single bytes and variable-length integers (LEB128).
//!
//! A varint has 7 bits a byte, the lowest first; the top bit says that another byte follows. Only the shortest form
//! is read, so that equal sketches have equal bytes.

use crate::SketchError;

/// 64 bits at 7 a byte.
const VARINT_BYTES_MAX: usize = 10;

/// What is left of the input.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, SketchError> {
        let (first, rest) = self.0.split_first().ok_or(SketchError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], SketchError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(SketchError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, SketchError> {
        let mut value = 0;
        for at in 0..VARINT_BYTES_MAX {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if at == VARINT_BYTES_MAX - 1 && bits > 1 {
                return Err(SketchError::Varint); // bit 64 and above
            }
            value |= bits << (7 * at);
            if byte & 0x80 == 0 {
                return if byte == 0 && at > 0 { Err(SketchError::Varint) } else { Ok(value) };
            }
        }
        Err(SketchError::Varint)
    }

    /// How many entries follow: no more than `max`, and no more than bytes are left for them, so that a false claim
    /// cannot make the reader allocate.
    pub(crate) fn length(&mut self, max: usize, bytes_each_min: usize) -> Result<usize, SketchError> {
        let claimed = self.varint()?;
        match usize::try_from(claimed) {
            Ok(length) if length <= max => {
                if length > self.0.len() / bytes_each_min {
                    Err(SketchError::Truncated)
                } else {
                    Ok(length)
                }
            }
            _ => Err(SketchError::TooMany { claimed, max: max as u64 }),
        }
    }

    pub(crate) fn end(&self) -> Result<(), SketchError> {
        if self.0.is_empty() { Ok(()) } else { Err(SketchError::Trailing(self.0.len())) }
    }
}

/// Appends the shortest form.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_integer_comes_back(value: u64, shift in 0_u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn two_forms_of_one_integer_are_never_both_read(bytes in prop::collection::vec(any::<u8>(), 1..12)) {
            let mut reader = Reader(&bytes);
            if let Ok(value) = reader.varint() {
                let mut again = Vec::new();
                put_varint(&mut again, value);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - reader.0.len()]);
            }
        }
    }

    #[test]
    fn each_form() {
        check(&[0], 0);
        check(&[0x7f], 127);
        check(&[0x80, 1], 128);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], u64::MAX);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], None);
        check(&[0x80, 0], None);
        check(&[0x80], None);
        check(&[], None);
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: impl Into<Option<u64>>) {
        assert_eq!(Reader(bytes).varint().ok(), expected.into());
    }
}
