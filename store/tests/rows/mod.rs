//! A disk, and beside it a map of all rows.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::{
    Aggregate, Bounds, Distinct, Distribution, LocalId, MetricId, Minute, MinuteRange, Number, Sketches,
};
use proptest::prelude::*;
use store::{
    Cf, Columns, Kv, KvBatch, KvSnapshot, MemoryKv, Scan, SlabBlock, SlabColumns, SlabKey, StoreError, scan,
};

/// The last two of day 9 and the first two of day 10.
pub(crate) const FIRST_HOUR: u32 = 238;
pub(crate) const HOURS: u32 = 4;

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) metric: MetricId,
    pub(crate) id: LocalId,
    pub(crate) minute: Minute,
    pub(crate) row: Aggregate,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) metric: MetricId,
    pub(crate) range: MinuteRange,
    pub(crate) step: u32,
    pub(crate) series: Option<Vec<LocalId>>,
    pub(crate) columns: Columns,
}

#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) kv: Arc<MemoryKv>,
    rows: BTreeMap<(MetricId, LocalId, Minute), Aggregate>,
    seals: u64,
}

/// What was found, by series and step.
pub(crate) type Found = BTreeMap<(LocalId, u32), Aggregate>;

/// A minute of the four hours.
pub(crate) fn minute_of(at: u32) -> Minute {
    Minute(FIRST_HOUR * 60 + at)
}

/// Halves, so that float sums are exact in any order. A third is cut at bounds.
pub(crate) fn aggregates() -> impl Strategy<Value = Aggregate> {
    let values = prop::collection::vec((-6_i32..7, any::<bool>()), 1..3);
    (values, prop::sample::select(vec![0_u8, 0, 0, 1, 2, 3])).prop_map(|(values, sketches)| {
        let mut all = Aggregate::default();
        let bounds = (values[0].0 % 3 == 0).then(|| Bounds::new([-1.0, 0.5, 2.0]).unwrap());
        let mut distribution = bounds.map_or_else(Distribution::new, Distribution::with_bounds);
        let mut distinct = Distinct::default();
        for (value, whole) in values {
            let value = if whole { f64::from(value) } else { f64::from(value) / 2.0 };
            all.scalars.record(Number::from_f64(value).unwrap());
            distinct.observe(&value.to_string());
            distribution.record(value);
        }
        let kept = Sketches {
            distinct: (sketches & 1 == 1).then_some(distinct),
            distribution: (sketches & 2 == 2).then_some(distribution),
        };
        all.sketches = (sketches > 0).then(|| Box::new(kept));
        all
    })
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let range =
        (0..HOURS * 60, 1..HOURS * 60 + 1, any::<bool>()).prop_map(|(from, len, hours)| match hours {
            true => MinuteRange::new(minute_of(from / 60 * 60), minute_of((from + len).div_ceil(60) * 60)),
            false => MinuteRange::new(minute_of(from), minute_of(from + len)),
        });
    let whole_days = Just(MinuteRange::new(Minute(9 * 1440), Minute(11 * 1440)));
    let range = prop_oneof![4 => range, 1 => whole_days];
    let step = prop::sample::select(vec![1_u32, 7, 30, 60, 90, 120, 1440, 2880, 9000]);
    let ids = prop::sample::subsequence(vec![0_u32, 1, 2, 5, 2_000, 2_001, u32::MAX], 0..6);
    let columns = prop::sample::select(vec![Columns::WHOLE_ROWS, Columns::SUM, Columns::IDS, Columns::MAX]);
    (0_u32..3, range, step, prop::option::of(ids), columns)
        .prop_map(|(metric, range, step, series, columns)| Asked { metric, range, step, series, columns })
}

// === reading ===

/// Everything that a scan gives, merged by series and step; only series that were asked for.
pub(crate) fn read(snapshot: &dyn KvSnapshot, asked: &Asked) -> Result<Found, StoreError> {
    Ok(read_with_coarse(snapshot, asked)?.0)
}

pub(crate) fn read_with_coarse(
    snapshot: &dyn KvSnapshot,
    asked: &Asked,
) -> Result<(Found, Option<MinuteRange>), StoreError> {
    let wanted = Scan {
        metric: asked.metric,
        minutes: asked.range,
        step_minutes: asked.step,
        wanted: asked.columns,
        series: asked.series.as_deref(),
    };
    let mut found = Found::new();
    let stats = scan(snapshot, &wanted, &mut SlabColumns::new(), &mut |batch| {
        assert!(!batch.columns.is_empty());
        for (at, &id) in batch.columns.ids().iter().enumerate() {
            if asked.has(id) {
                let minute = batch.minute(at);
                assert!(asked.range.contains(minute) && batch.minutes.contains(minute));
                let row = asked.shown(&row_of(batch.columns, at, asked.columns)?);
                found.entry((id, asked.step_of(minute))).or_default().merge(&row);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if let Some(what) = stats.damage.names.into_iter().next() {
        return Err(StoreError::Damaged { what, why: "it was left out".to_owned() });
    }
    Ok((asked.comparable(found), stats.coarse))
}

fn row_of(columns: &SlabColumns, at: usize, wanted: Columns) -> Result<Aggregate, StoreError> {
    if wanted == Columns::WHOLE_ROWS {
        return columns.aggregate(at);
    }
    let mut row = Aggregate::default();
    row.scalars.count = 1;
    if wanted.has(Columns::SUM) {
        (row.scalars.sum, row.scalars.kinds) = (columns.sum_bits()[at], columns.kinds(at));
    }
    if wanted.has(Columns::MAX) {
        row.scalars.max = columns.max_bits()[at];
    }
    Ok(row)
}

pub(crate) fn count(snapshot: &dyn KvSnapshot, cf: Cf) -> usize {
    let mut count = 0;
    let each = &mut |_: &[u8], _: &[u8]| {
        count += 1;
        Ok(ControlFlow::Continue(()))
    };
    snapshot.range(cf, &[], &[0xFF; 17], each).unwrap();
    count
}

fn difference(found: &Found, expected: &Found) -> String {
    let keys = found.keys().chain(expected.keys());
    let first = keys.filter(|key| found.get(key) != expected.get(key)).min().unwrap();
    format!("series and step {first:?}: {:?}, not {:?}", found.get(first), expected.get(first))
}

// === impl Asked ===

impl Asked {
    fn has(&self, id: LocalId) -> bool {
        self.series.as_ref().is_none_or(|series| series.contains(&id))
    }

    fn step_of(&self, minute: Minute) -> u32 {
        (minute.0 - self.range.from.0) / self.step
    }

    /// How many rows were merged is compared only where counts were asked for.
    fn comparable(&self, mut found: Found) -> Found {
        if self.columns != Columns::WHOLE_ROWS {
            found.values_mut().for_each(|row| row.scalars.count = 1);
        }
        found
    }

    /// As much of a row as is compared: a number is merged from what was asked for only.
    fn shown(&self, row: &Aggregate) -> Aggregate {
        if self.columns == Columns::WHOLE_ROWS {
            return row.clone();
        }
        let scalars = row.scalars;
        let mut shown = Aggregate::default();
        let kinds = if self.columns.has(Columns::MAX) { 5 } else { 1 };
        if self.columns.has(Columns::SUM) {
            shown.scalars.sum = scalars.sum;
            shown.scalars.kinds.0 = scalars.kinds.0 & kinds;
        }
        if self.columns.has(Columns::MAX) {
            shown.scalars.max = scalars.max;
        }
        shown.scalars.count = 1;
        shown
    }
}

// === impl Disk ===

impl Disk {
    /// A seal with these rows, and the map has them too once it is committed.
    pub(crate) fn seal(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        let mut blocks: BTreeMap<(MetricId, Minute), BTreeMap<LocalId, Aggregate>> = BTreeMap::new();
        for Row { metric, id, minute, row } in rows {
            blocks.entry((*metric, *minute)).or_default().entry(*id).or_default().merge(row);
        }
        let mut batch = KvBatch::new();
        for ((metric, minute), rows) in &blocks {
            let key = SlabKey { metric: *metric, minute: *minute, seal_offset: self.seals };
            let block = SlabBlock::of(rows.iter().map(|(id, row)| (*id, row)));
            batch.put(Cf::Slabs, key.to_bytes(), block.encode()?);
        }
        self.seals += 1;
        self.kv.commit(batch)?;
        self.lost_answer(rows);
        Ok(())
    }

    /// These rows are on disk although the commit did not say so.
    pub(crate) fn lost_answer(&mut self, rows: &[Row]) {
        for Row { metric, id, minute, row } in rows {
            self.rows.entry((*metric, *id, *minute)).or_default().merge(row);
        }
    }

    /// What was deleted, or is too old.
    pub(crate) fn forget(&mut self, goes: impl Fn(MetricId, LocalId, Minute) -> bool) {
        self.rows.retain(|(metric, id, minute), _| !goes(*metric, *id, *minute));
    }

    pub(crate) fn expected(&self, asked: &Asked) -> Found {
        let mut found = Found::new();
        for ((metric, id, minute), row) in &self.rows {
            if *metric == asked.metric && asked.range.contains(*minute) && asked.has(*id) {
                found.entry((*id, asked.step_of(*minute))).or_default().merge(&asked.shown(row));
            }
        }
        asked.comparable(found)
    }

    pub(crate) fn read(&self, asked: &Asked) -> Result<Found, StoreError> {
        read(&*self.kv.snapshot(), asked)
    }

    pub(crate) fn check(&self, asked: &Asked) -> Result<(), TestCaseError> {
        let (found, expected) = (self.read(asked).unwrap(), self.expected(asked));
        prop_assert!(found == expected, "{:?}: {}", asked, difference(&found, &expected));
        Ok(())
    }

    /// `step=sum` of metric 0, from the first hour on, and what was left out.
    pub(crate) fn sums(&self, from: u32, to: u32, step: u32) -> String {
        self.sums_from(minute_of(from).0, minute_of(to).0, step)
    }

    pub(crate) fn sums_from(&self, from: u32, to: u32, step: u32) -> String {
        let range = MinuteRange::new(Minute(from), Minute(to));
        let asked = Asked { metric: 0, range, step, series: None, columns: Columns::SUM };
        let (found, coarse) = read_with_coarse(&*self.kv.snapshot(), &asked).unwrap();
        let sums = found.iter().map(|((_, step), row)| format!("{step}={}", row.scalars.sum));
        let sums = sums.collect::<Vec<_>>().join(" ");
        match coarse {
            Some(coarse) => format!("{sums}, coarse {}-{}", coarse.from.0 - from, coarse.to.0 - from),
            None => sums,
        }
    }

    pub(crate) fn all(&self, cf: Cf) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut all = BTreeMap::new();
        let each = &mut |key: &[u8], value: &[u8]| {
            all.insert(key.to_vec(), value.to_vec());
            Ok(ControlFlow::Continue(()))
        };
        self.kv.snapshot().range(cf, &[], &[0xFF; 17], each).unwrap();
        all
    }

    pub(crate) fn count(&self, cf: Cf) -> usize {
        count(&*self.kv.snapshot(), cf)
    }

    pub(crate) fn only(&self, cf: Cf) -> (Vec<u8>, Vec<u8>) {
        self.all(cf).pop_first().unwrap()
    }
}
