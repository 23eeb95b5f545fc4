//! Where measurements are merged before they become rows.
//!
//! In:   measurements, from any thread.
//! Out:  [`Drained`]: series, minute, aggregate.
//! Kept: a cell a bound handle; a cell a series in the table of each thread stripe; (series, minute) of explicit time.
//! Never: reads a clock, sends, or allocates for a series that is known.

pub(crate) mod bound;
pub(crate) mod cell;
pub(crate) mod explicit;
pub(crate) mod key;
pub(crate) mod registry;
pub(crate) mod stripes;
pub(crate) mod table;

use std::sync::Arc;

use model::{Aggregate, Minute};

use registry::Series;

/// One series in one minute, on its way to become a row.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) minute: Minute,
    pub(crate) series: Arc<Series>,
    pub(crate) aggregate: Aggregate,
}

/// One entry a (minute, series), in the order in which the series were first seen: what several cells hold of one
/// series becomes one row, and the same input becomes the same rows in the same order.
pub(crate) fn merged(mut all: Vec<Drained>) -> Vec<Drained> {
    all.sort_by_key(|one| (one.minute, one.series.id));
    all.dedup_by(|next, kept| {
        let same = (next.minute, next.series.id) == (kept.minute, kept.series.id);
        if same {
            kept.aggregate.merge(&next.aggregate);
        }
        same
    });
    all
}
