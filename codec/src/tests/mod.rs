//! Proofs that need more than one room: every kind of column through the same hostile hands.

mod damage;
mod dense_ids;
mod entropy;
mod golden;
mod hostile;
mod modes;
mod refusals;
mod twin;

use crate::*;

/// One column of any kind, so that a test is written once. Floats are kept as bits, to compare NaNs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Ints(Vec<i64>),
    Uints(Vec<u64>),
    Ids(Vec<u32>),
    Floats(Vec<u64>),
    Timestamps(Vec<i64>),
    Bytes(Vec<Vec<u8>>),
    Flags(Vec<u8>),
}

const KINDS: [Kind; 7] =
    [Kind::Ints, Kind::Uints, Kind::Ids, Kind::Floats, Kind::Timestamps, Kind::Bytes, Kind::Flags];

impl Column {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Ints(values) => encode_ints(values, &mut out),
            Self::Uints(values) => encode_uints(values, &mut out),
            Self::Ids(values) => encode_ids(values, &mut out),
            Self::Floats(bits) => {
                encode_floats(&bits.iter().map(|bits| f64::from_bits(*bits)).collect::<Vec<_>>(), &mut out);
            }
            Self::Timestamps(values) => encode_timestamps(values, &mut out),
            Self::Bytes(values) => {
                encode_bytes(&values.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut out);
            }
            Self::Flags(values) => encode_flags(values, &mut out),
        }
        out
    }

    /// Also holds the decoder to its promise about input and output.
    fn decode(kind: Kind, input: &mut &[u8], values_max: usize) -> Result<Self, CodecError> {
        Ok(match kind {
            Kind::Ints => Self::Ints(decode_with(decode_ints, input, values_max)?),
            Kind::Uints => Self::Uints(decode_with(decode_uints, input, values_max)?),
            Kind::Ids => Self::Ids(decode_with(decode_ids, input, values_max)?),
            Kind::Floats => {
                let values = decode_with(decode_floats, input, values_max)?;
                Self::Floats(values.into_iter().map(f64::to_bits).collect())
            }
            Kind::Timestamps => Self::Timestamps(decode_with(decode_timestamps, input, values_max)?),
            Kind::Bytes => {
                let values = decode_with(decode_bytes, input, values_max)?;
                Self::Bytes(values.into_iter().map(<[u8]>::to_vec).collect())
            }
            Kind::Flags => Self::Flags(decode_with(decode_flags, input, values_max)?),
        })
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Ints(_) => Kind::Ints,
            Self::Uints(_) => Kind::Uints,
            Self::Ids(_) => Kind::Ids,
            Self::Floats(_) => Kind::Floats,
            Self::Timestamps(_) => Kind::Timestamps,
            Self::Bytes(_) => Kind::Bytes,
            Self::Flags(_) => Kind::Flags,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Ints(values) | Self::Timestamps(values) => values.len(),
            Self::Uints(values) | Self::Floats(values) => values.len(),
            Self::Ids(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Flags(values) => values.len(),
        }
    }
}

fn decode_with<'a, T: Clone + Default>(
    decode: impl Fn(&mut &'a [u8], usize, &mut Vec<T>) -> Result<(), CodecError>,
    input: &mut &'a [u8],
    values_max: usize,
) -> Result<Vec<T>, CodecError> {
    let (before, mut out) = (*input, vec![T::default(); 3]);
    let result = decode(input, values_max, &mut out);
    match &result {
        Ok(()) => assert!(out.len() <= 3 + values_max, "more than values_max values"),
        Err(_) => assert!(out.len() == 3 && std::ptr::eq(before, *input), "an error left traces"),
    }
    // A vector doubles when it grows, and starts with a few.
    assert!(out.capacity() <= 8 + 2 * (3 + values_max), "more memory than values_max values");
    result.map(|()| out.split_off(3))
}
