//! A column of 64-bit integers in the cheapest of sixteen modes: a line, or one of three orders of
//! residuals in one of five codings.
//!
//! In:    integers as their 64 bits; signed and unsigned ones alike, for all arithmetic wraps.
//! Out:   a mode and a body; the frame, the count and the checksum are `block`'s.
//! Never: more than 80 KiB of its own memory while decoding.

use crate::binned::Binned;
use crate::bits::BitReader;
use crate::delta::{Order, Rebuild};
use crate::error::Flaw;
use crate::lanes::Lanes;
use crate::packed::Packed;
use crate::plan::{Favour, Plan};
use crate::rising::Rising;
use crate::signed::Signed;
use crate::varint;
use crate::zero_run::ZeroRun;

/// Values decoded together: 2 KiB on the stack, so that codings and orders meet in a buffer in the
/// first-level cache and not in a loop of their own for each pair. Whole quads, as `lanes` asks for.
pub(crate) const BATCH: usize = 256;
const _: () = assert!(BATCH.is_multiple_of(crate::lanes::LANES));

/// How residuals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Above the smallest, each in the same width. See [`crate::packed`].
    Packed = 0,
    /// Around the middle, sign and Fibonacci. See [`crate::signed`].
    Signed = 1,
    /// Above the smallest, Fibonacci. See [`crate::rising`].
    Rising = 2,
    /// Runs of the middle, and the exceptions. See [`crate::zero_run`].
    ZeroRun = 3,
    /// By how often they occur. See [`crate::binned`].
    Binned = 4,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// First value and step: constants, dense ids, steady clocks; any column of at most two.
    Line,
    Coded(Order, Coding),
}

/// The first value of a line, and what is added for each next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) first: u64,
    pub(crate) step: u64,
}

/// Values in order, a batch at a time.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    source: Source<'a>,
    left: usize,
}

/// Where values come from.
#[derive(Debug)]
enum Source<'a> {
    Line(Line, &'a [u8]),
    Packed(Rebuild, Packed<'a>),
    Signed(Rebuild, Lanes<'a>),
    Rising(Rebuild, Lanes<'a>),
    ZeroRun(Rebuild, ZeroRun<'a>),
    Binned(Rebuild, Box<Binned<'a>>),
}

// === impl Mode ===

impl Mode {
    /// Below 16: it shares a byte with the kind of the block.
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Line => 0,
            Self::Coded(order, coding) => 1 + 5 * order as u8 + coding as u8,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Result<Self, Flaw> {
        use Coding::{Binned, Packed, Rising, Signed, ZeroRun};
        let order = match byte {
            0 => return Ok(Self::Line),
            1..=5 => Order::Values,
            6..=10 => Order::Deltas,
            11..=15 => Order::DeltasOfDeltas,
            _ => return Err(Flaw("the mode does not exist")),
        };
        Ok(Self::Coded(order, [Packed, Signed, Rising, ZeroRun, Binned][usize::from(byte - 1) % 5]))
    }
}

// === encoding ===

/// Appends the body of `values` and tells its mode. `orders` are those worth costing.
pub(crate) fn encode(values: &[u64], orders: &[Order], favour: Favour, out: &mut Vec<u8>) -> Mode {
    if let Some(line) = Line::of(values) {
        if !values.is_empty() {
            line.put(out);
        }
        return Mode::Line;
    }
    Plan::cheapest(values, orders, favour).put(values, out)
}

/// A mode, then its body, for bodies within another.
pub(crate) fn encode_with_mode(values: &[u64], orders: &[Order], out: &mut Vec<u8>) {
    let at = out.len();
    // The mode is known only after the body, and stands before it.
    out.push(0);
    out[at] = encode(values, orders, Favour::Size, out).to_byte();
}

// === impl Line ===

impl Line {
    fn of(values: &[u64]) -> Option<Self> {
        let first = values.first().copied().unwrap_or_default();
        let step = values.get(1).map_or(0, |second| second.wrapping_sub(first));
        values.array_windows::<2>().all(|[a, b]| b.wrapping_sub(*a) == step).then_some(Self { first, step })
    }

    fn put(self, out: &mut Vec<u8>) {
        varint::put_signed(self.first, out);
        varint::put_signed(self.step, out);
    }

    pub(crate) fn take(input: &mut &[u8]) -> Result<Self, Flaw> {
        Ok(Self { first: varint::take_signed(input)?, step: varint::take_signed(input)? })
    }

    fn fill(&mut self, batch: &mut [u64]) {
        let Self { mut first, step } = *self;
        for slot in batch {
            *slot = first;
            first = first.wrapping_add(step);
        }
        self.first = first;
    }
}

// === decoding ===

/// Appends `count` values to `out`, each through `convert`, and moves `input` behind the body.
///
/// The caller has bounded `count`; a body that is shorter than it says is found out before or while
/// its values are made, never after more than `count` of them.
pub(crate) fn decode<T>(
    mode: Mode,
    count: usize,
    input: &mut &[u8],
    out: &mut Vec<T>,
    mut convert: impl FnMut(u64) -> T,
) -> Result<(), Flaw> {
    let mut reader = Reader::new(mode, count, input)?;
    out.reserve(count);
    let mut batch = [0; BATCH];
    while let Some(values) = reader.next(&mut batch)? {
        out.extend(values.iter().map(|value| convert(*value)));
    }
    *input = reader.finish()?;
    Ok(())
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) fn new(mode: Mode, count: usize, mut input: &'a [u8]) -> Result<Self, Flaw> {
        let source = match mode {
            Mode::Line if count == 0 => Source::Line(Line { first: 0, step: 0 }, input),
            Mode::Line => {
                let line = Line::take(&mut input)?;
                Source::Line(line, input)
            }
            Mode::Coded(order, coding) => {
                let rebuild = Rebuild::take_head(order, &mut input)?;
                match coding {
                    Coding::Packed => Source::Packed(rebuild, Packed::new(input, count)?),
                    Coding::Signed => Source::Signed(rebuild, codes(input, count)?),
                    Coding::Rising => Source::Rising(rebuild, codes(input, count)?),
                    Coding::ZeroRun => Source::ZeroRun(rebuild, ZeroRun::new(input)),
                    Coding::Binned => Source::Binned(rebuild, Box::new(Binned::new(input, count)?)),
                }
            }
        };
        Ok(Self { source, left: count })
    }

    /// A mode byte and its body.
    pub(crate) fn with_mode(count: usize, input: &'a [u8]) -> Result<Self, Flaw> {
        let (mode, body) = input.split_first().ok_or(Flaw("the mode of an inner column is missing"))?;
        Self::new(Mode::from_byte(*mode)?, count, body)
    }

    /// The next values, as many as there is room for in `batch`; `None` at the end.
    #[inline]
    pub(crate) fn next<'b>(&mut self, batch: &'b mut [u64; BATCH]) -> Result<Option<&'b [u64]>, Flaw> {
        if self.left == 0 {
            return Ok(None);
        }
        let batch = &mut batch[..self.left.min(BATCH)];
        self.left -= batch.len();
        self.source.fill(batch)?;
        Ok(Some(batch))
    }

    /// What follows the body, after all values were taken.
    pub(crate) fn finish(self) -> Result<&'a [u8], Flaw> {
        match self.source {
            Source::Line(_, rest) => Ok(rest),
            Source::Packed(_, packed) => packed.finish(),
            Source::Signed(_, lanes) | Source::Rising(_, lanes) => lanes.finish(),
            Source::ZeroRun(_, zero_run) => zero_run.finish(),
            Source::Binned(_, binned) => binned.finish(),
        }
    }
}

// === impl Source ===

impl Source<'_> {
    fn fill(&mut self, batch: &mut [u64]) -> Result<(), Flaw> {
        let rebuild = match self {
            Self::Line(line, _) => {
                line.fill(batch);
                return Ok(());
            }
            Self::Packed(rebuild, packed) => {
                packed.fill(batch);
                rebuild
            }
            Self::Signed(rebuild, lanes) => {
                lanes.fill(batch, &Signed)?;
                rebuild
            }
            Self::Rising(rebuild, lanes) => {
                lanes.fill(batch, &Rising)?;
                rebuild
            }
            Self::ZeroRun(rebuild, zero_run) => {
                zero_run.fill(batch)?;
                rebuild
            }
            Self::Binned(rebuild, binned) => {
                binned.fill(batch)?;
                rebuild
            }
        };
        rebuild.apply(batch);
        Ok(())
    }
}

/// Lanes of `count` Fibonacci codes, of 2 bits each at the least: checked before memory is taken.
fn codes(input: &[u8], count: usize) -> Result<Lanes<'_>, Flaw> {
    if BitReader::new(input).bits_left() / 2 < count {
        return Err(Flaw("fewer Fibonacci codes than the count says"));
    }
    Lanes::new(input, count)
}
