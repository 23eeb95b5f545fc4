//! Four bit streams side by side: value `i` lies in lane `i mod 4`, so that a processor works on four
//! codes at a time although the end of each is known only when it has been read.
//!
//! ```text
//! | bytes of lane 0, varint | of lane 1 | of lane 2 | lane 0 ... | lane 1 ... | lane 2 ... | lane 3 ...
//! ```
//!
//! Columns of fewer than [`MANY`] values have one lane and no lengths.

use crate::bits::{BitReader, BitWriter, peek};
use crate::error::Flaw;
use crate::varint;

pub(crate) const LANES: usize = 4;

const TOO_LONG: Flaw = Flaw("a lane is longer than the payload");

/// From so many values on, the 7 bytes of three lengths and the padding are a fifth of a bit a value.
pub(crate) const MANY: usize = 256;

/// A code that lanes are written in.
pub(crate) trait Code {
    /// The value at the front of a window of at least [`crate::bits::PEEK_BITS`] bits; `None` if it takes
    /// more than a window.
    fn quick(&self, state: u32, window: u64) -> Option<Coded>;

    /// The next value, whatever it takes, and the state after it.
    fn slow(&self, state: u32, reader: &mut BitReader<'_>) -> Result<(u64, u32), Flaw>;
}

/// A value, the bits it took, and the state after it, which only some codes have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coded {
    pub(crate) value: u64,
    pub(crate) bits: u32,
    pub(crate) state: u32,
}

/// Where a lane is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// In bits.
    at: usize,
    state: u32,
}

/// Bit streams that are read together.
#[derive(Debug)]
pub(crate) struct Lanes<'a> {
    /// All lanes, end to end. One may be read into the next one; [`Lanes::finish`] finds out.
    bytes: &'a [u8],
    places: [Place; LANES],
    /// In bytes, of all lanes but the last.
    ends: [usize; LANES - 1],
    used: usize,
}

/// How many lanes a column of `count` values has.
pub(crate) fn used(count: usize) -> usize {
    if count < MANY { 1 } else { LANES }
}

/// Appends `values`, each as `code` writes it.
pub(crate) fn put(values: &[u64], out: &mut Vec<u8>, code: impl Fn(u64, &mut BitWriter<'_>)) {
    if used(values.len()) == 1 {
        let mut writer = BitWriter::new(out);
        values.iter().for_each(|value| code(*value, &mut writer));
        return writer.finish();
    }
    let mut lanes = [const { Vec::new() }; LANES];
    let mut writers = lanes.each_mut().map(BitWriter::new);
    let (quads, rest) = values.as_chunks::<LANES>();
    for quad in quads.iter().map(<[u64; LANES]>::as_slice).chain([rest]) {
        quad.iter().zip(&mut writers).for_each(|(value, writer)| code(*value, writer));
    }
    writers.into_iter().for_each(BitWriter::finish);
    join(&lanes, out);
}

/// Appends lanes behind their lengths; a single one has none.
pub(crate) fn join(lanes: &[Vec<u8>], out: &mut Vec<u8>) {
    let (_, measured) = lanes.split_last().unwrap_or((const { &Vec::new() }, &[]));
    measured.iter().for_each(|lane| varint::put(lane.len() as u64, out));
    lanes.iter().for_each(|lane| out.extend_from_slice(lane));
}

// === impl Lanes ===

impl<'a> Lanes<'a> {
    pub(crate) fn new(mut input: &'a [u8], count: usize) -> Result<Self, Flaw> {
        let (used, mut ends, mut places) = (used(count), [0; LANES - 1], [Place::default(); LANES]);
        let mut end = 0;
        for lane in 1..used {
            let length = usize::try_from(varint::take(&mut input)?).ok();
            // Below 2^60, so that places in bits are numbers of 64 bits.
            end = length
                .and_then(|length| length.checked_add(end))
                .filter(|end| *end < 1 << 60)
                .ok_or(TOO_LONG)?;
            (ends[lane - 1], places[lane].at) = (end, 8 * end);
        }
        if end > input.len() { Err(TOO_LONG) } else { Ok(Self { bytes: input, places, ends, used }) }
    }

    /// Reads the state that each lane begins with.
    pub(crate) fn start(
        &mut self,
        start: impl Fn(&mut BitReader<'a>) -> Result<u32, Flaw>,
    ) -> Result<(), Flaw> {
        for place in &mut self.places[..self.used] {
            let mut reader = BitReader::from(self.bytes, place.at);
            let state = start(&mut reader)?;
            *place = Place { at: reader.at(), state };
        }
        Ok(())
    }

    /// Fills `batch`, whose first value is one of the first lane.
    #[inline]
    pub(crate) fn fill(&mut self, batch: &mut [u64], code: &impl Code) -> Result<(), Flaw> {
        let mut places = self.places;
        if self.used == 1 {
            for slot in batch {
                *slot = take(self.bytes, &mut places[0], code)?;
            }
        } else {
            let (quads, rest) = batch.as_chunks_mut::<LANES>();
            for quad in quads {
                for (slot, place) in quad.iter_mut().zip(&mut places) {
                    *slot = take(self.bytes, place, code)?;
                }
            }
            for (slot, place) in rest.iter_mut().zip(&mut places) {
                *slot = take(self.bytes, place, code)?;
            }
        }
        self.places = places;
        Ok(())
    }

    /// What follows the last lane. Each must have ended in its last byte, and in state 0.
    pub(crate) fn finish(self) -> Result<&'a [u8], Flaw> {
        let (last, others) = (self.places[self.used - 1], &self.places[..self.used - 1]);
        if others.iter().zip(&self.ends).any(|(place, end)| place.at.div_ceil(8) != *end) {
            return Err(Flaw("a lane does not end where it should"));
        }
        if self.places.iter().any(|place| place.state != 0) {
            return Err(Flaw("a lane does not end in the state it should"));
        }
        BitReader::from(self.bytes, last.at).finish()
    }
}

#[inline(always)]
fn take(bytes: &[u8], place: &mut Place, code: &impl Code) -> Result<u64, Flaw> {
    if let Some(Coded { value, bits, state }) = code.quick(place.state, peek(bytes, place.at)) {
        *place = Place { at: place.at + bits as usize, state };
        return Ok(value);
    }
    let mut reader = BitReader::from(bytes, place.at);
    let (value, state) = code.slow(place.state, &mut reader)?;
    *place = Place { at: reader.at(), state };
    Ok(value)
}
