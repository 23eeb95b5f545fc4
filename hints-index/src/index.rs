//! The metrics of every account.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use model::{LocalId, MetricId, Minute, MinuteRange};

use crate::bits::Bits;
use crate::{CHUNK, HintsError, Journal, MetricIndex};

type Names = BTreeMap<Arc<str>, MetricId>;
type Accounts = BTreeMap<Arc<str>, Arc<Names>>;

/// All series of a partition. A clone is a snapshot: later inserts do not show in it.
#[derive(Clone, Debug, Default)]
pub struct HintsIndex {
    pub(crate) accounts: Arc<Accounts>,
    /// By id.
    pub(crate) metrics: Arc<Vec<Arc<MetricIndex>>>,
    pub(crate) series: u64,
    /// No set of an earlier hour is kept.
    pub(crate) hours_from: u32,
    /// How many series the last save held.
    pub(crate) saved_series: u64,
    /// What was sealed then.
    pub(crate) saved_through: Option<Minute>,
}

/// Names of dimensions that one metric ever had: as many as 16 bits number.
pub const DIMENSIONS_MAX: usize = u16::MAX as usize;

/// Hours that activity is known of, to the hour: 31 days. What came before is looked up in the slabs. At the worst,
/// where any half of the series is there every hour, they are 93 bytes a series; where series come and stay, nothing.
pub const HOURS_KEPT: u32 = 31 * 24;

// === impl HintsIndex ===

impl HintsIndex {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a new series in. Metric ids count up from 0; local ids ascend within a metric; names are unique within
    /// `dims`, best sorted; an empty value is an absent dimension.
    ///
    /// # Errors
    /// When the series is not a new one, or the metric has too many names of dimensions. Nothing has changed then.
    pub fn insert<'a, D>(
        &mut self,
        account: &str,
        metric: &str,
        metric_id: MetricId,
        local_id: LocalId,
        dims: D,
    ) -> Result<(), HintsError>
    where
        D: IntoIterator<Item = (&'a str, &'a str)>,
        D::IntoIter: Clone,
    {
        let dims = dims.into_iter();
        match self.metric(account, metric) {
            Some(have) => {
                have.check(metric_id, local_id)?;
                have.check_dims(dims.clone())?;
            }
            None => self.check_new(metric, metric_id)?,
        }
        self.entry(account, metric).push(local_id, dims);
        self.series += 1;
        Ok(())
    }

    /// A seal brings rows of these series, which ascend, in this minute. What a load has to repeat goes to `journal`,
    /// here and below.
    ///
    /// # Errors
    /// The first id that is not one of this metric.
    pub fn note(
        &mut self,
        metric: MetricId,
        minute: Minute,
        ids: &[LocalId],
        journal: &mut Journal,
    ) -> Result<(), LocalId> {
        let Some(index) = self.metrics.get(metric as usize) else {
            return ids.first().map_or(Ok(()), |id| Err(*id));
        };
        let mut positions = Vec::with_capacity(ids.len());
        index.local_ids().positions_of(ids, &mut positions)?;
        for of_chunk in positions.chunk_by(|one, next| *one as usize / CHUNK == *next as usize / CHUNK) {
            let (chunk, mut bits) = (of_chunk[0] as usize / CHUNK, Bits::NONE);
            of_chunk.iter().for_each(|position| bits.insert(*position as usize % CHUNK));
            self.note_chunk(metric, minute, chunk, &bits).expect("its series were found just above");
            journal.note(metric, minute, chunk, &bits);
        }
        Ok(())
    }

    /// The same for a chunk; `None` when there is no such.
    pub(crate) fn note_chunk(
        &mut self,
        metric: MetricId,
        minute: Minute,
        chunk: usize,
        bits: &Bits,
    ) -> Option<()> {
        let hour = minute.0 / 60;
        let index = Arc::make_mut(&mut self.metrics).get_mut(metric as usize).map(Arc::make_mut)?;
        if chunk * CHUNK >= index.len() {
            return None;
        }
        index.activity.doubt(hour..self.hours_from); // sets are not kept as far back
        index.activity.note(chunk, minute, bits);
        Some(())
    }

    /// The newest minute that is sealed. Sets of hours long before it go.
    pub fn sealed(&mut self, minute: Minute, journal: &mut Journal) {
        let from = (minute.0 / 60).saturating_sub(HOURS_KEPT - 1);
        if from <= self.hours_from {
            return;
        }
        journal.sealed(minute);
        self.hours_from = from;
        let is_older = |index: &MetricIndex| index.activity.oldest.is_some_and(|oldest| oldest < from);
        self.each_metric(is_older, |index| index.activity.forget_before(from));
    }

    /// Data of a metric within the range may be gone: deleted, or past its retention. The slabs tell what is left.
    pub fn doubt(&mut self, metric: MetricId, range: MinuteRange, journal: &mut Journal) {
        self.doubt_hours(metric, range.from.0 / 60..range.to.0.div_ceil(60), journal);
    }

    /// The same of every metric.
    pub fn doubt_all(&mut self, range: MinuteRange, journal: &mut Journal) {
        (0..self.metrics.len() as MetricId).for_each(|metric| self.doubt(metric, range, journal));
    }

    pub(crate) fn doubt_hours(&mut self, metric: MetricId, hours: Range<u32>, journal: &mut Journal) {
        if let Some(index) = Arc::make_mut(&mut self.metrics).get_mut(metric as usize) {
            journal.doubt(metric, hours.start, hours.end);
            Arc::make_mut(index).activity.doubt(hours);
        }
    }

    /// These series of a metric are in no selection any more. What is saved does not say so: to be repeated after a load.
    pub fn delete(&mut self, metric: MetricId, ids: impl IntoIterator<Item = LocalId>) {
        if let Some(index) = Arc::make_mut(&mut self.metrics).get_mut(metric as usize) {
            Arc::make_mut(index).delete(ids.into_iter());
        }
    }

    /// The accounts that have a series, sorted.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.accounts.keys().map(|name| &**name)
    }

    /// The metrics of an account, sorted by name.
    pub fn metrics(&self, account: &str) -> impl Iterator<Item = (&str, &Arc<MetricIndex>)> {
        self.accounts
            .get(account)
            .into_iter()
            .flat_map(|names| names.iter().map(|(name, id)| (&**name, &self.metrics[*id as usize])))
    }

    /// A metric by its name.
    #[must_use]
    pub fn metric(&self, account: &str, name: &str) -> Option<&Arc<MetricIndex>> {
        let id = *self.accounts.get(account)?.get(name)?;
        self.metrics.get(id as usize)
    }

    /// How many metrics, over all accounts.
    #[must_use]
    pub fn metric_count(&self) -> usize {
        self.metrics.len()
    }

    /// How many series, over all accounts.
    #[must_use]
    pub fn series_count(&self) -> u64 {
        self.series
    }

    /// Bytes that it occupies; what clones share is counted in each.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let names = |(account, names): (&Arc<str>, &Arc<Names>)| {
            NODE_BYTES + account.len() + names.keys().map(|name| NODE_BYTES + name.len()).sum::<usize>()
        };
        self.accounts.iter().map(names).sum::<usize>()
            + self.metrics.iter().map(|metric| metric.memory_bytes()).sum::<usize>()
    }

    fn check_new(&self, metric: &str, got: MetricId) -> Result<(), HintsError> {
        let have = u32::try_from(self.metrics.len()).unwrap_or(MetricId::MAX);
        if have == got { Ok(()) } else { Err(HintsError::MetricId { metric: metric.to_owned(), have, got }) }
    }

    /// The metric, made when it is not there. Only what a clone also holds is copied, and of the metrics that do not
    /// change only the references.
    pub(crate) fn entry(&mut self, account: &str, metric: &str) -> &mut MetricIndex {
        let known = self.metric(account, metric).map(|metric| metric.metric_id());
        let id = known.unwrap_or_else(|| self.add_metric(account, metric));
        Arc::make_mut(&mut Arc::make_mut(&mut self.metrics)[id as usize])
    }

    fn add_metric(&mut self, account: &str, metric: &str) -> MetricId {
        let id = u32::try_from(self.metrics.len()).expect("there are no more metrics than series");
        let names = Arc::make_mut(&mut self.accounts).entry(account.into()).or_default();
        let index = MetricIndex::new(metric, id);
        Arc::make_mut(names).insert(metric.into(), id);
        Arc::make_mut(&mut self.metrics).push(Arc::new(index));
        id
    }

    pub(crate) fn each_metric(
        &mut self,
        wanted: impl Fn(&MetricIndex) -> bool,
        mut each: impl FnMut(&mut MetricIndex),
    ) {
        if self.metrics.iter().any(|metric| wanted(metric)) {
            let metrics = Arc::make_mut(&mut self.metrics).iter_mut();
            metrics.filter(|metric| wanted(metric)).for_each(|metric| each(Arc::make_mut(metric)));
        }
    }
}

// === impl MetricIndex ===

impl MetricIndex {
    fn check_dims<'a>(&self, dims: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), HintsError> {
        // A series has 64 at most, so this is counted only where it matters.
        if self.dims().len() + 64 <= DIMENSIONS_MAX {
            return Ok(());
        }
        let new = dims.filter(|(name, value)| !value.is_empty() && self.dim(name).is_none()).count();
        if self.dims().len() + new > DIMENSIONS_MAX {
            return Err(HintsError::Dimensions { metric: self.name().to_owned(), max: DIMENSIONS_MAX });
        }
        Ok(())
    }
}

/// A key and a reference in a B-tree that is three quarters full.
const NODE_BYTES: usize = 40;
