//! Reads back what was saved, record by record in the order of keys.

use std::sync::Arc;

use model::{MetricId, Minute};

use crate::activity::Activity;
use crate::bytes::{self, Reader};
use crate::metric::{Columns, Saved};
use crate::packed::Packed;
use crate::save::{COLUMNS, HEAD, HOUR, METRIC, NAMES, PRESENCE};
use crate::set::Set;
use crate::{ABSENT, CHUNK, Dim, HintsIndex, LoadError, LocalIds, activity};

/// Records in, an index out.
#[derive(Debug, Default)]
pub struct Loader {
    head: Option<Head>,
    metrics: Vec<Building>,
}

/// What it must come to.
#[derive(Clone, Copy, Debug)]
struct Head {
    metrics: u32,
    series: u64,
    hours_from: u32,
    sealed_through: Minute,
}

/// A metric as far as its records were read.
#[derive(Debug)]
struct Building {
    account: String,
    name: String,
    series: usize,
    ids: LocalIds,
    /// By slot, each with the number of values that are due.
    dims: Vec<(Dim, usize)>,
    activity: Activity,
}

// === impl Loader ===

impl Loader {
    /// Nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next record but those of the journal: [`HintsIndex::replay`] does them.
    ///
    /// # Errors
    /// When it is damaged or does not fit what came before.
    pub fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), LoadError> {
        let unknown = || LoadError::Contradiction(format!("a key {key:02x?} that is none of this version"));
        let (tag, rest) = key.split_first().ok_or_else(unknown)?;
        let numbers: Vec<u32> = rest.as_chunks().0.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect();
        match (*tag, &numbers[..]) {
            (HEAD, []) => self.head(bytes::open("the head", value)?),
            (METRIC, [metric]) => self.metric(*metric, bytes::open("a metric", value)?),
            (NAMES, [metric, slot, _]) => {
                let values = bytes::open("a segment of values", value)?;
                self.building(*metric)?.values(*slot as usize, values)
            }
            (COLUMNS, [metric, chunk]) => {
                let columns = bytes::open("a chunk of columns", value)?;
                self.building(*metric)?.columns(*chunk as usize, columns)
            }
            (PRESENCE, [metric, chunk]) => {
                let presence = bytes::open("a chunk of activity", value)?;
                self.building(*metric)?.presence(*chunk as usize, presence)
            }
            (HOUR, [metric, hour]) => self.building(*metric)?.hour(*hour, bytes::open("an hour", value)?),
            _ => Err(unknown()),
        }
    }

    /// What it comes to. What the journal says is to be replayed when the series that came after the save are inserted.
    ///
    /// # Errors
    /// When records are missing.
    pub fn finish(self) -> Result<HintsIndex, LoadError> {
        let head = self.head.ok_or_else(|| LoadError::Contradiction("there is no head".to_owned()))?;
        let mut index = HintsIndex { hours_from: head.hours_from, ..HintsIndex::new() };
        for building in self.metrics {
            building.finish(&mut index)?;
        }
        (index.saved_series, index.saved_through) = (index.series, Some(head.sealed_through));
        if (index.metrics.len(), index.series) != (head.metrics as usize, head.series) {
            return Err(missing("a metric or some series", head.metrics));
        }
        Ok(index)
    }

    fn head(&mut self, mut bytes: Reader<'_>) -> Result<(), LoadError> {
        let (metrics, series) = (bytes.u32()?, bytes.u64()?);
        let (hours_from, sealed_through) = (bytes.u32()?, Minute(bytes.u32()?));
        self.head = Some(Head { metrics, series, hours_from, sealed_through });
        bytes.end()
    }

    fn metric(&mut self, metric: MetricId, bytes: Reader<'_>) -> Result<(), LoadError> {
        if metric as usize != self.metrics.len() {
            return Err(missing("a metric", metric));
        }
        self.metrics.push(Building::new(bytes)?);
        Ok(())
    }

    fn building(&mut self, metric: MetricId) -> Result<&mut Building, LoadError> {
        self.metrics.get_mut(metric as usize).ok_or_else(|| missing("a metric", metric))
    }
}

// === impl Building ===

impl Building {
    fn new(mut bytes: Reader<'_>) -> Result<Self, LoadError> {
        let (account, name) = (bytes.text()?.to_owned(), bytes.text()?.to_owned());
        let series = bytes.u32()? as usize;
        let dims = (0..bytes.u16()?)
            .map(|slot| Ok((Dim::new(bytes.text()?, slot, 0), bytes.u32()? as usize)))
            .collect::<Result<_, LoadError>>()?;
        let mut activity = Activity::default();
        for _ in 0..bytes.u32()? {
            activity.doubt(bytes.u32()?..bytes.u32()?);
        }
        activity.unsaved = activity::Unsaved::default();
        bytes.end()?;
        Ok(Self { account, name, series, ids: LocalIds::default(), dims, activity })
    }

    fn values(&mut self, slot: usize, mut bytes: Reader<'_>) -> Result<(), LoadError> {
        let (dim, _) = self.dims.get_mut(slot).ok_or_else(|| bytes.damaged("of no dimension"))?;
        dim.values_mut().decode(&mut bytes)?;
        bytes.end()
    }

    fn columns(&mut self, chunk: usize, mut bytes: Reader<'_>) -> Result<(), LoadError> {
        if chunk * CHUNK != self.ids.len() {
            return Err(bytes.damaged("a chunk before it is missing"));
        }
        self.ids.decode(&mut bytes)?;
        let (len, known) = (self.ids.len() - chunk * CHUNK, usize::from(bytes.u16()?));
        let constant = Packed::constant(ABSENT, len);
        for (slot, (dim, _)) in self.dims.iter_mut().enumerate() {
            // Dimensions that came after this chunk was full are not in its record.
            if slot < known { dim.decode(len, &mut bytes)? } else { dim.restore(constant.clone()) }
        }
        bytes.end()
    }

    fn presence(&mut self, chunk: usize, mut bytes: Reader<'_>) -> Result<(), LoadError> {
        if chunk * CHUNK >= self.series {
            return Err(bytes.damaged("of no series"));
        }
        let (ever, first, last) =
            (Set::decode(&mut bytes)?, Packed::decode(&mut bytes)?, Packed::decode(&mut bytes)?);
        if (first.len(), last.len()) != (CHUNK, CHUNK) {
            return Err(bytes.damaged("minutes of another number of series"));
        }
        let chunk = self.activity.chunk_mut(chunk);
        (chunk.ever, chunk.first, chunk.last) = (ever, first, last);
        bytes.end()
    }

    fn hour(&mut self, hour: u32, mut bytes: Reader<'_>) -> Result<(), LoadError> {
        if hour > Minute(u32::MAX).0 / 60 {
            return Err(bytes.damaged("of an hour that has no minutes"));
        }
        while !bytes.is_empty() {
            let (chunk, set) = (bytes.u32()? as usize, Set::decode(&mut bytes)?);
            if chunk * CHUNK >= self.series {
                return Err(bytes.damaged("of no series"));
            }
            self.activity.chunk_mut(chunk).add(hour, &set.bits());
        }
        self.activity.oldest = Some(self.activity.oldest.map_or(hour, |oldest| oldest.min(hour)));
        Ok(())
    }

    fn finish(self, index: &mut HintsIndex) -> Result<(), LoadError> {
        let id = index.metrics.len() as MetricId;
        let values_due = |(dim, due): &(Dim, usize)| dim.values().len() == *due;
        if self.ids.len() != self.series || !self.dims.iter().all(values_due) {
            return Err(missing("a chunk or a segment of metric", id));
        }
        index.series += self.series as u64;
        let saved = Saved { series: self.series, values: self.dims.iter().map(|(_, due)| *due).collect() };
        let mut dims: Vec<Dim> = self.dims.into_iter().map(|(dim, _)| dim).collect();
        dims.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        if !dims.is_sorted_by(|one, next| one.name() < next.name())
            || index.metric(&self.account, &self.name).is_some()
        {
            return Err(LoadError::Contradiction(format!("metric {id} has a name twice")));
        }
        let metric = index.entry(&self.account, &self.name);
        metric.columns = Arc::new(Columns { ids: self.ids, dims });
        metric.activity = self.activity;
        metric.saved = saved;
        Ok(())
    }
}

fn missing(what: &str, id: MetricId) -> LoadError {
    LoadError::Contradiction(format!("{what} is missing (at {id})"))
}
