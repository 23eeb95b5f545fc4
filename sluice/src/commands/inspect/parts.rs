//! What compaction has made: pages, hours and days.

use std::ops::ControlFlow;

use ::store::cold::Reference;
use ::store::{Cf, Columns, KvSnapshot, PartKey, Profile, SlabColumns, StoreError, add_profile};
use model::MinuteRange;
use serde::Serialize;

use super::store::unreadable;
use super::time;

/// One family.
#[derive(Debug, Serialize)]
pub(super) struct Parts {
    pub(super) what: &'static str,
    pub(super) parts: u64,
    pub(super) parts_damaged: u64,
    /// Pages in the object store: neither read nor in rows and bits here.
    pub(super) parts_moved_out: u64,
    /// Minutes of series in pages, series in hours and days.
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) bits_per_row: Option<f64>,
    /// Which of these bytes are for what; heads are frames, lengths and checksums.
    pub(super) bytes_of: Profile,
    /// Of all metrics.
    pub(super) from_to: Option<[String; 2]>,
}

// === impl Parts ===

impl Parts {
    /// All of them, pages first.
    pub(super) fn read(snapshot: &dyn KvSnapshot, damage: &mut Vec<String>) -> Vec<Self> {
        [Cf::Pages, Cf::Hours, Cf::Days].map(|cf| Self::of(snapshot, cf, damage)).into()
    }

    fn of(snapshot: &dyn KvSnapshot, cf: Cf, damage: &mut Vec<String>) -> Self {
        let (mut all, mut columns): (Option<MinuteRange>, _) = (None, SlabColumns::new());
        let mut found = Self {
            what: cf.name(),
            parts: 0,
            parts_damaged: 0,
            parts_moved_out: 0,
            rows: 0,
            bytes: 0,
            bits_per_row: None,
            bytes_of: Profile::new(),
            from_to: None,
        };
        let read = snapshot.range(cf, &[], &[u8::MAX; PartKey::BYTES + 1], &mut |key, value| {
            found.parts += 1;
            found.bytes += value.len() as u64;
            match decode(cf, key, value, &mut columns, &mut found.bytes_of) {
                Ok((span, rows)) => {
                    let before = all.unwrap_or(span);
                    all = Some(MinuteRange::new(before.from.min(span.from), before.to.max(span.to)));
                    found.rows += rows.unwrap_or(0);
                    found.parts_moved_out += u64::from(rows.is_none());
                }
                Err(why) => {
                    found.parts_damaged += 1;
                    damage.push(format!("{} key {key:02x?}: {why}", cf.name()));
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        damage.extend(read.err().map(|why| unreadable(cf, &why)));
        found.from_to = all.map(|all| [time(all.from), time(all.to)]);
        found.bits_per_row = super::slabs::bits_per_row(found.bytes, found.rows);
        found
    }
}

/// When a part's rows are and how many, all of which could be read; no rows where they are not here.
fn decode(
    cf: Cf,
    key: &[u8],
    value: &[u8],
    columns: &mut SlabColumns,
    profile: &mut Profile,
) -> Result<(MinuteRange, Option<u64>), StoreError> {
    let misnamed = || StoreError::Damaged { what: "its name".into(), why: "it is not 12 bytes long".into() };
    let key = PartKey::from_bytes(key).ok_or_else(misnamed)?;
    match cf {
        Cf::Pages if Reference::read(value)?.is_some() => return Ok((key.span(cf), None)),
        Cf::Pages => columns.read_page(value, key.span(cf), Columns::ALL)?,
        _ => columns.read(value, Columns::ALL)?,
    }
    add_profile(value, profile)?;
    Ok((key.span(cf), Some(columns.len() as u64)))
}
