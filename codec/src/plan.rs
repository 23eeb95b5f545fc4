//! Which order and which coding a column of integers gets: the cheapest, costed on a sample.
//!
//! The range of the residuals is taken from all of them, so what packing costs is known exactly, and
//! whatever the sample missed, no column is written larger than packed.

use crate::binned;
use crate::commons::Commons;
use crate::delta::{Order, Residuals};
use crate::integers::{Coding, Mode};
use crate::lanes;
use crate::packed;
use crate::tally::{Shape, Tally};
use crate::{rising, signed, zero_run};

/// A sample is runs of neighbours, so that deltas and runs of zeros show as they are.
const RUN: usize = 64;
/// Columns up to this are their own sample.
const WHOLE_MAX: usize = 512;
const RUNS_MIN: usize = 8;
const RUNS_MAX: usize = 64;

/// Values looked at for the middle one. Being off costs a fraction of a bit, sorting all costs 20 ns each.
const MIDDLE_SAMPLE: usize = 63;

/// A list of shares is worth its reader's time if it saves a part in so many.
const BINNED_GAIN: u64 = 32;

/// What a column is to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Favour {
    /// Few bytes.
    Size,
    /// Quick reading, for columns that are read with every other: an eighth of a bit a value for runs and
    /// widths, which are read three times as fast as shares.
    Reading,
}

/// Lengths, marks and first states of four lanes, about.
const LANES_BITS: u64 = 100;

/// How a column is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    order: Order,
    coding: Coding,
    shape: Shape,
    base: u64,
    commons: Commons,
    /// An estimate, but exact if packed.
    bits: u64,
    fallback: Fallback,
}

/// Packing, which cannot go wrong.
#[derive(Debug, Clone, Copy)]
struct Fallback {
    /// The least residual.
    base: u64,
    /// From the least to the greatest.
    span: u64,
    bits: u64,
}

/// The residuals of one order, as far as they were looked at.
struct Sampled {
    order: Order,
    /// From a base of zero.
    residuals: Vec<u64>,
    /// How many there are in the column.
    all: usize,
    head_bits: u64,
    fallback: Fallback,
}

// === impl Plan ===

impl Plan {
    /// `values` are more than two.
    pub(crate) fn cheapest(values: &[u64], orders: &[Order], favour: Favour) -> Self {
        let plans = orders.iter().map(|order| Sampled::of(*order, values).cheapest(favour));
        plans.min_by_key(|plan| plan.bits).expect("every kind of column names an order")
    }

    /// Appends the body.
    pub(crate) fn put(self, values: &[u64], out: &mut Vec<u8>) -> Mode {
        let start = out.len();
        let residuals = Residuals::new(self.order, values, self.base);
        residuals.put_head(out);
        let (rest, mut coding) = (&residuals.rest, self.coding);
        match coding {
            Coding::Packed => packed::put(rest, packed::width(self.fallback.span), out),
            Coding::Signed => signed::put(rest, out),
            Coding::Rising => rising::put(rest, out),
            Coding::ZeroRun => zero_run::put(rest, out),
            Coding::Binned => {
                let tally = Tally::of_all(self.shape, rest, self.commons);
                if runs_are_cheaper(rest, &tally) {
                    coding = Coding::ZeroRun;
                    zero_run::put(rest, out);
                } else {
                    binned::put(rest, &tally, out);
                }
            }
        }
        if coding != Coding::Packed && 8 * (out.len() - start) as u64 > self.fallback.bits {
            out.truncate(start);
            return self.fallback.plan(self.order).put(values, out);
        }
        Mode::Coded(self.order, coding)
    }
}

// === impl Fallback ===

impl Fallback {
    fn plan(self, order: Order) -> Plan {
        let (shape, commons) = (Shape::Rising, Commons::default());
        Plan {
            order,
            coding: Coding::Packed,
            shape,
            base: self.base,
            commons,
            bits: self.bits,
            fallback: self,
        }
    }
}

// === impl Sampled ===

impl Sampled {
    fn of(order: Order, values: &[u64]) -> Self {
        let (low, high) = range(order, values);
        let span = high.wrapping_sub(low);
        let head_bits = 8 * Residuals::head_bytes(order, values, low) as u64;
        let bits = head_bits + packed::cost(values.len(), span);
        let fallback = Fallback { base: low, span, bits };
        Self { order, residuals: sample(order, values), all: values.len(), head_bits, fallback }
    }

    fn cheapest(&self, favour: Favour) -> Plan {
        let packed = self.fallback.plan(self.order);
        let centred = self.shaped(Shape::Centred, middle(&self.residuals));
        // The code of the greatest would be that of 2^64.
        let rising = (self.fallback.span < u64::MAX).then(|| self.shaped(Shape::Rising, self.fallback.base));
        let plans = centred.into_iter().chain(rising.into_iter().flatten());
        let reading_bits = if favour == Favour::Reading { self.all as u64 / 8 } else { 0 };
        let cost = |plan: &Plan| plan.bits + if plan.coding == Coding::Binned { reading_bits } else { 0 };
        plans.fold(packed, |best, plan| if cost(&plan) < cost(&best) { plan } else { best })
    }

    /// The codings of a shape.
    fn shaped(&self, shape: Shape, base: u64) -> Vec<Plan> {
        let residuals: Vec<u64> = self.residuals.iter().map(|residual| residual.wrapping_sub(base)).collect();
        let tally = Tally::of(shape, &residuals);
        let plan = |coding, bits| Plan { coding, shape, base, bits, ..self.fallback.plan(self.order) };
        let mut plans = Vec::with_capacity(3);
        match shape {
            Shape::Rising => plans.push(plan(Coding::Rising, self.scaled(tally.fibonacci_bits()))),
            Shape::Centred => plans.push(plan(Coding::Signed, self.scaled(tally.fibonacci_bits()))),
        }
        // Runs pay only where zeros are common, and a run takes 2 bits even when there is none.
        if shape == Shape::Centred && tally.zeros() > residuals.len() / 4 {
            plans.push(plan(Coding::ZeroRun, self.scaled(zero_run::cost(&residuals))));
        }
        if self.all >= lanes::MANY {
            let tally = self.with_commons(tally, &residuals);
            let (bits, listing) = tally.binned_bits();
            let bits = self.scaled(bits) + listing;
            plans.push(Plan { commons: tally.commons, ..plan(Coding::Binned, bits + bits / BINNED_GAIN) });
        }
        plans
    }

    fn with_commons(&self, tally: Tally, residuals: &[u64]) -> Tally {
        let shape = tally.shape;
        let numbers = residuals.iter().map(|residual| shape.number(*residual));
        let commons = Commons::of(numbers, &tally.counts, (self.all / residuals.len()) as u64);
        if commons.is_empty() { tally } else { Tally::with(shape, residuals, commons) }
    }

    /// What the column takes, by what the sample does.
    fn scaled(&self, bits: u64) -> u64 {
        self.head_bits + (u128::from(bits) * self.all as u128 / self.residuals.len() as u128) as u64
    }
}

/// Where nearly all are zero, a sample has too few others to tell, and counting all is quick.
fn runs_are_cheaper(residuals: &[u64], tally: &Tally) -> bool {
    let (bits, listing) = tally.binned_bits();
    tally.zeros() > residuals.len() - residuals.len() / 16
        && zero_run::cost(residuals) < bits + listing + LANES_BITS
}

/// The least and the greatest residual, as signed numbers.
fn range(order: Order, values: &[u64]) -> (u64, u64) {
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    order.each(values, |residual| {
        low = low.min(residual as i64);
        high = high.max(residual as i64);
    });
    (low as u64, high as u64)
}

/// Residuals of runs spread over the column.
fn sample(order: Order, values: &[u64]) -> Vec<u64> {
    let mut residuals = Vec::new();
    let mut see = |residual| residuals.push(residual);
    if values.len() <= WHOLE_MAX {
        order.each(values, &mut see);
        return residuals;
    }
    let runs = (values.len() / (32 * RUN)).clamp(RUNS_MIN, RUNS_MAX);
    for run in 0..runs {
        let start = run * (values.len() - RUN) / (runs - 1);
        order.each(&values[start..start + RUN], &mut see);
    }
    residuals
}

/// The median of a sample, as a signed number; where most are equal it is that one.
fn middle(residuals: &[u64]) -> u64 {
    let stride = residuals.len().div_ceil(MIDDLE_SAMPLE);
    let mut sample: Vec<i64> = residuals.iter().step_by(stride).map(|residual| *residual as i64).collect();
    let half = sample.len() / 2;
    *sample.select_nth_unstable(half).1 as u64
}
