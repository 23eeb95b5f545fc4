//! The last minutes of one operand, minute by minute, each a column.
//!
//! Minute-major, so that a window is reduced by running over whole columns: the compiler makes vector code of it, and a
//! minute that leaves takes its column with it.

use std::collections::VecDeque;

use model::{Minute, Sampling};

use super::Column;

/// Columns of at most `minutes` minutes, in order of time.
#[derive(Debug)]
pub(crate) struct Ring {
    minutes: u32,
    columns: VecDeque<(Minute, Column)>,
}

// === impl Ring ===

impl Ring {
    pub(crate) fn new(minutes: u32) -> Self {
        Self { minutes, columns: VecDeque::new() }
    }

    /// Takes out what is older than `minutes` before `next`.
    pub(crate) fn expire(&mut self, next: Minute, mut gone: impl FnMut(Minute)) {
        let oldest = u64::from(next.0).saturating_sub(u64::from(self.minutes));
        while let Some((minute, _)) = self.columns.front()
            && u64::from(minute.0) < oldest
        {
            gone(*minute);
            self.columns.pop_front();
        }
    }

    /// Adds the newest, if any is kept at all.
    pub(crate) fn push(&mut self, minute: Minute, column: impl FnOnce() -> Column) {
        debug_assert!(
            self.columns.back().is_none_or(|(last, _)| *last < minute),
            "BUG: minutes out of order"
        );
        if self.minutes > 0 {
            self.columns.push_back((minute, column()));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Minute, &Column)> {
        self.columns.iter().map(|(minute, column)| (*minute, column))
    }

    /// Columns of `(through − minutes, through]`.
    pub(crate) fn window(&self, through: Minute, minutes: u32) -> impl Iterator<Item = &Column> + Clone {
        let within = move |minute: Minute| minute <= through && through.0 - minute.0 < minutes;
        self.columns.iter().filter(move |(minute, _)| within(*minute)).map(|(_, column)| column)
    }
}

/// Reads the sampling off these minutes, oldest first, by group into `out`; NaN where none has anything.
pub(crate) fn reduce<'a>(
    columns: impl Iterator<Item = &'a Column>,
    sampling: Sampling,
    seconds: u32,
    out: &mut [f64],
    counts: &mut Vec<f64>,
) {
    out.fill(f64::NAN);
    counts.clear();
    counts.resize(if sampling == Sampling::Avg { out.len() } else { 0 }, 0.0);
    for column in columns {
        let pairs = out.iter_mut().zip(&column.values);
        match sampling {
            Sampling::Min => pairs.for_each(|(all, one)| *all = all.min(*one)),
            Sampling::Max | Sampling::Distinct | Sampling::Percentile(_) => {
                // Sketches have windows of one minute, so this is their value.
                pairs.for_each(|(all, one)| *all = all.max(*one));
            }
            Sampling::Sum | Sampling::Count | Sampling::Rate | Sampling::Avg => {
                pairs.for_each(|(all, one)| *all = plus(*all, *one));
            }
        }
        counts.iter_mut().zip(&column.counts).for_each(|(all, one)| *all += one);
    }
    if sampling == Sampling::Avg {
        out.iter_mut().zip(&*counts).for_each(|(sum, count)| *sum /= count);
    }
    if sampling == Sampling::Rate {
        out.iter_mut().for_each(|sum| *sum /= f64::from(seconds));
    }
}

/// Adds where both are there.
#[inline]
fn plus(all: f64, one: f64) -> f64 {
    if all.is_nan() {
        one
    } else if one.is_nan() {
        all
    } else {
        all + one
    }
}
