//! Ways to write a column and read it back, behind one trait.

use bitvec::prelude::*;
use fastfibonacci::bit_decode::fast::{LookupVec, fast_decode};
use fastfibonacci::bit_decode::fibonacci;
use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};
use tsz::stream::{BufferedReader, BufferedWriter};
use tsz::{DataPoint, Decode as _, Encode as _, StdDecoder, StdEncoder};

use crate::columns::Numbers;

/// Nanoseconds and bits a value.
pub struct Measured {
    pub encode_ns: f64,
    pub decode_ns: f64,
    pub bits: f64,
}

pub trait Coder {
    fn name(&self) -> &'static str;
    /// How many values.
    fn len(&self) -> usize;
    fn encode(&self) -> Vec<u8>;
    /// How many values came back; each is made.
    fn decode(&self, bytes: &[u8]) -> usize;
}

pub fn ours(numbers: &Numbers) -> Box<dyn Coder> {
    Box::new(Ours(numbers.clone()))
}

pub fn all(numbers: &Numbers) -> Vec<Box<dyn Coder>> {
    let mut peers: Vec<Box<dyn Coder>> =
        vec![Box::new(Pco(numbers.clone())), Box::new(Gorilla(as_floats(numbers)))];
    if !matches!(numbers, Numbers::Floats(_)) {
        peers.extend(Fibonacci::new(&integers(numbers)).map(|peer| Box::new(peer) as Box<dyn Coder>));
    }
    peers
}

/// As 64 bits.
pub fn integers(numbers: &Numbers) -> Vec<i64> {
    match numbers {
        Numbers::Ints(values) | Numbers::Timestamps(values) => values.clone(),
        Numbers::Ids(ids) => ids.iter().map(|id| i64::from(*id)).collect(),
        Numbers::Floats(values) => values.iter().map(|value| value.to_bits() as i64).collect(),
    }
}

fn as_floats(numbers: &Numbers) -> Vec<f64> {
    match numbers {
        Numbers::Floats(values) => values.clone(),
        _ => integers(numbers).into_iter().map(|value| value as f64).collect(),
    }
}

struct Ours(Numbers);

impl Coder for Ours {
    fn name(&self) -> &'static str {
        "sluice"
    }

    fn len(&self) -> usize {
        match &self.0 {
            Numbers::Ints(values) | Numbers::Timestamps(values) => values.len(),
            Numbers::Ids(ids) => ids.len(),
            Numbers::Floats(values) => values.len(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.0 {
            Numbers::Ints(values) => codec::encode_ints(values, &mut out),
            Numbers::Timestamps(values) => codec::encode_timestamps(values, &mut out),
            Numbers::Ids(ids) => codec::encode_ids(ids, &mut out),
            Numbers::Floats(values) => codec::encode_floats(values, &mut out),
        }
        out
    }

    fn decode(&self, mut bytes: &[u8]) -> usize {
        fn decoded<T>(values: Result<Vec<T>, codec::CodecError>) -> usize {
            std::hint::black_box(values.expect("what was just encoded")).len()
        }
        let (bytes, max) = (&mut bytes, self.len());
        match &self.0 {
            Numbers::Ints(_) => decoded(into(|out| codec::decode_ints(bytes, max, out))),
            Numbers::Timestamps(_) => decoded(into(|out| codec::decode_timestamps(bytes, max, out))),
            Numbers::Ids(_) => decoded(into(|out| codec::decode_ids(bytes, max, out))),
            Numbers::Floats(_) => decoded(into(|out| codec::decode_floats(bytes, max, out))),
        }
    }
}

fn into<T>(
    decode: impl FnOnce(&mut Vec<T>) -> Result<(), codec::CodecError>,
) -> Result<Vec<T>, codec::CodecError> {
    let mut out = Vec::new();
    decode(&mut out).map(|()| out)
}

struct Pco(Numbers);

impl Coder for Pco {
    fn name(&self) -> &'static str {
        "pco 1.1"
    }

    fn len(&self) -> usize {
        Ours(self.0.clone()).len()
    }

    fn encode(&self) -> Vec<u8> {
        let config = ChunkConfig::default();
        match &self.0 {
            Numbers::Ints(values) | Numbers::Timestamps(values) => simple_compress(values, &config),
            Numbers::Ids(ids) => simple_compress(ids, &config),
            Numbers::Floats(values) => simple_compress(values, &config),
        }
        .expect("numbers")
    }

    fn decode(&self, bytes: &[u8]) -> usize {
        match &self.0 {
            Numbers::Ints(_) | Numbers::Timestamps(_) => {
                simple_decompress::<i64>(bytes).expect("just encoded").len()
            }
            Numbers::Ids(_) => simple_decompress::<u32>(bytes).expect("just encoded").len(),
            Numbers::Floats(_) => simple_decompress::<f64>(bytes).expect("just encoded").len(),
        }
    }
}

/// A minute's timestamp beside each value.
struct Gorilla(Vec<f64>);

const START: u64 = 1_700_000_000;

impl Coder for Gorilla {
    fn name(&self) -> &'static str {
        "tsz 0.1 (Gorilla)"
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn encode(&self) -> Vec<u8> {
        let mut encoder = StdEncoder::new(START, BufferedWriter::new());
        for (minute, value) in (0..).zip(&self.0) {
            encoder.encode(DataPoint::new(START + 60 * minute, *value));
        }
        encoder.close().into_vec()
    }

    fn decode(&self, bytes: &[u8]) -> usize {
        let mut decoder = StdDecoder::new(BufferedReader::new(bytes.to_vec().into_boxed_slice()));
        let mut values = Vec::new();
        while let Ok(point) = decoder.next() {
            values.push(point.get_value());
        }
        std::hint::black_box(values).len()
    }
}

/// Residuals as Fibonacci codes, with a table of 16 bits for reading.
struct Fibonacci {
    residuals: Vec<u64>,
    table: LookupVec<u16>,
}

impl Fibonacci {
    /// Deltas in zigzag, or values, whichever are shorter; `None` where a number is above what the peer can code.
    fn new(values: &[i64]) -> Option<Self> {
        let zigzag = |value: i64| ((value << 1) ^ (value >> 63)) as u64;
        let deltas: Vec<u64> = std::iter::once(0)
            .chain(values.windows(2).map(|two| zigzag(two[1].wrapping_sub(two[0]))))
            .collect();
        let middle = values[values.len() / 2];
        let plain: Vec<u64> = values.iter().map(|value| zigzag(value.wrapping_sub(middle))).collect();
        let bits = |numbers: &[u64]| {
            numbers.iter().map(|number| 64 - u64::from(number.leading_zeros())).sum::<u64>()
        };
        let chosen = if bits(&deltas) < bits(&plain) { deltas } else { plain };
        let largest = chosen.iter().max().copied().unwrap_or(0);
        (largest < 1 << 48).then(|| Self {
            residuals: chosen.iter().map(|number| number + 1).collect(),
            table: LookupVec::new(),
        })
    }
}

impl Coder for Fibonacci {
    fn name(&self) -> &'static str {
        "fastfibonacci 1.4"
    }

    fn len(&self) -> usize {
        self.residuals.len()
    }

    fn encode(&self) -> Vec<u8> {
        let mut bits = fibonacci::encode(&self.residuals);
        bits.set_uninitialized(false);
        bits.into_vec()
    }

    fn decode(&self, bytes: &[u8]) -> usize {
        let mut bits = BitVec::<u8, Msb0>::from_slice(bytes);
        bits.truncate(bits.last_one().map_or(0, |last| last + 1));
        fast_decode(&bits, false, &self.table).len()
    }
}
