//! Aggregates by columns: what a row does not have costs nothing.

use model::{Aggregate, Distinct, Distribution, Kinds, Scalars, Sketches};
use proto::v1;

use super::{WireError, same_len, wrong};

pub(super) fn aggregates_to_wire<'a>(aggregates: impl Iterator<Item = &'a Aggregate>) -> v1::Aggregates {
    let mut wire = v1::Aggregates::default();
    for (aggregate, row) in aggregates.zip(0_u32..) {
        let Scalars { count, sum, min, max, kinds } = aggregate.scalars;
        wire.count.push(count);
        wire.sum.push(sum);
        wire.min.push(min);
        wire.max.push(max);
        wire.kinds.push(kinds.0);
        if let Some(distinct) = aggregate.distinct() {
            wire.distinct_rows.push(row);
            wire.distinct.push(bytes(|out| distinct.encode(out)));
        }
        if let Some(distribution) = aggregate.distribution() {
            wire.distribution_rows.push(row);
            wire.distribution.push(bytes(|out| distribution.encode(out)));
        }
    }
    for column in [&mut wire.sum, &mut wire.min, &mut wire.max] {
        if column.iter().all(|value| *value == 0) {
            column.clear();
        }
    }
    if wire.kinds.iter().all(|kinds| *kinds == 0) {
        wire.kinds.clear();
    }
    wire
}

fn bytes(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

pub(super) fn aggregates_from_wire(
    wire: Option<v1::Aggregates>,
    rows: usize,
) -> Result<Vec<Aggregate>, WireError> {
    let wire = wire.unwrap_or_default();
    same_len("count", wire.count.len(), rows)?;
    for (field, len) in [
        ("sum", wire.sum.len()),
        ("min", wire.min.len()),
        ("max", wire.max.len()),
        ("kinds", wire.kinds.len()),
    ] {
        if len > 0 {
            same_len(field, len, rows)?;
        }
    }
    let mut aggregates =
        (0..rows).map(|row| scalars(&wire, row).map(Aggregate::of)).collect::<Result<Vec<_>, _>>()?;
    add_sketches(&mut aggregates, &wire.distinct_rows, &wire.distinct, |all, bytes| {
        all.distinct = Some(Distinct::decode(bytes)?);
        Ok(())
    })?;
    add_sketches(&mut aggregates, &wire.distribution_rows, &wire.distribution, |all, bytes| {
        all.distribution = Some(Distribution::decode(bytes)?);
        Ok(())
    })?;
    Ok(aggregates)
}

fn scalars(wire: &v1::Aggregates, row: usize) -> Result<Scalars, WireError> {
    let at = |column: &[u64]| column.get(row).copied().unwrap_or(0);
    let kinds = Kinds(wire.kinds.get(row).copied().unwrap_or(0));
    let (count, sum, min, max) = (wire.count[row], at(&wire.sum), at(&wire.min), at(&wire.max));
    let scalars = Scalars { count, sum, min, max, kinds };
    let is_number = |bits: u64, float: u8| !kinds.has(float) || f64::from_bits(bits).is_finite();
    let are_numbers = is_number(sum, Kinds::SUM_FLOAT)
        && is_number(min, Kinds::MIN_FLOAT)
        && is_number(max, Kinds::MAX_FLOAT);
    if kinds.0 > Kinds::KNOWN || !are_numbers || (count == 0 && scalars != Scalars::default()) {
        return Err(wrong("aggregates", format!("row {row} is none: {scalars:?}")));
    }
    Ok(scalars)
}

fn add_sketches(
    aggregates: &mut [Aggregate],
    rows: &[u32],
    sketches: &[Vec<u8>],
    mut add: impl FnMut(&mut Sketches, &[u8]) -> Result<(), model::SketchError>,
) -> Result<(), WireError> {
    same_len("sketches", sketches.len(), rows.len())?;
    if !rows.windows(2).all(|pair| pair[0] < pair[1]) {
        return Err(wrong("sketches", "their rows do not ascend"));
    }
    for (row, bytes) in rows.iter().zip(sketches) {
        let aggregate = aggregates.get_mut(*row as usize);
        let aggregate = aggregate.ok_or_else(|| wrong("sketches", format!("there is no row {row}")))?;
        let all = aggregate.sketches.get_or_insert_default();
        add(all, bytes).map_err(|why| wrong("sketches", why.to_string()))?;
    }
    Ok(())
}
