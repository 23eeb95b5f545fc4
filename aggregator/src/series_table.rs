//! The partition's dictionary: numbers for hashes, words for people, records for the disk.
//!
//! In:    series of batches. Words are touched only of those never seen before.
//! Out:   local ids; the hints; records of what is new since the last checkpoint.
//! Kept:  every series of the partition, at most `series_max`.

use std::collections::BTreeMap;
use std::sync::Arc;

use hints_index::{HintsIndex, Journal};
use model::{Limits, LocalId, MetricId, Minute, MinuteRange, Reason, SeriesHash, series_hash};
use partition_log::Offset;
use proto::BatchView;
use store::{DictionaryEntry, KvBatch, KvSnapshot, MetricRecord, SeriesRecord, StoreError, read_dictionary};

use crate::StateError;
use crate::deleted::Deleted;
use crate::dictionary::Dictionary;
use crate::saved_series::Unsaved;

/// What stands for the id of a series that was not taken in. No series has it: `series_max` is a u32.
pub(crate) const REFUSED: LocalId = LocalId::MAX;

/// See the module.
pub(crate) struct SeriesTable {
    pub(crate) series_max: u32,
    pub(crate) dictionary: Dictionary,
    pub(crate) hints: HintsIndex,
    /// Records that no checkpoint has written yet.
    pub(crate) unwritten: KvBatch,
    pub(crate) unsaved: Unsaved,
    pub(crate) deleted: Arc<Deleted>,
    /// What a load has to repeat on the hints, beside what the next seal brings.
    pub(crate) journal: Journal,
}

// === impl SeriesTable ===

impl SeriesTable {
    pub(crate) fn new(series_max: u32) -> Self {
        let (dictionary, hints, unwritten, unsaved, deleted, journal) = <_>::default();
        let series_max = series_max.min(REFUSED - 1);
        Self { series_max, dictionary, hints, unwritten, unsaved, deleted, journal }
    }

    /// The local id of each series of a batch, in `ids`; [`REFUSED`] with the reason for those that cannot be.
    ///
    /// First all look-ups, then all merges: consecutive look-ups do not depend on each other, so the processor waits
    /// for several of their cache lines at once.
    pub(crate) fn resolve(&mut self, batch: &BatchView<'_>, ids: &mut Vec<LocalId>) -> BTreeMap<u32, Reason> {
        let mut refused = BTreeMap::new();
        ids.clear();
        let series = u32::try_from(batch.series_count()).unwrap_or(u32::MAX);
        for at in 0..series {
            let hash = batch.series_hash(at);
            let id = self.dictionary.find(hash).unwrap_or_else(|| {
                self.take_in(batch, at, hash).unwrap_or_else(|reason| {
                    refused.insert(at, reason);
                    REFUSED
                })
            });
            ids.push(id);
        }
        refused
    }

    /// A series never seen before.
    #[cold]
    fn take_in(&mut self, batch: &BatchView<'_>, at: u32, hash: SeriesHash) -> Result<LocalId, Reason> {
        let (account, metric) = (batch.account(), batch.metric(at));
        // Ids are never given again: those of deleted series bound nothing but the numbers themselves.
        let living = u64::from(self.len()) - self.deleted.series();
        if living >= u64::from(self.series_max) || self.len() >= REFUSED - 1 {
            return Err(Reason::SeriesLimit);
        }
        if !is_sound(account, metric, batch.dims(at)) {
            return Err(Reason::Malformed);
        }
        let known = self.hints.metric(account, metric).map(|metric| metric.metric_id());
        let metric_id = known.unwrap_or_else(|| self.metrics());
        let id = self.dictionary.len();
        // The one thing that can be wrong here is that the metric has had 65,535 names of dimensions.
        self.hints.insert(account, metric, metric_id, id, batch.dims(at)).map_err(|_| Reason::SeriesLimit)?;
        if known.is_none() {
            MetricRecord { account, metric }.put(metric_id, &mut self.unwritten);
        }
        SeriesRecord::put(id, hash, metric_id, batch.dims(at), &mut self.unwritten);
        self.unsaved.hashes.push(hash);
        Ok(self.dictionary.insert(hash, metric_id).expect("a series that is known is not taken in"))
    }

    /// The series that the dictionary's records have and this table has not.
    pub(crate) fn read_new(&mut self, snapshot: &dyn KvSnapshot) -> Result<(), StateError> {
        let mut names = Vec::new();
        Ok(read_dictionary(snapshot, self.len(), &mut |entry| self.load_entry(entry, &mut names))?)
    }

    fn load_entry(
        &mut self,
        entry: DictionaryEntry<'_>,
        names: &mut Vec<(String, String)>,
    ) -> Result<(), StoreError> {
        match entry {
            DictionaryEntry::Metric(id, record) => {
                in_order("metric", names.len(), id)?;
                names.push((record.account.to_owned(), record.metric.to_owned()));
            }
            DictionaryEntry::Series(id, record) => {
                in_order("series", self.dictionary.len() as usize, id)?;
                let (account, metric) = names
                    .get(record.metric as usize)
                    .ok_or_else(|| damaged(format!("series {id} names metric {}", record.metric)))?;
                self.hints
                    .insert(account, metric, record.metric, id, record.dims())
                    .map_err(|why| damaged(why.to_string()))?;
                self.number(id, record.metric, record.hash)
                    .ok_or_else(|| damaged(format!("series {id} has the hash of one before")))?;
                self.unsaved.hashes.push(record.hash);
            }
        }
        Ok(())
    }

    /// The next series of those that were written; `None` when one before has its hash.
    pub(crate) fn number(&mut self, id: LocalId, metric: MetricId, hash: SeriesHash) -> Option<()> {
        if self.deleted.contains(metric, id) {
            self.dictionary.insert_deleted(metric);
            return Some(());
        }
        self.dictionary.insert(hash, metric).map(drop)
    }

    /// Records of what is new since the last call.
    pub(crate) fn take_unwritten(&mut self, batch: &mut KvBatch) {
        batch.append(std::mem::take(&mut self.unwritten));
    }

    /// These series of a metric are gone: no row finds them, no selection holds them, and of their records only what
    /// counts them is left. `by` is the record that says so.
    pub(crate) fn delete(&mut self, account: &str, metric: MetricId, ids: &[LocalId], by: Offset) {
        let Some((name, index)) = self.hints.metrics(account).find(|(_, index)| index.metric_id() == metric)
        else {
            return;
        };
        let mut scratch = Vec::new();
        // The record of a series without words: short, and as sound as any other.
        let nobody = series_hash(account, name, [].into_iter(), &mut scratch);
        for id in ids {
            let Some(position) = index.position_of(*id) else { continue };
            self.dictionary.delete(series_hash(account, name, index.dims_of(position), &mut scratch));
            SeriesRecord::put(*id, nobody, metric, [].into_iter(), &mut self.unwritten);
        }
        self.hints.delete(metric, ids.iter().copied());
        let deleted = Arc::make_mut(&mut self.deleted);
        deleted.add(metric, ids, by);
        deleted.put(metric, &mut self.unwritten);
        self.unsaved.is_due = true;
    }

    /// Which series had data before this minute is not known any more: retention may have taken it.
    pub(crate) fn forget_before(&mut self, metric: MetricId, before: Minute) {
        self.hints.doubt(metric, MinuteRange::new(Minute(0), before), &mut self.journal);
    }

    /// Series that are gone.
    pub(crate) fn deleted(&self) -> &Arc<Deleted> {
        &self.deleted
    }

    /// How many series there are, the deleted ones included.
    pub(crate) fn len(&self) -> u32 {
        self.dictionary.len()
    }

    /// How many metrics there are.
    pub(crate) fn metrics(&self) -> MetricId {
        u32::try_from(self.hints.metric_count()).expect("there are no more metrics than series")
    }

    #[inline]
    pub(crate) fn metric_of(&self, id: LocalId) -> MetricId {
        self.dictionary.metric_of(id)
    }

    pub(crate) fn hints(&self) -> &HintsIndex {
        &self.hints
    }
}

/// Is this what a frontend lets through? The log is trusted, but not with the widths of records on disk.
fn is_sound<'a>(
    account: &str,
    metric: &str,
    mut dims: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) -> bool {
    let limits = Limits::DEFAULT;
    let mut before = None;
    account.len() <= limits.account_bytes_max
        && metric.len() <= limits.metric_bytes_max
        && dims.len() <= limits.dims_max
        && dims.all(|(name, value)| {
            let ascends = before.replace(name).is_none_or(|before| before < name);
            ascends
                && name.len() <= limits.name_bytes_max
                && (1..=limits.value_bytes_max).contains(&value.len())
        })
}

fn in_order(what: &str, expected: usize, got: u32) -> Result<(), StoreError> {
    if got as usize == expected {
        Ok(())
    } else {
        Err(damaged(format!("{what} {got} stands where {expected} is due")))
    }
}

fn damaged(why: String) -> StoreError {
    StoreError::Damaged { what: "the dictionary".to_owned(), why }
}
