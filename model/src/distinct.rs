//! How many different values were observed: HyperLogLog++ (Heule, Nunkesser, Hall 2013) with the estimator of
//! O. Ertl ("New cardinality estimation algorithms for HyperLogLog sketches", 2017), which needs no bias tables.
//!
//! The same observations in any order and any grouping of merges give equal values and equal bytes, because state is
//! a pure function of the log. Small sets are *sparse*: 25 bits of the hash and the rank of the rest, sorted. A set of
//! more than `2^precision / 4` such indices is *dense*: `2^precision` registers. The union of sets only grows and the
//! rule looks at nothing but its size, so no order of events can make the form differ.
//!
//! The bytes are drawn in `FORMAT.md`.

mod codes;
mod registers;

use xxhash_rust::xxh3::xxh3_64;

use crate::number::{DECIMAL_BYTES_MAX, decimal};
use crate::wire::{Reader, put_varint};
use crate::{Number, SketchError};
use codes::{Code, Codes};
use registers::Registers;

const VERSION: u8 = 1;
const SPARSE: u8 = 0;
const DENSE: u8 = 1;

/// A set of which only the number of members can be told, with a standard error of `1.04 / sqrt(2^precision)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct {
    precision: u8,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Sparse(Codes),
    Dense(Registers),
}

// === impl Distinct ===

impl Distinct {
    /// The coarsest: 16 registers, 26 % error.
    pub const PRECISION_MIN: u8 = 4;
    /// The finest: 262,144 registers, 0.2 % error.
    pub const PRECISION_MAX: u8 = 18;
    /// 16,384 registers, 0.81 % error.
    pub const PRECISION_DEFAULT: u8 = 14;

    /// Nothing observed yet.
    ///
    /// # Errors
    /// When the precision is not in 4..=18.
    pub fn new(precision: u8) -> Result<Self, SketchError> {
        if !(Self::PRECISION_MIN..=Self::PRECISION_MAX).contains(&precision) {
            return Err(SketchError::Precision(precision));
        }
        Ok(Self { precision, form: Form::Sparse(Codes::default()) })
    }

    /// The binary logarithm of the number of registers.
    #[must_use]
    pub fn precision(&self) -> u8 {
        self.precision
    }

    /// Nothing was observed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.form, Form::Sparse(codes) if codes.len() == 0)
    }

    /// Observes one element, as text.
    pub fn observe(&mut self, element: &str) {
        self.observe_hash(element_hash(element));
    }

    /// Observes a number under its canonical text: 5, 5.0 and "5" are one element.
    pub fn observe_number(&mut self, number: Number) {
        match number.canonical() {
            Number::Int(value) => self.observe_hash(xxh3_64(decimal(value, &mut [0; DECIMAL_BYTES_MAX]))),
            Number::Float(value) => self.observe(&value.to_string()),
        }
    }

    /// Observes what [`element_hash`] made of an element.
    #[inline]
    pub fn observe_hash(&mut self, hash: u64) {
        match &mut self.form {
            Form::Dense(registers) => registers.observe(hash),
            Form::Sparse(codes) => {
                codes.observe(Code::of_hash(hash));
                self.settle();
            }
        }
    }

    /// Adds what another one observed. The coarser of the two precisions is the result's.
    pub fn merge(&mut self, other: &Self) {
        self.coarsen(other.precision);
        match (&mut self.form, &other.form) {
            (Form::Sparse(ours), Form::Sparse(theirs)) => ours.merge(theirs),
            (Form::Dense(ours), Form::Sparse(theirs)) => ours.observe_codes(theirs),
            (Form::Dense(ours), Form::Dense(theirs)) => ours.merge(theirs),
            (Form::Sparse(ours), Form::Dense(theirs)) => {
                let mut dense = theirs.folded(self.precision);
                dense.observe_codes(ours);
                self.form = Form::Dense(dense);
            }
        }
        self.settle();
    }

    /// The estimate of how many different elements were observed.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        match &self.form {
            Form::Sparse(codes) => codes.estimate(),
            Form::Dense(registers) => registers.estimate(),
        }
    }

    /// Bytes that it occupies, itself included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.form {
                Form::Sparse(codes) => codes.memory_bytes(),
                Form::Dense(registers) => registers.memory_bytes(),
            }
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.form {
            Form::Sparse(codes) => {
                out.extend_from_slice(&[VERSION, SPARSE, self.precision]);
                put_varint(out, codes.len() as u64);
                codes.encode(out);
            }
            Form::Dense(registers) => {
                out.extend_from_slice(&[VERSION, DENSE, self.precision]);
                registers.encode(out);
            }
        }
    }

    /// Back from [`Distinct::encode`].
    ///
    /// # Errors
    /// When the bytes are anything else. Memory stays below four times the input's length.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut reader = Reader(bytes);
        let (version, form, precision) = (reader.byte()?, reader.byte()?, reader.byte()?);
        if version != VERSION {
            return Err(SketchError::Version { got: version, reads: VERSION });
        }
        let Self { precision, .. } = Self::new(precision)?;
        let form = match form {
            SPARSE => Form::Sparse(Codes::decode(&mut reader, sparse_max(precision))?),
            DENSE => Form::Dense(Registers::decode(&mut reader, precision)?),
            unknown => return Err(SketchError::Layout(unknown)),
        };
        reader.end()?;
        Ok(Self { precision, form })
    }

    fn coarsen(&mut self, precision: u8) {
        if precision >= self.precision {
            return;
        }
        self.precision = precision;
        if let Form::Dense(registers) = &self.form {
            self.form = Form::Dense(registers.folded(precision));
        }
    }

    /// Sparse if and only if the content is small enough.
    #[inline]
    fn settle(&mut self) {
        if let Form::Sparse(codes) = &self.form
            && codes.len() > sparse_max(self.precision)
        {
            let mut dense = Registers::new(self.precision);
            dense.observe_codes(codes);
            self.form = Form::Dense(dense);
        }
    }
}

impl Default for Distinct {
    fn default() -> Self {
        Self { precision: Self::PRECISION_DEFAULT, form: Form::Sparse(Codes::default()) }
    }
}

/// The hash of an element: 64-bit XXH3 (seed 0) of its UTF-8 bytes.
#[must_use]
pub fn element_hash(element: &str) -> u64 {
    xxh3_64(element.as_bytes())
}

/// As many codes of 4 bytes as fit where the registers of 1 byte would be.
fn sparse_max(precision: u8) -> usize {
    (1 << precision) / size_of::<Code>()
}
