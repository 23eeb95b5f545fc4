//! What is left of numbers when the expected is taken away: nothing, the number before, or the step
//! before. All arithmetic wraps, so that any 64-bit numbers come back.

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

/// Numbers as the first few of them (`head`) and a residual for each of the others.
#[derive(Debug, Clone)]
pub(crate) struct Residuals {
    pub(crate) order: Order,
    /// The first number, then the first step, as far as the order goes.
    head: [u64; 2],
    pub(crate) rest: Vec<u64>,
}

/// The way back: adds residuals up again.
#[derive(Debug)]
pub(crate) struct Rebuild {
    order: Order,
    value: u64,
    step: u64,
    /// What every residual is counted from.
    base: u64,
}

// === impl Residuals ===

impl Residuals {
    /// `values` must be more than two: shorter columns are lines.
    pub(crate) fn new(order: Order, values: &[u64]) -> Self {
        debug_assert!(values.len() > 2, "BUG: {} values are a line", values.len());
        let step = |pair: &[u64; 2]| pair[1].wrapping_sub(pair[0]);
        let steps = values.array_windows::<2>().map(step);
        let steps_of_steps =
            values.array_windows::<3>().map(|[a, b, c]| step(&[step(&[*a, *b]), step(&[*b, *c])]));
        let (head, rest) = match order {
            Order::Values => ([0, 0], values.to_vec()),
            Order::Deltas => ([values[0], 0], steps.collect()),
            Order::DeltasOfDeltas => ([values[0], step(&[values[0], values[1]])], steps_of_steps.collect()),
        };
        Self { order, head, rest }
    }

    pub(crate) fn put_head(&self, out: &mut Vec<u8>) {
        for number in &self.head[..self.order as usize] {
            varint::put_signed(*number, out);
        }
    }

    pub(crate) fn head_bytes(&self) -> usize {
        self.head[..self.order as usize].iter().map(|number| varint::length(varint::zigzag(*number))).sum()
    }
}

// === impl Rebuild ===

impl Rebuild {
    /// Reads the head and hands the numbers in it to `emit`.
    pub(crate) fn take_head(
        order: Order,
        input: &mut &[u8],
        mut emit: impl FnMut(u64),
    ) -> Result<Self, Flaw> {
        let mut this = Self { order, value: 0, step: 0, base: 0 };
        if order != Order::Values {
            this.value = varint::take_signed(input)?;
            emit(this.value);
        }
        if order == Order::DeltasOfDeltas {
            this.step = varint::take_signed(input)?;
            this.value = this.value.wrapping_add(this.step);
            emit(this.value);
        }
        this.base = varint::take_signed(input)?;
        Ok(this)
    }

    /// Appends the numbers that follow, one for each residual.
    #[inline]
    pub(crate) fn extend<T>(
        &mut self,
        residuals: &[u64],
        out: &mut Vec<T>,
        convert: &mut impl FnMut(u64) -> T,
    ) {
        let Self { order, mut value, mut step, base } = *self;
        match order {
            Order::Values => {
                out.extend(residuals.iter().map(|residual| convert(residual.wrapping_add(base))));
            }
            Order::Deltas => out.extend(residuals.iter().map(|residual| {
                value = value.wrapping_add(residual.wrapping_add(base));
                convert(value)
            })),
            Order::DeltasOfDeltas => out.extend(residuals.iter().map(|residual| {
                step = step.wrapping_add(residual.wrapping_add(base));
                value = value.wrapping_add(step);
                convert(value)
            })),
        }
        (self.value, self.step) = (value, step);
    }
}
