//! The dictionary's records: what a metric id and a local series id stand for.
//!
//! ```text
//! metric  │ version 1 │ account │ metric │
//! series  │ version 1 │ series hash u128 │ metric id u32 │ dims u8 │ name │ value │ name │ value │ …
//! ```
//!
//! Numbers are little endian; a string is its length (u16) and its UTF-8 bytes.

use std::ops::ControlFlow;

use model::{Limits, LocalId, MetricId, SeriesHash};

use crate::keys::{METRIC_TAG, SERIES_TAG, hex, id_of, metric_key, series_key};
use crate::{Cf, KvBatch, KvSnapshot, StoreError};

const VERSION: u8 = 1;

// What is admitted fits the widths above.
const _: () = assert!(Limits::DEFAULT.dims_max <= u8::MAX as usize);
const _: () = assert!(Limits::DEFAULT.value_bytes_max <= u16::MAX as usize);
const _: () = assert!(Limits::DEFAULT.name_bytes_max <= u16::MAX as usize);
const _: () = assert!(Limits::DEFAULT.metric_bytes_max <= u16::MAX as usize);
const _: () = assert!(Limits::DEFAULT.account_bytes_max <= u16::MAX as usize);

/// Whose metric it is and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricRecord<'a> {
    /// The account.
    pub account: &'a str,
    /// The metric's name.
    pub metric: &'a str,
}

/// What a series is, in borrowed words. Made by [`SeriesRecord::decode`], which has checked every pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesRecord<'a> {
    /// The series' identity.
    pub hash: SeriesHash,
    /// Its metric within the partition.
    pub metric: MetricId,
    count: u8,
    pairs: &'a [u8],
}

/// One entry of the dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DictionaryEntry<'a> {
    /// A metric.
    Metric(MetricId, MetricRecord<'a>),
    /// A series; its metric came before.
    Series(LocalId, SeriesRecord<'a>),
}

// === impl MetricRecord ===

impl<'a> MetricRecord<'a> {
    /// Adds it to a batch under its key.
    pub fn put(&self, id: MetricId, batch: &mut KvBatch) {
        let mut value = vec![VERSION];
        put_string(self.account, &mut value);
        put_string(self.metric, &mut value);
        batch.put(Cf::Series, metric_key(id), value);
    }

    /// Back from what [`MetricRecord::put`] stored.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn decode(value: &'a [u8]) -> Result<Self, StoreError> {
        let mut rest = Rest::after_version("metric record", value)?;
        let record = Self { account: rest.string()?, metric: rest.string()? };
        rest.end()?;
        Ok(record)
    }
}

// === impl SeriesRecord ===

impl<'a> SeriesRecord<'a> {
    /// Adds the record of a series to a batch under its key. `dims` are sorted by name, within [`Limits`].
    pub fn put<'d>(
        id: LocalId,
        hash: SeriesHash,
        metric: MetricId,
        dims: impl Iterator<Item = (&'d str, &'d str)>,
        batch: &mut KvBatch,
    ) {
        let mut value = vec![VERSION];
        value.extend_from_slice(&hash.0.to_le_bytes());
        value.extend_from_slice(&metric.to_le_bytes());
        let at = value.len();
        value.push(0);
        for (name, text) in dims {
            debug_assert!(value[at] < u8::MAX, "BUG: more dimensions than the limits allow");
            value[at] += 1;
            put_string(name, &mut value);
            put_string(text, &mut value);
        }
        batch.put(Cf::Series, series_key(id), value);
    }

    /// Back from what [`SeriesRecord::put`] stored. Nothing is copied.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn decode(value: &'a [u8]) -> Result<Self, StoreError> {
        let mut rest = Rest::after_version("series record", value)?;
        let hash = SeriesHash(u128::from_le_bytes(rest.array()?));
        let metric = MetricId::from_le_bytes(rest.array()?);
        let [count] = rest.array()?;
        let pairs = rest.bytes;
        for _ in 0..count {
            rest.string()?;
            rest.string()?;
        }
        rest.end()?;
        Ok(Self { hash, metric, count, pairs })
    }

    /// Name and value of every dimension, sorted by name.
    pub fn dims(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        let mut rest = Rest { what: "series record", bytes: self.pairs };
        // `decode` has read all of them, so neither can fail.
        (0..self.count).map_while(move |_| Some((rest.string().ok()?, rest.string().ok()?)))
    }
}

/// Every metric, ascending by id, then every series from this one on, ascending by id: how an island's dictionary and
/// hints are rebuilt at start.
///
/// # Errors
/// When the disk cannot be read, a record is damaged, or what `each` returned.
pub fn read_dictionary(
    snapshot: &dyn KvSnapshot,
    series_from: LocalId,
    each: &mut dyn FnMut(DictionaryEntry<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut read = |key: &[u8], value: &[u8]| {
        let entry =
            entry(key, value).map_err(|error| error.within(|| format!("dictionary key {}", hex(key))))?;
        each(entry)?;
        Ok(ControlFlow::Continue(()))
    };
    snapshot.range(Cf::Series, &[METRIC_TAG], &[SERIES_TAG], &mut read)?;
    snapshot.range(Cf::Series, &series_key(series_from), &[SERIES_TAG + 1], &mut read)
}

fn entry<'a>(key: &[u8], value: &'a [u8]) -> Result<DictionaryEntry<'a>, StoreError> {
    if let Some(id) = id_of(METRIC_TAG, key) {
        return Ok(DictionaryEntry::Metric(id, MetricRecord::decode(value)?));
    }
    let id = id_of(SERIES_TAG, key)
        .ok_or_else(|| StoreError::damaged("key", "it is no metric's and no series'"))?;
    Ok(DictionaryEntry::Series(id, SeriesRecord::decode(value)?))
}

/// What is left of a record.
#[derive(Clone)]
struct Rest<'a> {
    what: &'static str,
    bytes: &'a [u8],
}

// === impl Rest ===

impl<'a> Rest<'a> {
    fn after_version(what: &'static str, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let mut rest = Self { what, bytes };
        match rest.array()? {
            [VERSION] => Ok(rest),
            [found] => Err(StoreError::Version { what: what.into(), found, known: VERSION }),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], StoreError> {
        let too_short = || StoreError::damaged(self.what, "its bytes end early");
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(too_short)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let taken = self.take(N)?;
        Ok(*taken.as_array().expect("as many were taken"))
    }

    fn string(&mut self) -> Result<&'a str, StoreError> {
        let len = u16::from_le_bytes(self.array()?);
        let bytes = self.take(usize::from(len))?;
        std::str::from_utf8(bytes).map_err(|why| StoreError::damaged(self.what, &why))
    }

    fn end(&self) -> Result<(), StoreError> {
        match self.bytes.len() {
            0 => Ok(()),
            more => Err(StoreError::damaged(self.what, &format!("{more} bytes follow after its end"))),
        }
    }
}

fn put_string(text: &str, out: &mut Vec<u8>) {
    debug_assert!(text.len() <= usize::from(u16::MAX), "BUG: longer than the limits allow");
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
