//! Judges each row of a batch: its series, its minute, its numbers, its sketches.

use std::collections::BTreeMap;

use model::{Distinct, Distribution, Kinds, Reason, Refusal, SketchError};
use proto::{BatchColumns, Row};

use super::Refused;
use super::series::SeriesTable;
use super::times::Times;

/// Accepted rows, ascending, and what was refused.
pub(super) fn judge(columns: &BatchColumns<'_>, table: &SeriesTable, times: &Times) -> (Vec<u32>, Refused) {
    let spoilt = spoilt(columns);
    let mut accepted = Vec::with_capacity(columns.rows());
    let mut refused = Refused::default();
    let without_range = columns.batch().row_min.is_empty();
    for (at, row) in (0..columns.rows()).zip(0_u32..) {
        let read = columns.row(at);
        let judged = match &table.verdicts[read.series as usize] {
            Err(refusal) => Err(refusal.clone()),
            Ok(_) => times.check(read.minute).and_then(|()| check_numbers(&read, without_range)),
        };
        let spoilt = if spoilt.is_empty() { None } else { spoilt.get(&row) };
        match judged.and_then(|()| spoilt.map_or(Ok(()), |refusal| Err(refusal.clone()))) {
            Ok(()) => accepted.push(row),
            Err(refusal) => refused.row(row, &refusal),
        }
    }
    (accepted, refused)
}

fn check_numbers(row: &Row, without_range: bool) -> Result<(), Refusal> {
    let scalars = &row.scalars;
    scalars.check().map_err(|why| {
        let reason = if why.contains("finite") { Reason::NotFinite } else { Reason::Numbers };
        reason.because(why)
    })?;
    const FLOATS: u8 = Kinds::SUM_FLOAT | Kinds::MIN_FLOAT | Kinds::MAX_FLOAT;
    if without_range && !matches!(scalars.kinds.0 & FLOATS, 0 | FLOATS) {
        return Err(Reason::Numbers.because(
            "row_kinds says that min or max is of another kind than the sum, but they were left out",
        ));
    }
    // Of a single measurement the store keeps no min and max, and of others an average that lies between them.
    scalars.check_sum().map_err(|why| Reason::Numbers.because(why))
}

/// The columns that only some rows have: a few rows each, so they are judged first and looked up.
fn spoilt(columns: &BatchColumns<'_>) -> BTreeMap<u32, Refusal> {
    let sketch = |name: &str, why: SketchError| Reason::Sketch.because(format!("the row's {name}: {why}"));
    let distinct = columns
        .distinct()
        .filter_map(|(row, bytes)| Some((row, sketch("distinct sketch", Distinct::decode(bytes).err()?))));
    let distribution = columns
        .distribution()
        .filter_map(|(row, bytes)| Some((row, sketch("distribution", Distribution::decode(bytes).err()?))));
    let cumulative =
        columns.cumulative().filter(|(_, start, time)| *time == 0 || start > time).map(|(row, ..)| {
            let message = "a cumulative row needs the time of its reading, not before its start";
            (row, Reason::Numbers.because(message))
        });
    cumulative.chain(distribution).chain(distinct).collect()
}
