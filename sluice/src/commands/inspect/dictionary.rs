//! The dictionary: what metric ids and local series ids stand for.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ::store::{Cf, KvSnapshot, MetricRecord, SeriesRecord, metric_key, series_key};
use model::MetricId;
use serde::Serialize;

use super::store::unreadable;

#[derive(Debug, Default, Serialize)]
pub(super) struct Dictionary {
    pub(super) series: u64,
    pub(super) bytes: u64,
    pub(super) metrics: BTreeMap<MetricId, Metric>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Metric {
    pub(super) account: String,
    pub(super) metric: String,
    pub(super) series: u64,
}

// === impl Dictionary ===

impl Dictionary {
    /// A damaged record is named and still counted.
    pub(super) fn read(snapshot: &dyn KvSnapshot, damage: &mut Vec<String>) -> Self {
        let mut dictionary = Self::default();
        let read = snapshot.range(Cf::Series, &[], &[u8::MAX], &mut |key, value| {
            dictionary.bytes += (key.len() + value.len()) as u64;
            if let Err(why) = dictionary.entry(key, value) {
                damage.push(format!("dictionary, key {key:02x?}: {why}"));
            }
            Ok(ControlFlow::Continue(()))
        });
        damage.extend(read.err().map(|why| unreadable(Cf::Series, &why)));
        dictionary
    }

    fn entry(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let (tag, id) = key.split_first_chunk::<1>().ok_or("it is empty")?;
        let id = u32::from_be_bytes(id.try_into().map_err(|_| "it is not 5 bytes long")?);
        if key == metric_key(id) {
            let metric = self.metrics.entry(id).or_default();
            let record = MetricRecord::decode(value).map_err(|why| why.to_string())?;
            (metric.account, metric.metric) = (record.account.to_owned(), record.metric.to_owned());
            return Ok(());
        }
        if key != series_key(id) {
            return Err(format!("its tag {tag:02x?} is unknown to this version"));
        }
        self.series += 1;
        let record = SeriesRecord::decode(value).map_err(|why| why.to_string())?;
        match self.metrics.get_mut(&record.metric) {
            Some(metric) => metric.series += 1,
            None => return Err(format!("its metric {} is not in the dictionary", record.metric)),
        }
        Ok(())
    }
}
