//! Which series had data in a range: what the index knows, and the rows where it does not.

use std::ops::ControlFlow;

use hints_index::{MetricIndex, Selection};
use model::{Matcher, MinuteRange};
use store::{Columns, Scan};

use crate::budget::{Budget, JobError};
use crate::fold::{each_batch, each_unsealed_batch, positions, scan_of};
use crate::partition::Reading;
use crate::window::Steps;

/// Those that fulfil every condition and had data in the range.
pub(crate) fn active(
    reading: &dyn Reading,
    index: &MetricIndex,
    matchers: &[Matcher],
    range: MinuteRange,
    budget: &Budget,
) -> Result<Selection, JobError> {
    let mut active = index.select_active(matchers, range);
    budget.count_series(active.selected().len());
    let (series, mut found) = (active.unsure_ids(index), Vec::new());
    for range in active.look_up().to_vec() {
        let scan = Scan { series: series.as_deref(), ..scan_of(index, Steps::one(range), Columns::IDS) };
        each_batch(reading, &scan, budget, |batch| {
            positions(index, batch, &mut found)?;
            found.iter().for_each(|position| active.found(*position));
            Ok(if active.is_decided() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
    }
    // The index learns of rows when they are sealed.
    let scan = scan_of(index, Steps::one(range), Columns::IDS);
    each_unsealed_batch(reading, &scan, budget, |batch| {
        positions(index, batch, &mut found)?;
        found.iter().for_each(|position| active.came(*position));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(active.finish())
}
