//! Judges each series of a batch once, however many rows name it.

use std::ops::Range;

use model::{Limits, MetricHash, Reason, Refusal, SeriesHash, metric_hash, series_hash};
use proto::BatchColumns;

use super::strings::texts;

/// A series that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedSeries {
    /// The identity of the canonical tuple.
    pub hash: SeriesHash,
    /// Of account and metric.
    pub metric_hash: MetricHash,
    /// Where its dimensions stand in the table.
    pub(super) dims: Range<usize>,
}

/// The verdict on each series of a batch.
#[derive(Debug)]
pub(super) struct SeriesTable {
    pub(super) verdicts: Vec<Result<AcceptedSeries, Refusal>>,
    /// Name and value of each dimension of the accepted series, canonical.
    pub(super) dims: Vec<(u32, u32)>,
}

/// What the judgement of one series needs of the batch.
struct Judge<'a> {
    columns: &'a BatchColumns<'a>,
    limits: &'a Limits,
    texts: Vec<Option<&'a str>>,
    /// The metric of the series before, which mostly is the metric of the next.
    metric: Option<(u32, MetricHash)>,
    scratch: Vec<u8>,
    dims: Vec<(u32, u32)>,
}

// === impl SeriesTable ===

impl SeriesTable {
    pub(super) fn of(columns: &BatchColumns<'_>, limits: &Limits) -> Self {
        let mut judge = Judge {
            columns,
            limits,
            texts: texts(columns),
            metric: None,
            scratch: Vec::new(),
            dims: Vec::with_capacity(columns.batch().dim_name.len()),
        };
        let series = 0..u32::try_from(columns.series_count()).unwrap_or(u32::MAX);
        let verdicts = series.map(|series| judge.series(series)).collect();
        Self { verdicts, dims: judge.dims }
    }
}

// === impl Judge ===

impl<'a> Judge<'a> {
    fn series(&mut self, series: u32) -> Result<AcceptedSeries, Refusal> {
        let start = self.dims.len();
        let judged = self.judge(series, start);
        if judged.is_err() {
            self.dims.truncate(start);
        }
        judged
    }

    fn judge(&mut self, series: u32, start: usize) -> Result<AcceptedSeries, Refusal> {
        let string = self.columns.metric_string(series);
        let metric = self.metric_name(string)?;
        let (names, values) = self.columns.dim_strings(series);
        let mut bytes = self.columns.account().len() + metric.len();
        for (name, value) in names.iter().zip(values) {
            let value_len = self.value(*name, *value)?;
            if value_len == 0 {
                continue; // the same as an absent dimension
            }
            bytes += self.name(*name)?.len() + value_len;
            self.dims.push((*name, *value));
        }
        self.check_tuple(self.dims.len() - start, bytes)?;
        self.sort(start)?;
        let metric_hash = self.metric_hash(string, metric);
        let mut scratch = std::mem::take(&mut self.scratch);
        let pairs = self.dims[start..].iter().map(|(name, value)| (self.text(*name), self.text(*value)));
        let hash = series_hash(self.columns.account(), metric, pairs, &mut scratch);
        self.scratch = scratch;
        Ok(AcceptedSeries { hash, metric_hash, dims: start..self.dims.len() })
    }

    fn metric_name(&self, string: u32) -> Result<&'a str, Refusal> {
        let Some(metric) = self.texts[string as usize] else {
            return Err(Reason::Utf8.because("the metric's name is not UTF-8: send text"));
        };
        let (bytes, max) = (metric.len(), self.limits.metric_bytes_max);
        if bytes == 0 {
            return Err(Reason::MetricName.because("the metric's name is empty: give it one"));
        }
        if bytes > max {
            return Err(Reason::MetricName.because(format!(
                "the metric's name has {bytes} bytes, at most {max} are taken: shorten it"
            )));
        }
        Ok(metric)
    }

    fn name(&self, string: u32) -> Result<&'a str, Refusal> {
        let Some(name) = self.texts[string as usize] else {
            return Err(Reason::Utf8.because("a dimension's name is not UTF-8: send text"));
        };
        let (bytes, max) = (name.len(), self.limits.name_bytes_max);
        if bytes == 0 {
            return Err(Reason::DimensionName.because("a dimension's name is empty: give it one"));
        }
        if bytes > max {
            return Err(Reason::DimensionName.because(format!(
                "a dimension's name has {bytes} bytes, at most {max} are taken: shorten it"
            )));
        }
        Ok(name)
    }

    fn value(&self, name: u32, value: u32) -> Result<usize, Refusal> {
        let Some(text) = self.texts[value as usize] else {
            let name = self.shown(name);
            return Err(
                Reason::Utf8.because(format!("the value of dimension {name} is not UTF-8: send text"))
            );
        };
        let (bytes, max) = (text.len(), self.limits.value_bytes_max);
        if bytes <= max {
            return Ok(bytes);
        }
        let name = self.shown(name);
        Err(Reason::DimensionValue.because(format!(
            "the value of dimension {name} has {bytes} bytes, at most {max} are taken: shorten it"
        )))
    }

    fn check_tuple(&self, dims: usize, bytes: usize) -> Result<(), Refusal> {
        let (dims_max, bytes_max) = (self.limits.dims_max, self.limits.tuple_bytes_max);
        if dims > dims_max {
            return Err(Reason::DimensionCount.because(format!(
                "the row has {dims} dimensions, at most {dims_max} are taken: leave some out"
            )));
        }
        if bytes > bytes_max {
            return Err(Reason::TupleSize.because(format!(
                "account, metric and dimensions have {bytes} bytes in all, at most {bytes_max} are taken: shorten them"
            )));
        }
        Ok(())
    }

    /// By name; a publisher mostly has them in order already.
    fn sort(&mut self, start: usize) -> Result<(), Refusal> {
        let texts = &self.texts;
        let text = |string: u32| texts[string as usize].unwrap_or_default();
        let dims = &mut self.dims[start..];
        if dims.is_sorted_by(|a, b| text(a.0) < text(b.0)) {
            return Ok(());
        }
        dims.sort_unstable_by(|a, b| text(a.0).cmp(text(b.0)));
        let twice = dims.windows(2).find(|two| text(two[0].0) == text(two[1].0)).map(|two| two[0].0);
        match twice {
            None => Ok(()),
            Some(name) => Err(Reason::DimensionTwice
                .because(format!("dimension {} stands twice: send each name once", self.shown(name)))),
        }
    }

    fn metric_hash(&mut self, string: u32, metric: &str) -> MetricHash {
        match self.metric {
            Some((before, hash)) if before == string => hash,
            _ => {
                let hash = metric_hash(self.columns.account(), metric);
                self.metric = Some((string, hash));
                hash
            }
        }
    }

    fn text(&self, string: u32) -> &'a str {
        self.texts[string as usize].unwrap_or_default()
    }

    /// A name for a message, cut where it is too long to be read.
    fn shown(&self, name: u32) -> String {
        let name = self.text(name);
        match name.char_indices().nth(64) {
            Some((end, _)) => format!("{:?}…", &name[..end]),
            None => format!("{name:?}"),
        }
    }
}
