//! What a start need not rebuild: `FORMAT.md` draws the records.
//!
//! Saved is what has changed: chunks of columns and segments of values since the series that were saved before, chunks
//! of activity and hours that were noted. Between two saves the [`crate::Journal`] of each seal is kept.

use model::Minute;

use crate::activity::Activity;
use crate::bytes::{put_text, put_u16, put_u32, record};
use crate::metric::Saved;
use crate::values::SEGMENT;
use crate::{CHUNK, HintsIndex, MetricIndex};

pub(crate) const HEAD: u8 = b'H';
pub(crate) const METRIC: u8 = b'M';
pub(crate) const NAMES: u8 = b'N';
pub(crate) const COLUMNS: u8 = b'O';
pub(crate) const PRESENCE: u8 = b'P';
pub(crate) const HOUR: u8 = b'Q';
pub(crate) const JOURNAL: u8 = b'Z';

/// Every key of what was saved, but the journal's, lies in `[from, to)`.
pub const SAVED_KEYS: ([u8; 1], [u8; 1]) = ([HEAD], [HOUR + 1]);

/// Where the journal's records lie, in the order in which they are replayed; a save makes them obsolete.
pub const JOURNAL_KEYS: ([u8; 1], [u8; 1]) = ([JOURNAL], [JOURNAL + 1]);

/// The head's key: where it is missing, nothing was saved.
pub const HEAD_KEY: [u8; 1] = [HEAD];

/// Where the journal of a seal is kept, so that records sort by the seals' offsets.
#[must_use]
pub fn journal_key(seal_offset: u64) -> Vec<u8> {
    let mut key = vec![JOURNAL];
    key.extend_from_slice(&seal_offset.to_be_bytes());
    key
}

/// Called with a key and its new value, or nothing when the key goes.
pub type Change<'a> = &'a mut dyn FnMut(Vec<u8>, Option<Vec<u8>>);

// === impl HintsIndex ===

impl HintsIndex {
    /// What was sealed at the last save; nothing when there was none.
    #[must_use]
    pub fn saved_through(&self) -> Option<Minute> {
        self.saved_through
    }

    /// How many series the last save held; 0 when there was none.
    #[must_use]
    pub fn saved_series(&self) -> u64 {
        self.saved_series
    }

    /// All that has changed since the last save. The journal up to now is obsolete then.
    pub fn save(&mut self, sealed_through: Minute, change: Change<'_>) {
        (self.saved_series, self.saved_through) = (self.series, Some(sealed_through));
        let (metrics, series, hours_from) = (self.metrics.len() as u32, self.series, self.hours_from);
        let head = record(|out| {
            put_u32(out, metrics); // their ids are 32 bits wide
            out.extend_from_slice(&series.to_le_bytes());
            put_u32(out, hours_from);
            put_u32(out, sealed_through.0);
        });
        change(vec![HEAD], Some(head));
        let accounts = std::sync::Arc::clone(&self.accounts);
        let mut account_of = vec![""; self.metrics.len()];
        for (account, names) in accounts.iter() {
            names.values().for_each(|id| account_of[*id as usize] = account);
        }
        self.each_metric(MetricIndex::is_unsaved, |metric| {
            metric.save(account_of[metric.metric_id() as usize], change);
        });
    }

    /// From now on as if nothing had ever been saved.
    pub fn forget_saved(&mut self) {
        (self.saved_series, self.saved_through) = (0, None);
        self.each_metric(
            |_| true,
            |metric| {
                metric.saved = Saved::default();
                metric.activity.forget_saved();
            },
        );
    }
}

// === impl MetricIndex ===

impl MetricIndex {
    fn is_unsaved(&self) -> bool {
        let unsaved = &self.activity.unsaved;
        self.saved.series < self.len()
            || unsaved.doubts
            || !unsaved.gone.is_empty()
            || !unsaved.chunks.is_empty()
    }

    fn save(&mut self, account: &str, change: Change<'_>) {
        if self.saved.series < self.len() || self.activity.unsaved.doubts {
            change(self.key(METRIC, &[]), Some(self.head(account)));
        }
        self.save_values(change);
        self.save_columns(change);
        let unsaved = std::mem::take(&mut self.activity.unsaved);
        for chunk in &unsaved.chunks {
            let of = &self.activity.chunks[*chunk as usize];
            let value = record(|out| {
                of.ever.encode(out);
                of.first.encode(out);
                of.last.encode(out);
            });
            change(self.key(PRESENCE, &[*chunk]), Some(value));
        }
        for hour in &unsaved.gone {
            change(self.key(HOUR, &[*hour]), None);
        }
        for hour in &unsaved.hours {
            change(self.key(HOUR, &[*hour]), Some(record(|out| self.activity.encode_hour(*hour, out))));
        }
    }

    fn head(&self, account: &str) -> Vec<u8> {
        let mut dims: Vec<_> = self.dims().iter().collect();
        dims.sort_unstable_by_key(|dim| dim.slot());
        record(|out| {
            put_text(out, account);
            put_text(out, self.name());
            put_u32(out, self.len() as u32); // positions are 32 bits wide
            put_u16(out, dims.len() as u16); // so are slots 16
            for dim in dims {
                put_text(out, dim.name());
                put_u32(out, dim.values().len() as u32); // value ids are 32 bits wide
            }
            put_u32(out, self.activity.doubted.len() as u32); // at most one for two hours
            for hours in &self.activity.doubted {
                put_u32(out, hours.start);
                put_u32(out, hours.end);
            }
        })
    }

    fn save_values(&mut self, change: Change<'_>) {
        let mut saved = std::mem::take(&mut self.saved.values);
        saved.resize(self.dims().len(), 0);
        for dim in self.dims() {
            let (have, slot) = (dim.values().len(), usize::from(dim.slot()));
            let from = if have > saved[slot] { saved[slot] / SEGMENT } else { have.div_ceil(SEGMENT) };
            for segment in from..have.div_ceil(SEGMENT) {
                let key = self.key(NAMES, &[u32::from(dim.slot()), segment as u32]); // fewer than values
                change(key, Some(record(|out| dim.values().encode(segment, out))));
            }
            saved[slot] = have;
        }
        self.saved.values = saved;
    }

    fn save_columns(&mut self, change: Change<'_>) {
        if self.saved.series == self.len() {
            return;
        }
        let mut dims: Vec<_> = self.dims().iter().collect();
        dims.sort_unstable_by_key(|dim| dim.slot());
        for chunk in self.saved.series / CHUNK..self.len().div_ceil(CHUNK) {
            let len = CHUNK.min(self.len() - chunk * CHUNK);
            let value = record(|out| {
                self.local_ids().encode(chunk, out);
                put_u16(out, dims.len() as u16); // slots are 16 bits wide
                dims.iter().for_each(|dim| dim.encode(chunk, len, out));
            });
            change(self.key(COLUMNS, &[chunk as u32]), Some(value)); // positions are 32 bits wide
        }
        self.saved.series = self.len();
    }

    fn key(&self, tag: u8, numbers: &[u32]) -> Vec<u8> {
        let mut key = vec![tag];
        key.extend_from_slice(&self.metric_id().to_be_bytes());
        numbers.iter().for_each(|number| key.extend_from_slice(&number.to_be_bytes()));
        key
    }
}

// === impl Activity ===

impl Activity {
    fn encode_hour(&self, hour: u32, out: &mut Vec<u8>) {
        for (chunk, set) in
            (0_u32..).zip(&self.chunks).filter_map(|(at, chunk)| Some((at, chunk.set_of(hour)?)))
        {
            put_u32(out, chunk);
            set.encode(out);
        }
    }
}
