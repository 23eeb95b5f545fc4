//! Bytes that nobody wrote: an error or the true values, never a panic, never more than was allowed.

use proptest::collection::vec;
use proptest::prelude::*;

use super::hostile::columns;
use super::*;
use crate::block;

const VALUES_MAX: usize = 2_000;

fn kinds() -> impl Strategy<Value = Kind> {
    proptest::sample::select(KINDS.to_vec())
}

/// Payloads from which the decoders get further than the first byte.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let dense = prop_oneof![any::<u8>(), Just(0xff), Just(0), Just(0b0110_1101)];
    let small = vec(0..16u8, 0..4);
    (small, vec(dense, 0..200)).prop_map(|(head, rest)| [head, rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_flipped_bit_is_an_error(column in columns(), at in any::<proptest::sample::Index>()) {
        let mut bytes = column.encode();
        let bit = at.index(8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        let result = Column::decode(column.kind(), &mut &bytes[..], column.len());
        prop_assert!(result.is_err(), "bit {} made {:?}", bit, result);
    }

    #[test]
    fn a_cut_block_is_truncated(column in columns(), at in any::<proptest::sample::Index>()) {
        let bytes = column.encode();
        let cut = &bytes[..at.index(bytes.len())];
        let result = Column::decode(column.kind(), &mut &*cut, column.len());
        let is_truncated = matches!(result, Err(CodecError::Truncated { at, missing: 1.., .. }) if at == cut.len());
        prop_assert!(is_truncated, "{:?}", result);
    }

    #[test]
    fn random_bytes_do_not_panic(kind in kinds(), mut bytes in vec(any::<u8>(), 0..300), versioned in any::<bool>()) {
        if let (true, Some(first)) = (versioned, bytes.first_mut()) {
            *first = VERSION;
        }
        let result = Column::decode(kind, &mut &bytes[..], VALUES_MAX);
        prop_assert!(result.is_err());
    }

    /// A checksum that holds over any payload: what a hostile writer could send.
    #[test]
    fn sealed_nonsense_does_not_panic(kind in kinds(), mode in 0..16u8, count in 0..2 * VALUES_MAX, payload in payloads()) {
        let mut bytes = Vec::new();
        block::put(kind, mode, count, &payload, &mut bytes);
        match Column::decode(kind, &mut &bytes[..], VALUES_MAX) {
            Ok(column) => prop_assert_eq!(column.len(), count),
            Err(CodecError::TooManyValues { .. }) => prop_assert!(count > VALUES_MAX),
            Err(error) => prop_assert!(matches!(error, CodecError::Malformed { .. }), "{}", error),
        }
    }

    /// A true block with one byte changed and sealed again.
    #[test]
    fn a_resealed_block_does_not_panic(column in columns(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut input = &column.encode()[..];
        let block = block::open(input, column.kind(), usize::MAX).expect("a whole block");
        let (mode, mut payload) = (block.mode, block.payload.to_vec());
        if !payload.is_empty() {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let mut bytes = Vec::new();
        block::put(column.kind(), mode, column.len(), &payload, &mut bytes);
        input = &bytes;
        match Column::decode(column.kind(), &mut input, column.len()) {
            Ok(other) => prop_assert_eq!(other.len(), column.len()),
            Err(error) => prop_assert!(matches!(error, CodecError::Malformed { .. }), "{}", error),
        }
    }
}
