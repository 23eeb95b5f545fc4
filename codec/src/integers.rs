//! A column of 64-bit integers in the cheapest of thirteen modes: a line, or one of three orders of
//! residuals in one of four codings.
//!
//! In:    integers as their 64 bits; signed and unsigned ones alike, for all arithmetic wraps.
//! Out:   a mode and a body; the frame, the count and the checksum are `block`'s.
//! Never: more than a few hundred bytes of its own memory while decoding.

use crate::bits::BitReader;
use crate::delta::{Order, Rebuild, Residuals};
use crate::error::Flaw;
use crate::packed::{self, Packed};
use crate::zero_run::{self, ZeroRun};
use crate::{rising, signed, varint};

/// Residuals decoded together: 2 KiB on the stack, so that codings and orders meet in a buffer in
/// the first-level cache and not in a loop of their own for each pair.
const BATCH: usize = 256;

/// Values looked at for the middle one. Being off costs a fraction of a bit, sorting all costs 20 ns each.
const SAMPLE: usize = 63;

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
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// First value and step: constants, dense ids, steady clocks; any column of at most two.
    Line,
    Coded(Order, Coding),
}

/// Where residuals come from.
#[derive(Debug)]
enum Source<'a> {
    Packed(Packed<'a>),
    Signed(BitReader<'a>),
    Rising(BitReader<'a>),
    ZeroRun(ZeroRun<'a>),
}

/// One order in its cheapest coding, and what that costs.
#[derive(Debug)]
struct Plan {
    residuals: Residuals,
    coding: Coding,
    base: u64,
    span: u64,
    bits: u64,
}

// === impl Mode ===

impl Mode {
    /// Below 16: it shares a byte with the kind of the block.
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Line => 0,
            Self::Coded(order, coding) => 1 + 4 * order as u8 + coding as u8,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Result<Self, Flaw> {
        let order = match byte {
            0 => return Ok(Self::Line),
            1..=4 => Order::Values,
            5..=8 => Order::Deltas,
            9..=12 => Order::DeltasOfDeltas,
            _ => return Err(Flaw("the mode is not one of version 1")),
        };
        let coding =
            [Coding::Packed, Coding::Signed, Coding::Rising, Coding::ZeroRun][usize::from(byte - 1) % 4];
        Ok(Self::Coded(order, coding))
    }
}

// === encoding ===

/// Appends the body of `values` and tells its mode. `orders` are those worth costing.
pub(crate) fn encode(values: &[u64], orders: &[Order], out: &mut Vec<u8>) -> Mode {
    if is_line(values) {
        put_line(values, out);
        return Mode::Line;
    }
    let plan =
        orders.iter().map(|order| Plan::new(Residuals::new(*order, values))).min_by_key(Plan::total_bits);
    let plan = plan.expect("every kind of column names an order");
    plan.put(out);
    Mode::Coded(plan.residuals.order, plan.coding)
}

fn is_line(values: &[u64]) -> bool {
    let [first, second, ..] = values else { return true };
    let step = second.wrapping_sub(*first);
    values.array_windows::<2>().all(|[a, b]| b.wrapping_sub(*a) == step)
}

fn put_line(values: &[u64], out: &mut Vec<u8>) {
    let Some(first) = values.first() else { return };
    varint::put_signed(*first, out);
    varint::put_signed(values.get(1).map_or(0, |second| second.wrapping_sub(*first)), out);
}

// === impl Plan ===

impl Plan {
    /// Costs the codings of one order.
    fn new(residuals: Residuals) -> Self {
        let rest = &residuals.rest;
        let (low, high) = range(rest);
        let (span, middle) = (high.wrapping_sub(low), middle(rest));
        let mut best = (packed::cost(rest.len(), span), Coding::Packed, low);
        let mut offer = |bits: u64, coding: Coding, base: u64| {
            if bits < best.0 {
                best = (bits, coding, base);
            }
        };
        offer(signed::cost(rest, middle), Coding::Signed, middle);
        // Without a sign pays only where most residuals are near the smallest.
        if middle.wrapping_sub(low) <= span / 4
            && let Some(bits) = rising::cost(rest, low, span)
        {
            offer(bits, Coding::Rising, low);
        }
        // Runs pay only where zeros are common, and a run takes 2 bits even when there is none.
        if rest.iter().filter(|residual| **residual == middle).count() > rest.len() / 4 {
            offer(zero_run::cost(rest, middle), Coding::ZeroRun, middle);
        }
        let (bits, coding, base) = best;
        Self { residuals, coding, base, span, bits }
    }

    fn total_bits(&self) -> u64 {
        let head_bytes = self.residuals.head_bytes() + varint::length(varint::zigzag(self.base));
        self.bits + 8 * head_bytes as u64
    }

    fn put(&self, out: &mut Vec<u8>) {
        let Self { residuals, base, .. } = self;
        residuals.put_head(out);
        varint::put_signed(*base, out);
        match self.coding {
            Coding::Packed => packed::put(&residuals.rest, *base, packed::width(self.span), out),
            Coding::Signed => signed::put(&residuals.rest, *base, out),
            Coding::Rising => rising::put(&residuals.rest, *base, out),
            Coding::ZeroRun => zero_run::put(&residuals.rest, *base, out),
        }
    }
}

/// The least and the greatest, as signed numbers.
fn range(residuals: &[u64]) -> (u64, u64) {
    let least = |(low, high): (i64, i64), next: &u64| (low.min(*next as i64), high.max(*next as i64));
    let (low, high) = residuals.iter().fold((i64::MAX, i64::MIN), least);
    (low as u64, high as u64)
}

/// The median of a sample, as a signed number; where most are equal it is that one.
fn middle(residuals: &[u64]) -> u64 {
    let stride = residuals.len().div_ceil(SAMPLE);
    let mut sample: Vec<i64> = residuals.iter().step_by(stride).map(|residual| *residual as i64).collect();
    let half = sample.len() / 2;
    *sample.select_nth_unstable(half).1 as u64
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
    match mode {
        Mode::Line => decode_line(count, input, out, convert),
        Mode::Coded(order, coding) => {
            let mut left =
                count.checked_sub(order as usize).ok_or(Flaw("fewer values than the mode's head holds"))?;
            let mut rebuild = Rebuild::take_head(order, input, |value| out.push(convert(value)))?;
            let mut source = Source::new(coding, input, left)?;
            out.reserve(left);
            let mut batch = [0; BATCH];
            while left > 0 {
                let batch = &mut batch[..left.min(BATCH)];
                source.fill(batch)?;
                rebuild.extend(batch, out, &mut convert);
                left -= batch.len();
            }
            *input = source.finish()?;
            Ok(())
        }
    }
}

fn decode_line<T>(
    count: usize,
    input: &mut &[u8],
    out: &mut Vec<T>,
    mut convert: impl FnMut(u64) -> T,
) -> Result<(), Flaw> {
    if count == 0 {
        return Ok(());
    }
    let mut next = varint::take_signed(input)?;
    let step = varint::take_signed(input)?;
    out.extend((0..count).map(|_| {
        let value = next;
        next = next.wrapping_add(step);
        convert(value)
    }));
    Ok(())
}

// === impl Source ===

impl<'a> Source<'a> {
    fn new(coding: Coding, input: &'a [u8], count: usize) -> Result<Self, Flaw> {
        Ok(match coding {
            Coding::Packed => Self::Packed(Packed::new(input, count)?),
            Coding::Signed => Self::Signed(codes(input, count)?),
            Coding::Rising => Self::Rising(codes(input, count)?),
            Coding::ZeroRun => Self::ZeroRun(ZeroRun::new(input)),
        })
    }

    fn fill(&mut self, batch: &mut [u64]) -> Result<(), Flaw> {
        match self {
            Self::Packed(packed) => {
                packed.fill(batch);
                Ok(())
            }
            Self::Signed(bits) => signed::fill(bits, batch),
            Self::Rising(bits) => rising::fill(bits, batch),
            Self::ZeroRun(zero_run) => zero_run.fill(batch),
        }
    }

    fn finish(self) -> Result<&'a [u8], Flaw> {
        match self {
            Self::Packed(packed) => packed.finish(),
            Self::Signed(bits) | Self::Rising(bits) => bits.finish(),
            Self::ZeroRun(zero_run) => zero_run.finish(),
        }
    }
}

/// A reader of `count` Fibonacci codes, of 2 bits each at the least: checked before memory is taken.
fn codes(input: &[u8], count: usize) -> Result<BitReader<'_>, Flaw> {
    let bits = BitReader::new(input);
    if bits.bits_left() / 2 < count {
        return Err(Flaw("fewer Fibonacci codes than the count says"));
    }
    Ok(bits)
}
