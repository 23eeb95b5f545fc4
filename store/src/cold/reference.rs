//! What stands in a page's place when it has moved out. `FORMAT.md` draws it.

use std::fmt;

use crate::StoreError;

/// No page begins so: it would be its format's version.
const TAG: u8 = 0xFF;
const VERSION: u8 = 1;
/// Tag, version, offset, length, the page's CRC; behind them the name, and the CRC of it all.
const HEAD_BYTES: usize = 1 + 1 + 8 + 4 + 4;
const CRC_BYTES: usize = 4;

/// Where a page's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The object's name below the store's URL.
    pub pack: String,
    /// The first byte of the page in it.
    pub offset: u64,
    /// Bytes of the page.
    pub length: u32,
    /// CRC32C of the page.
    pub crc: u32,
}

// === impl Reference ===

impl Reference {
    /// As it lies in the page's place.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![TAG, VERSION];
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.crc.to_le_bytes());
        bytes.extend_from_slice(self.pack.as_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` of what is a page itself.
    ///
    /// # Errors
    /// When it is neither, or of a later version.
    pub fn read(value: &[u8]) -> Result<Option<Self>, StoreError> {
        if value.first() != Some(&TAG) {
            return Ok(None);
        }
        let damaged = |why: &str| StoreError::damaged("the reference to a cold page", why);
        let (body, crc) =
            value.split_last_chunk::<CRC_BYTES>().ok_or_else(|| damaged("its bytes end early"))?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(damaged("its crc32c does not fit"));
        }
        let (head, pack) =
            body.split_first_chunk::<HEAD_BYTES>().ok_or_else(|| damaged("its bytes end early"))?;
        let [_, version, o0, o1, o2, o3, o4, o5, o6, o7, l0, l1, l2, l3, c0, c1, c2, c3] = *head;
        if version != VERSION {
            let what = "the reference to a cold page".to_owned();
            return Err(StoreError::Version { what, found: version, known: VERSION });
        }
        Ok(Some(Self {
            pack: std::str::from_utf8(pack).map_err(|_| damaged("its name is not UTF-8"))?.to_owned(),
            offset: u64::from_le_bytes([o0, o1, o2, o3, o4, o5, o6, o7]),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        }))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {} to {} of {}", self.offset, self.offset + u64::from(self.length), self.pack)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference() -> Reference {
        Reference { pack: "pages/a/20591-0f".to_owned(), offset: 1 << 40, length: 7_000, crc: 0xdead_beef }
    }

    #[test]
    fn golden_bytes() {
        let hex: String = reference().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&hex[..36], "ff010000000000010000581b0000efbeadde");
        assert_eq!(Reference::read(&reference().to_bytes()), Ok(Some(reference())));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let whole = reference().to_bytes();
        for at in 8..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(Reference::read(&bytes).is_err(), "bit {at}");
        }
        (1..whole.len()).for_each(|cut| assert!(Reference::read(&whole[..cut]).is_err(), "cut at {cut}"));
    }

    proptest! {
        #[test]
        fn it_comes_back(pack in "[a-z0-9/-]{1,60}", offset: u32, length: u32, crc: u32) {
            let reference = Reference { pack, offset: offset.into(), length, crc };
            prop_assert_eq!(Reference::read(&reference.to_bytes()), Ok(Some(reference)));
        }
    }
}
