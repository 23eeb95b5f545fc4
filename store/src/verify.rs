//! Walks everything that a partition's store holds, and names each block that is not what was written.
//!
//! In:    a snapshot.
//! Out:   what there is by family, and each damaged block by name.
//! Never: a write; an end at the first damage, for the rest must be known too.
//!
//! The island's own state is walked here as keys and bytes; what it means is checked by who loads it.

use std::ops::ControlFlow;

use model::{LocalId, MetricId, series_hash};

use crate::cold::Reference;
use crate::keys::hex;
use crate::salvage::range_past_damage;
use crate::{
    Cf, Columns, KvSnapshot, MetricRecord, PartKey, SeriesRecord, SlabColumns, SlabKey, StoreError, keys,
    parts,
};

/// Blocks named one by one; beyond that they are only counted.
pub const DAMAGE_LISTED_MAX: usize = 1_000;

/// The longest key of a family is well below this.
const FAMILY_END: [u8; 32] = [u8::MAX; 32];

/// Records that may be missing in a row: those of a few thousand lost blocks.
const GAP_MAX: usize = 1 << 20;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Every family, in the order of [`Cf::ALL`].
    pub families: Vec<FamilyVerified>,
    /// Series of the dictionary.
    pub series: u64,
    /// Metrics of the dictionary.
    pub metrics: u64,
    /// One for each damaged block, at most [`DAMAGE_LISTED_MAX`].
    pub damage: Vec<String>,
    /// How many there are in all.
    pub damaged: u64,
}

/// One column family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyVerified {
    /// Which.
    pub cf: Cf,
    /// Keys that could be read.
    pub keys: u64,
    /// Bytes of these keys and their values.
    pub bytes: u64,
    /// Rows of their blocks.
    pub rows: u64,
}

/// Decodes everything in full. `moved` hears of the bytes as they are read.
#[must_use]
pub fn verify(snapshot: &dyn KvSnapshot, moved: &mut dyn FnMut(u64)) -> Verified {
    let mut walk =
        Walk { metric_of: Vec::new(), names: Vec::new(), columns: SlabColumns::new(), scratch: Vec::new() };
    let mut found = Verified::default();
    // The dictionary first: rows are checked against it.
    let order = [Cf::Series].into_iter().chain(Cf::ALL.into_iter().filter(|cf| *cf != Cf::Series));
    for cf in order {
        let family = walk.family(snapshot, cf, &mut found, moved);
        found.families.push(family);
    }
    found.families.sort_by_key(|family| family.cf);
    (found.series, found.metrics) = (walk.metric_of.len() as u64, walk.names.len() as u64);
    found
}

/// What the walk carries along.
struct Walk {
    /// By local id; four bytes a series.
    metric_of: Vec<MetricId>,
    /// By metric id.
    names: Vec<(String, String)>,
    columns: SlabColumns,
    scratch: Vec<u8>,
}

// === impl Verified ===

impl Verified {
    fn damage(&mut self, what: String) {
        self.damaged += 1;
        if self.damage.len() < DAMAGE_LISTED_MAX {
            self.damage.push(what);
        }
    }
}

// === impl Walk ===

impl Walk {
    fn family(
        &mut self,
        snapshot: &dyn KvSnapshot,
        cf: Cf,
        found: &mut Verified,
        moved: &mut dyn FnMut(u64),
    ) -> FamilyVerified {
        let (mut family, mut damage) = (FamilyVerified { cf, keys: 0, bytes: 0, rows: 0 }, Vec::new());
        let mut each = |key: &[u8], value: &[u8]| {
            let bytes = (key.len() + value.len()) as u64;
            family.keys += 1;
            family.bytes += bytes;
            match self.block(cf, key, value) {
                Ok(rows) => family.rows += rows,
                Err(why) => found.damage(why.to_string()),
            }
            moved(bytes);
            Ok(ControlFlow::Continue(()))
        };
        let mut unreadable = |from: &[u8], to: &[u8], why: StoreError| {
            damage.push(format!("{}, keys {} to {}: {why}", cf.name(), hex(from), hex(to)));
            Ok(())
        };
        let walked = range_past_damage(snapshot, cf, &[], &FAMILY_END, &mut each, &mut unreadable);
        damage.extend(walked.err().map(|why| format!("{} cannot be read: {why}", cf.name())));
        damage.into_iter().for_each(|what| found.damage(what));
        family
    }

    /// How many rows the block has.
    fn block(&mut self, cf: Cf, key: &[u8], value: &[u8]) -> Result<u64, StoreError> {
        match cf {
            Cf::Series => self.record(key, value).map(|()| 1),
            Cf::Slabs => {
                let key = SlabKey::read(key)?;
                self.slab(key.metric, value).map_err(|why| why.within(|| self.named(key)))
            }
            // What has moved out is checked when it is fetched.
            Cf::Pages if Reference::read(value)?.is_some() => Ok(0),
            Cf::Pages => self.part(
                cf,
                key,
                |walk, at, value| walk.columns.read_page(value, at.span(cf), Columns::ALL),
                value,
            ),
            Cf::Hours | Cf::Days => {
                self.part(cf, key, |walk, _, value| walk.columns.read(value, Columns::ALL), value)
            }
            // Their owners check what they mean.
            Cf::State | Cf::Hints => Ok(0),
        }
    }

    fn named(&self, key: SlabKey) -> String {
        match self.names.get(key.metric as usize) {
            Some((account, metric)) => format!("{key} of {account} {metric}"),
            None => key.to_string(),
        }
    }

    /// Of a metric's hour or day. Its key names the last of its series.
    fn part(
        &mut self,
        cf: Cf,
        key: &[u8],
        read: impl FnOnce(&mut Self, PartKey, &[u8]) -> Result<(), StoreError>,
        value: &[u8],
    ) -> Result<u64, StoreError> {
        let at = PartKey::read(cf, key)?;
        let within = |why: StoreError| why.within(|| parts::name(cf, at));
        read(self, at, value).map_err(within)?;
        if self.columns.ids().last() != Some(&at.last) {
            return Err(within(StoreError::damaged("the key", "it does not name the last series")));
        }
        self.rows(at.metric).map_err(within)
    }

    fn slab(&mut self, metric: MetricId, value: &[u8]) -> Result<u64, StoreError> {
        self.columns.read(value, Columns::ALL)?;
        self.rows(metric)
    }

    /// Every sketch of every row, and whose rows they are.
    fn rows(&mut self, metric: MetricId) -> Result<u64, StoreError> {
        for &row in self.columns.distinct_rows() {
            self.columns.distinct(row as usize)?;
        }
        for &row in self.columns.distribution_rows() {
            self.columns.distribution(row as usize)?;
        }
        self.columns.ids().iter().try_for_each(|id| self.belongs(*id, metric))?;
        Ok(self.columns.len() as u64)
    }

    fn belongs(&self, id: LocalId, metric: MetricId) -> Result<(), StoreError> {
        let why = match self.metric_of.get(id as usize) {
            // A record that is missing or damaged has been named, once.
            Some(of) if *of == metric || *of == MetricId::MAX => return Ok(()),
            Some(of) => format!("series {id} is one of metric {of}"),
            None => format!("series {id} is not in the dictionary"),
        };
        Err(StoreError::damaged("a row", &why))
    }

    /// Ids are dense and ascend, a series' metric is there, and its hash is that of its words.
    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let within = |error: StoreError| error.within(|| format!("dictionary key {}", hex(key)));
        if let Some(id) = keys::id_of(keys::METRIC_TAG, key) {
            let place = take_place("metric", &mut self.names, id, Default::default()).map_err(within)?;
            let record = MetricRecord::decode(value).map_err(within)?;
            if let Some(names) = self.names.last_mut() {
                *names = (record.account.to_owned(), record.metric.to_owned());
            }
            return place.map_err(within);
        }
        let Some(id) = keys::id_of(keys::SERIES_TAG, key) else {
            return Err(within(StoreError::damaged("the key", "it is no metric's and no series'")));
        };
        let place = take_place("series", &mut self.metric_of, id, MetricId::MAX).map_err(within)?;
        let record = SeriesRecord::decode(value).map_err(within)?;
        if let Some(metric) = self.metric_of.last_mut() {
            *metric = record.metric;
        }
        self.hash(&record).and(place).map_err(within)
    }

    fn hash(&mut self, record: &SeriesRecord<'_>) -> Result<(), StoreError> {
        let Some((account, metric)) = self.names.get(record.metric as usize) else {
            return Err(StoreError::damaged("the record", &format!("there is no metric {}", record.metric)));
        };
        if series_hash(account, metric, record.dims(), &mut self.scratch) != record.hash {
            return Err(StoreError::damaged("the record", "its hash is not that of its words"));
        }
        Ok(())
    }
}

/// Keys ascend, so a place is never one that was taken; keys that are missing show at the next one (the inner error),
/// and a gap that no damage of a few blocks explains is one of the key itself (the outer).
fn take_place<T: Clone>(
    what: &str,
    taken: &mut Vec<T>,
    id: u32,
    unknown: T,
) -> Result<Result<(), StoreError>, StoreError> {
    let due = taken.len();
    let wrong = || StoreError::damaged(what, &format!("{id} stands where {due} is due"));
    if id as usize > due + GAP_MAX {
        return Err(wrong());
    }
    taken.resize(id as usize + 1, unknown);
    Ok(if id as usize == due { Ok(()) } else { Err(wrong()) })
}
