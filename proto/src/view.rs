//! A batch whose structure and strings are good: how an island and tests read one.
//!
//! In:    a decoded `v1::Batch`, mostly from a log, where a frontend has checked it already.
//! Out:   the columns of [`BatchColumns`], strings as `&str`, hashes.
//! Never: fails after [`BatchView::new`].

use std::ops::Deref;
use std::str;

use model::{MetricHash, Reason, Refusal, SeriesHash, metric_hash, series_hash};

use crate::columns::{BatchColumns, equal};
use crate::v1;

/// A batch by columns, all of whose strings are UTF-8.
#[derive(Clone, Debug)]
pub struct BatchView<'a> {
    columns: BatchColumns<'a>,
    text: &'a str,
}

// === impl BatchView ===

impl<'a> BatchView<'a> {
    /// Checks structure and strings once.
    ///
    /// # Errors
    /// What [`BatchColumns::new`] says; hash columns that are neither empty nor complete; a string that is no UTF-8.
    pub fn new(batch: &'a v1::Batch) -> Result<Self, Refusal> {
        let columns = BatchColumns::new(batch)?;
        check_hashes(batch)?;
        let text = check_text(&columns)?;
        Ok(Self { columns, text })
    }

    /// A string of the table.
    #[must_use]
    #[inline]
    pub fn string(&self, string: u32) -> &'a str {
        &self.text[self.columns.string_range(string)]
    }

    /// The name of the series' metric.
    #[must_use]
    pub fn metric(&self, series: u32) -> &'a str {
        self.string(self.columns.metric_string(series))
    }

    /// Names and values of the series' dimensions, in the order of the batch; sorted when a frontend wrote it.
    pub fn dims(&self, series: u32) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone + '_ {
        let (names, values) = self.columns.dim_strings(series);
        names.iter().zip(values).map(|(name, value)| (self.string(*name), self.string(*value)))
    }

    /// The hashes were filled in, so [`BatchView::series_hash`] and [`BatchView::metric_hash`] only look them up.
    #[must_use]
    pub fn has_hashes(&self) -> bool {
        self.columns.batch().metric_hash.len() == self.series_count()
    }

    /// The identity of the series. Where no frontend has filled it in it is computed of the dimensions as they stand.
    #[must_use]
    #[inline]
    pub fn series_hash(&self, series: u32) -> SeriesHash {
        let (at, batch) = (series as usize, self.columns.batch());
        match (batch.series_hash_high.get(at), batch.series_hash_low.get(at)) {
            (Some(high), Some(low)) => SeriesHash::from_halves(*high, *low),
            _ => series_hash(self.account(), self.metric(series), self.dims(series), &mut Vec::new()),
        }
    }

    /// The hash of the series' account and metric.
    #[must_use]
    #[inline]
    pub fn metric_hash(&self, series: u32) -> MetricHash {
        match self.columns.batch().metric_hash.get(series as usize) {
            Some(hash) => MetricHash(*hash),
            None => metric_hash(self.account(), self.metric(series)),
        }
    }
}

impl<'a> Deref for BatchView<'a> {
    type Target = BatchColumns<'a>;

    fn deref(&self) -> &Self::Target {
        &self.columns
    }
}

fn check_hashes(batch: &v1::Batch) -> Result<(), Refusal> {
    let series = batch.series_metric.len();
    let columns = [
        ("series_hash_high", &batch.series_hash_high),
        ("series_hash_low", &batch.series_hash_low),
        ("metric_hash", &batch.metric_hash),
    ];
    if columns.iter().all(|(_, column)| column.is_empty()) {
        return Ok(());
    }
    columns.iter().try_for_each(|(name, column)| equal(name, column.len(), "series_metric", series))
}

/// The whole blob at once, which goes many bytes an instruction, and then that no string ends within a character.
fn check_text<'a>(columns: &BatchColumns<'a>) -> Result<&'a str, Refusal> {
    let batch = columns.batch();
    let whole = str::from_utf8(&batch.string_bytes).ok();
    let strings = 0..u32::try_from(columns.string_count()).unwrap_or(u32::MAX);
    if let Some(text) = whole
        && strings.clone().all(|string| text.is_char_boundary(columns.string_range(string).end))
    {
        return Ok(text);
    }
    let bad = strings.clone().find(|string| str::from_utf8(columns.string_bytes(*string)).is_err());
    let at = bad.unwrap_or(strings.end);
    Err(Reason::Utf8.because(format!("string {at} of the batch is not UTF-8: send text")))
}
