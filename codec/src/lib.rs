//! Numbers to few bits and back.
//!
//! In:    slices of integers, floats, timestamps, ids, flags or blobs.
//! Out:   self-delimiting blocks of bytes, each with a version and a CRC32C; `FORMAT.md` draws them.
//! Kept:  nothing; every function is pure but for the buffer it appends to.
//! Never: IO, a clock, knowledge of metrics, a panic or a wrong number on damaged bytes.
//!
//! The modes of a block are costed on a sample and it is written in the cheapest one (`plan`, `floats`).
//! What they cost to write and read is in `benches/speed.rs`. A reader says how many values it is prepared to receive: a constant block of a dozen bytes may
//! honestly stand for a million values, so only the caller can know what is too many.
//!
//! ```
//! let mut bytes = Vec::new();
//! codec::encode_timestamps(&[60_000, 120_000, 180_000], &mut bytes);
//! codec::encode_floats(&[0.25, 0.5, 0.75], &mut bytes);
//!
//! let (mut input, mut times, mut values) = (&bytes[..], Vec::new(), Vec::new());
//! codec::decode_timestamps(&mut input, 1_000, &mut times)?;
//! codec::decode_floats(&mut input, 1_000, &mut values)?;
//! assert_eq!((times.len(), values), (3, vec![0.25, 0.5, 0.75]));
//! # Ok::<(), codec::CodecError>(())
//! ```

// From the outside in: what is called, how it is framed, how a mode is chosen, the modes, the bits.
mod column;

mod bare;
mod block;
mod error;

mod blobs;
mod floats;
mod integers;

mod delta;
mod plan;
mod tally;

mod binned;
mod packed;
mod rising;
mod signed;
mod zero_run;

mod decimal;
mod pattern;

mod ans;
mod classes;
mod commons;
mod fibonacci;

mod back_writer;
mod bits;
mod lanes;
mod varint;

#[cfg(test)]
mod tests;

pub use bare::{put_bare, take_bare};
pub use block::{BlockHead, Kind, VERSION, skip_block};
pub use column::{
    decode_bytes, decode_dense_ids, decode_flags, decode_floats, decode_ids, decode_int_bits, decode_ints,
    decode_timestamps, decode_uints, encode_bytes, encode_flags, encode_floats, encode_ids, encode_ints,
    encode_timestamps, encode_uints,
};
pub use error::CodecError;
