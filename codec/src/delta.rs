//! What is left of numbers when the expected is taken away: nothing, the number before, or the step
//! before; and then a base, which all residuals are counted from. All arithmetic wraps, so that any
//! 64-bit numbers come back.

use crate::error::Flaw;
use crate::varint;

/// How many times neighbours are subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The numbers themselves.
    Values = 0,
    /// The steps between neighbours.
    Deltas = 1,
    /// The changes of the step; all zero when a clock ticks evenly.
    DeltasOfDeltas = 2,
}

/// Numbers as a residual each. The head is a number, and a step, as far as the order goes, such that the
/// first residuals are zero: so there are as many residuals as numbers.
#[derive(Debug, Clone)]
pub(crate) struct Residuals {
    order: Order,
    head: [u64; 2],
    base: u64,
    pub(crate) rest: Vec<u64>,
}

/// The way back: adds residuals up again.
#[derive(Debug)]
pub(crate) struct Rebuild {
    order: Order,
    value: u64,
    step: u64,
    base: u64,
}

fn step([a, b]: &[u64; 2]) -> u64 {
    b.wrapping_sub(*a)
}

fn turn([a, b, c]: &[u64; 3]) -> u64 {
    step(&[step(&[*a, *b]), step(&[*b, *c])])
}

// === impl Order ===

impl Order {
    /// The residuals of all but the first numbers, from a base of zero, each through `see`.
    #[inline]
    pub(crate) fn each(self, values: &[u64], see: impl FnMut(u64)) {
        match self {
            Self::Values => values.iter().copied().for_each(see),
            Self::Deltas => values.array_windows::<2>().map(step).for_each(see),
            Self::DeltasOfDeltas => values.array_windows::<3>().map(turn).for_each(see),
        }
    }
}

// === impl Residuals ===

impl Residuals {
    /// `values` must be more than two: shorter columns are lines.
    pub(crate) fn new(order: Order, values: &[u64], base: u64) -> Self {
        debug_assert!(values.len() > 2, "BUG: {} values are a line", values.len());
        let mut rest = Vec::with_capacity(values.len());
        rest.resize(order as usize, 0);
        order.each(values, |residual| rest.push(residual.wrapping_sub(base)));
        Self { order, head: head(order, values, base), base, rest }
    }

    pub(crate) fn put_head(&self, out: &mut Vec<u8>) {
        for number in &self.head[..self.order as usize] {
            varint::put_signed(*number, out);
        }
        varint::put_signed(self.base, out);
    }

    /// The bytes that [`Residuals::put_head`] will write.
    pub(crate) fn head_bytes(order: Order, values: &[u64], base: u64) -> usize {
        let length = |number: &u64| varint::length(varint::zigzag(*number));
        let head = head(order, values, base);
        head[..order as usize].iter().map(length).sum::<usize>() + length(&base)
    }
}

/// What makes the first residuals zero.
fn head(order: Order, values: &[u64], base: u64) -> [u64; 2] {
    let first_step = step(&[values[0], values[1]]).wrapping_sub(base);
    match order {
        Order::Values => [0, 0],
        Order::Deltas => [values[0].wrapping_sub(base), 0],
        Order::DeltasOfDeltas => [values[0].wrapping_sub(first_step), first_step.wrapping_sub(base)],
    }
}

// === impl Rebuild ===

impl Rebuild {
    /// Reads the head.
    pub(crate) fn take_head(order: Order, input: &mut &[u8]) -> Result<Self, Flaw> {
        let mut head = [0; 2];
        for number in &mut head[..order as usize] {
            *number = varint::take_signed(input)?;
        }
        let [value, step] = head;
        Ok(Self { order, value, step, base: varint::take_signed(input)? })
    }

    /// Turns residuals into the numbers that follow.
    #[inline]
    pub(crate) fn apply(&mut self, batch: &mut [u64]) {
        let Self { order, mut value, mut step, base } = *self;
        match order {
            Order::Values => batch.iter_mut().for_each(|slot| *slot = slot.wrapping_add(base)),
            Order::Deltas => batch.iter_mut().for_each(|slot| {
                value = value.wrapping_add(slot.wrapping_add(base));
                *slot = value;
            }),
            Order::DeltasOfDeltas => batch.iter_mut().for_each(|slot| {
                step = step.wrapping_add(slot.wrapping_add(base));
                value = value.wrapping_add(step);
                *slot = value;
            }),
        }
        (self.value, self.step) = (value, step);
    }
}
