//! Walking over the parts of a metric's hours or days, and no further than the wanted series ask for.

use std::ops::{ControlFlow, Range};

use model::{LocalId, MetricId};

use crate::keys::PartKey;
use crate::{Cf, KvSnapshot, StoreError};

/// What [`each_part`] calls with the key and the bytes of a part.
pub(crate) type EachPart<'a> = &'a mut dyn FnMut(PartKey, &[u8]) -> Result<ControlFlow<()>, StoreError>;

/// Calls `each` with every part of the periods, ascending, that can hold one of the wanted series (ascending; absent
/// means all), until it breaks. A part that cannot is passed over by a seek, without its bytes.
pub(crate) fn each_part(
    snapshot: &dyn KvSnapshot,
    cf: Cf,
    metric: MetricId,
    periods: Range<u32>,
    series: Option<&[LocalId]>,
    each: EachPart<'_>,
) -> Result<(), StoreError> {
    let Some(least) = series.map_or(Some(0), |series| series.first().copied()) else { return Ok(()) };
    let to = PartKey { metric, period: periods.end, last: 0 }.to_bytes();
    let mut target = PartKey { metric, period: periods.start, last: least };
    loop {
        let mut seek = false;
        snapshot.range(cf, &target.to_bytes(), &to, &mut |key, value| {
            let key = PartKey::read(cf, key)?;
            if key.period > target.period {
                target = PartKey { period: key.period, last: least, ..target };
            }
            if key < target {
                seek = true;
                return Ok(ControlFlow::Break(()));
            }
            if each(key, value)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            target = after(key, series);
            Ok(ControlFlow::Continue(()))
        })?;
        if !seek {
            return Ok(());
        }
    }
}

/// The part of a period that holds a series if any does: the first whose last id is not below it.
pub(crate) fn part_at<T>(
    snapshot: &dyn KvSnapshot,
    cf: Cf,
    metric: MetricId,
    period: u32,
    id: LocalId,
    read: impl FnOnce(PartKey, &[u8]) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let (mut found, mut read) = (None, Some(read));
    each_part(snapshot, cf, metric, period..period.saturating_add(1), Some(&[id]), &mut |key, value| {
        if let Some(read) = read.take() {
            found = Some(read(key, value)?);
        }
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// Is there any part of these periods that can hold one of the series?
pub(crate) fn any_part(
    snapshot: &dyn KvSnapshot,
    cf: Cf,
    metric: MetricId,
    periods: Range<u32>,
    series: Option<&[LocalId]>,
) -> Result<Option<PartKey>, StoreError> {
    let mut found = None;
    each_part(snapshot, cf, metric, periods, series, &mut |key, _| {
        found = Some(key);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// The part's name in an error.
pub(crate) fn name(cf: Cf, key: PartKey) -> String {
    let (what, period, number) = match (cf, key.period & PartKey::FOLDED) {
        (Cf::Pages, 0) => ("page", "hour", key.period),
        (Cf::Pages, _) => ("page", "day", key.period & !PartKey::FOLDED),
        (Cf::Hours, _) => ("hour block", "hour", key.period),
        _ => ("day block", "day", key.period),
    };
    format!("{what} (metric id {}, {period} {number}, series up to {})", key.metric, key.last)
}

/// Where the next wanted series would be.
fn after(key: PartKey, series: Option<&[LocalId]>) -> PartKey {
    let next = match series {
        None => key.last.checked_add(1),
        Some(series) => series.get(series.partition_point(|id| *id <= key.last)).copied(),
    };
    let next_period = || PartKey { period: key.period.saturating_add(1), last: 0, ..key };
    next.map_or_else(next_period, |last| PartKey { last, ..key })
}
