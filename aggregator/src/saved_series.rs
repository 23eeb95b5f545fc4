//! The series table on its way to the disk and back: what a start need not rebuild from the dictionary's strings.
//!
//! In:    at a seal, the rows that it brings.
//! Out:   the journal of that seal; now and then all that has changed since, in place of the journal.
//! Kept:  in `Cf::Hints`: hashes and metrics of the series here, the rest as `hints-index/FORMAT.md` draws it.
//! Never: the only copy. What cannot be read is rebuilt from the dictionary, and thrown away unread.
//!
//! ```text
//! │ 'D' │ first local id u32 │   →  │ series u32 │ metric id u32 │ hash high u64 │ low u64 │ …
//! ```

use std::ops::ControlFlow;
use std::sync::Arc;

use hints_index::{HEAD_KEY, HintsIndex, JOURNAL_KEYS, Journal, Loader, SAVED_KEYS, journal_key};
use model::{LocalId, MetricId, Minute, MinuteRange, SeriesHash};
use partition_log::Offset;
use store::{Cf, KvBatch, KvSnapshot, StoreError};

use crate::StateError;
use crate::deleted::Deleted;
use crate::dictionary::Dictionary;
use crate::series_table::SeriesTable;
use crate::state_bytes::{StateReader, StateWriter};

/// Rows that a seal brings of one metric and minute.
pub(crate) struct SealedRows {
    pub(crate) metric: MetricId,
    pub(crate) minute: Minute,
    /// Ascending.
    pub(crate) ids: Vec<LocalId>,
}

/// What is kept for the next save.
#[derive(Default)]
pub(crate) struct Unsaved {
    /// Of the series since the last save.
    pub(crate) hashes: Vec<SeriesHash>,
    /// What lies on disk cannot be used, so the next save replaces all of it.
    pub(crate) is_stale: bool,
    /// Why not, where something is wrong with it. Until it is thrown away ([`store::Kv::renew`]) the disk may meet it again.
    pub(crate) damage: Option<String>,
    /// Series were deleted, whose records say nothing any more: what the hints know of them is saved before that counts,
    /// so that every replica numbers the values alike.
    pub(crate) is_due: bool,
}

const SERIES_TAG: u8 = b'D';

/// New series before a save: this many, or one for so many that were saved. So a start reads the strings of a 16th of
/// all series at the most, and a series is written 16 times at the most.
const NEW_MIN: u64 = 65_536;
const NEW_PART: u64 = 16;

// === impl SeriesTable ===

impl SeriesTable {
    /// Takes in when series had data, and adds to the checkpoint what a load needs to know of it.
    pub(crate) fn seal(
        &mut self,
        offset: Offset,
        sealed_through: Option<Minute>,
        rows: &[SealedRows],
        batch: &mut KvBatch,
    ) {
        let mut journal = std::mem::take(&mut self.journal);
        for SealedRows { metric, minute, ids } in rows {
            self.hints.note(*metric, *minute, ids, &mut journal).expect("ids are this dictionary's");
        }
        let sealed_through = sealed_through.unwrap_or_default();
        self.hints.sealed(sealed_through, &mut journal);
        if std::mem::take(&mut self.unsaved.is_due) || self.is_save_due(sealed_through) {
            self.save(sealed_through, batch);
        } else if !journal.is_empty() {
            batch.put(Cf::Hints, journal_key(offset), journal.into_record());
        }
    }

    /// All that the hints know, as if nothing had been saved.
    pub(crate) fn image(&self, batch: &mut KvBatch) {
        let mut all = self.hints.clone();
        all.forget_saved();
        all.save(Minute(0), &mut |key, value| {
            value.into_iter().for_each(|value| batch.put(Cf::Hints, &*key, value));
        });
    }

    /// When an hour ends, its sets are final; and before the strings that a start has to read become many.
    fn is_save_due(&self, sealed_through: Minute) -> bool {
        let Some(saved_through) = self.hints.saved_through() else { return true };
        let new = self.hints.series_count() - self.hints.saved_series();
        saved_through.0 / 60 != sealed_through.0 / 60
            || new >= NEW_MIN.max(self.hints.saved_series() / NEW_PART)
    }

    fn save(&mut self, sealed_through: Minute, batch: &mut KvBatch) {
        if std::mem::take(&mut self.unsaved.is_stale) {
            batch.delete_range(Cf::Hints, [0], [u8::MAX]);
        }
        let hashes = std::mem::take(&mut self.unsaved.hashes);
        if !hashes.is_empty() {
            let first = self.len() - hashes.len() as u32; // no more than there are series
            let block = (first..self.len()).zip(&hashes).map(|(id, hash)| (self.metric_of(id), *hash));
            batch.put(Cf::Hints, series_key(first), encode(block));
        }
        batch.delete_range(Cf::Hints, JOURNAL_KEYS.0, JOURNAL_KEYS.1);
        self.hints.save(sealed_through, &mut |key, value| match value {
            Some(value) => batch.put(Cf::Hints, key, value),
            None => batch.delete(Cf::Hints, key),
        });
    }

    /// What checkpoints have written: what was saved as it is, what came after from the dictionary's records. Where
    /// nothing was saved, or it cannot be used, all of it from those.
    ///
    /// # Errors
    /// When the disk cannot be read, or the dictionary is damaged.
    pub(crate) fn load(
        series_max: u32,
        snapshot: &dyn KvSnapshot,
        sealed_through: Option<Minute>,
    ) -> Result<Self, StateError> {
        let deleted = Arc::new(Deleted::load(snapshot)?);
        let damage = match Self::load_saved(series_max, &deleted, snapshot)? {
            Ok(Some(table)) => return Ok(table.without_deleted()),
            Ok(None) => None,
            Err(why) => Some(why),
        };
        let mut table = Self { deleted, ..Self::new(series_max) };
        table.read_new(snapshot)?;
        (table.unsaved.is_stale, table.unsaved.damage) = (true, damage);
        if let Some(minute) = sealed_through {
            // Nothing is known of when these series had data. The next seal saves all of it.
            let past = MinuteRange::new(Minute(0), minute.next());
            table.hints.doubt_all(past, &mut Journal::default());
        }
        Ok(table.without_deleted())
    }

    /// What is saved of the hints does not say which series are deleted.
    fn without_deleted(mut self) -> Self {
        for (metric, deleted) in self.deleted.iter() {
            self.hints.delete(metric, &deleted.ids);
        }
        self
    }

    /// `None` when nothing was saved. What is wrong with the saved records is said, not an error.
    fn load_saved(
        series_max: u32,
        deleted: &Arc<Deleted>,
        snapshot: &dyn KvSnapshot,
    ) -> Result<Result<Option<Self>, String>, StateError> {
        match readable(snapshot.get(Cf::Hints, &HEAD_KEY))? {
            Ok(Some(_head)) => {}
            Ok(None) => return Ok(Ok(None)),
            Err(why) => return Ok(Err(why)),
        }
        let mut loader = Loader::new();
        let mut table = Self { deleted: Arc::clone(deleted), ..Self::new(series_max) };
        let read = each(snapshot, ([SERIES_TAG], SAVED_KEYS.1), &mut |key, value| match key.first() {
            Some(&SERIES_TAG) => table.decode(key, value).map_err(|why| why.to_string()),
            _ => loader.record(key, value).map_err(|why| why.to_string()),
        })?;
        let hints = read.and_then(|()| loader.finish().map_err(|why| why.to_string()));
        match hints.and_then(|hints| fitting(hints, &table.dictionary)) {
            Ok(hints) => table.hints = hints,
            Err(why) => return Ok(Err(why)),
        }
        table.read_new(snapshot)?;
        let hints = &mut table.hints;
        let replayed = each(snapshot, JOURNAL_KEYS, &mut |_, record| {
            hints.replay(record).map_err(|why| why.to_string())
        })?;
        Ok(replayed.map(|()| Some(table)))
    }
}

// === impl SeriesTable: the records of its own ===

impl SeriesTable {
    fn decode(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        let mut value = StateReader::new(key, value)?;
        if key[1..] != self.len().to_be_bytes() {
            return Err(value.damaged("does not begin where the one before ends"));
        }
        for _ in 0..value.u32()? {
            let (metric, high, low) = (value.u32()?, value.u64()?, value.u64()?);
            let numbered = self.number(self.len(), metric, SeriesHash::from_halves(high, low));
            numbered.ok_or_else(|| value.damaged("numbers a series twice"))?;
        }
        value.end()
    }
}

/// What is done with a record, or what is wrong with it.
type Body<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), String>;

/// A block that the disk itself knows to be damaged is as wrong as a record that is; a disk that does not answer is an
/// error.
fn readable<T>(read: Result<T, StoreError>) -> Result<Result<T, String>, StateError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(why) if why.is_damage() => Ok(Err(why.to_string())),
        Err(why) => Err(why.into()),
    }
}

/// Every record within these keys, until one is wrong.
fn each(
    snapshot: &dyn KvSnapshot,
    (from, to): ([u8; 1], [u8; 1]),
    body: Body<'_>,
) -> Result<Result<(), String>, StateError> {
    let mut done = Ok(());
    let read = snapshot.range(Cf::Hints, &from, &to, &mut |key, value| {
        done = body(key, value);
        Ok(if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    });
    Ok(readable(read)?.and(done))
}

/// The hints are of the series that have numbers, metric by metric: as many, and each where its number says.
fn fitting(hints: HintsIndex, dictionary: &Dictionary) -> Result<HintsIndex, String> {
    let (series, numbered) = (hints.saved_series(), dictionary.len());
    if series != u64::from(numbered) {
        return Err(format!("{series} series have hints and {numbered} have numbers"));
    }
    for (_, index) in hints.accounts().flat_map(|account| hints.metrics(account)) {
        let metric = index.metric_id();
        if let Some(id) = index.local_ids().iter().find(|id| !dictionary.has(*id, metric)) {
            return Err(format!("series {id} has hints of metric {metric}, and its number is of another"));
        }
    }
    Ok(hints)
}

fn series_key(first: LocalId) -> Vec<u8> {
    let mut key = vec![SERIES_TAG];
    key.extend_from_slice(&first.to_be_bytes());
    key
}

fn encode(series: impl ExactSizeIterator<Item = (MetricId, SeriesHash)>) -> Vec<u8> {
    let mut out = StateWriter::new();
    out.u32(series.len() as u32); // ids are 32 bits wide
    for (metric, hash) in series {
        out.u32(metric).u64(hash.high()).u64(hash.low());
    }
    out.finish()
}
