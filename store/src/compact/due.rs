//! What should be compacted next. Pure: it looks at a snapshot and at what it is told of time.

use std::ops::ControlFlow;

use model::{MetricId, Minute};

use crate::parts::any_part;
use crate::tier::HOURS_A_DAY;
use crate::{Cf, KvSnapshot, SlabKey, StoreError, Tier};

use super::fold::is_small;

/// Blocks of an hour that are compacted whatever their age: four for each minute.
const BLOCKS_PILED: usize = 240;

/// What is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Rows of minutes before this one are late beyond lateness, if any still come: sealed, and lateness has passed.
    pub before: Minute,
    /// Blocks of seals below this log offset have waited for their like for long enough. So an hour to which a
    /// backfill adds minute after minute is not written anew each time.
    pub seals_below: u64,
}

/// The first hour of a metric, from `from` on, that is due: it is over, and one of its slab blocks has waited long
/// enough or too many have piled up. Costs a seek where nothing is, as slabs that are due do not stay.
///
/// # Errors
/// When the disk cannot be read.
pub(super) fn due_hour(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    from: u32,
    settled: &Settled,
) -> Result<Option<u32>, StoreError> {
    let first = SlabKey::first(metric, Tier::Hour.range(from).from);
    let end = Tier::Hour.range(Tier::Hour.of(settled.before)).from;
    let (mut found, mut current, mut blocks) = (None, from, 0);
    snapshot.range(
        Cf::Slabs,
        &first.to_bytes(),
        &SlabKey::first(metric, end).to_bytes(),
        &mut |key, _| {
            let key = SlabKey::read(key)?;
            let hour = Tier::Hour.of(key.minute);
            blocks = if hour == current { blocks + 1 } else { 1 };
            current = hour;
            if key.seal_offset < settled.seals_below || blocks >= BLOCKS_PILED {
                found = Some(hour);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(found)
}

/// The first day of a metric, from `from` on, that is over and has hours, but no blocks yet or so few series that it might
/// be folded. Costs three seeks a day that is done: whoever asks again remembers where to go on.
///
/// # Errors
/// When the disk cannot be read.
pub(super) fn due_day(
    snapshot: &dyn KvSnapshot,
    metric: MetricId,
    from: u32,
    settled: &Settled,
) -> Result<Option<u32>, StoreError> {
    let (mut day, end) = (from, Tier::Day.of(settled.before));
    while day < end {
        let Some(hour) = any_part(snapshot, Cf::Hours, metric, day * HOURS_A_DAY..end * HOURS_A_DAY, None)?
        else {
            return Ok(None);
        };
        day = hour.period / HOURS_A_DAY;
        let is_built = any_part(snapshot, Cf::Days, metric, day..day + 1, None)?.is_some();
        if !is_built || is_small(snapshot, hour)? {
            return Ok(Some(day));
        }
        day += 1;
    }
    Ok(None)
}
