//! A column of byte strings: their lengths as integers, then their bytes end to end. Reading copies
//! nothing; what compresses text sits below us.

use crate::delta::Order;
use crate::error::Flaw;
use crate::integers::{self, BATCH, Reader};

/// How a column of byte strings is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All equal, stored once; or none.
    Constant = 0,
    /// A mode of [`crate::integers`], the body of the lengths, the bytes.
    Joined = 1,
}

// === impl Mode ===

impl Mode {
    pub(crate) fn from_byte(byte: u8) -> Result<Self, Flaw> {
        let modes = [Self::Constant, Self::Joined];
        modes.get(usize::from(byte)).copied().ok_or(Flaw("the mode does not exist"))
    }
}

/// Appends the body of `values` and tells its mode.
pub(crate) fn encode(values: &[&[u8]], out: &mut Vec<u8>) -> Mode {
    if values.array_windows::<2>().all(|[a, b]| a == b) {
        out.extend_from_slice(values.first().copied().unwrap_or_default());
        return Mode::Constant;
    }
    let lengths: Vec<u64> = values.iter().map(|value| value.len() as u64).collect();
    integers::encode_with_mode(&lengths, &[Order::Values], out);
    values.iter().for_each(|value| out.extend_from_slice(value));
    Mode::Joined
}

/// Appends `count` byte strings, all of them parts of `input`, which the body fills to its end.
pub(crate) fn decode<'a>(
    mode: Mode,
    count: usize,
    input: &mut &'a [u8],
    out: &mut Vec<&'a [u8]>,
) -> Result<(), Flaw> {
    match mode {
        Mode::Constant if count == 0 => Ok(()),
        Mode::Constant => {
            out.resize(out.len() + count, std::mem::take(input));
            Ok(())
        }
        Mode::Joined => decode_joined(count, input, out),
    }
}

fn decode_joined<'a>(count: usize, input: &mut &'a [u8], out: &mut Vec<&'a [u8]>) -> Result<(), Flaw> {
    let mut reader = Reader::with_mode(count, input)?;
    let (mut lengths, mut batch) = (Vec::new(), [0; BATCH]);
    while let Some(values) = reader.next(&mut batch)? {
        lengths.extend_from_slice(values);
    }
    *input = reader.finish()?;
    out.reserve(count);
    for length in lengths {
        let here = usize::try_from(length).ok().and_then(|length| input.split_at_checked(length));
        let (value, rest) = here.ok_or(Flaw("the lengths add up to more bytes than there are"))?;
        out.push(value);
        *input = rest;
    }
    Ok(())
}
