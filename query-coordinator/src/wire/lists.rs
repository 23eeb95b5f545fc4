//! `MetricsJob` and `DimensionsJob`: names, each with a number of series and a list of what it has.

use std::collections::BTreeMap;

use prost::Message as _;
use proto::v1;
use proto::v1::job::Job as Kind;

use super::scope::{range, scope_from_wire, scope_to_wire};
use super::texts::{texts_from_wire, texts_to_wire};
use super::{Wire, WireError, message, same_len};
use crate::jobs::{DimensionPartial, DimensionsJob, MetricPartial, MetricsJob};
use crate::request::MetricsQuery;

/// A name, its series, and what it has.
type Entry = (String, u64, Vec<String>);

fn list_to_wire(entries: &[Entry]) -> Vec<u8> {
    let members = entries.iter().flat_map(|(_, _, members)| members);
    v1::ListAnswer {
        names: Some(texts_to_wire(entries.iter().map(|(name, ..)| name.as_str()))),
        series: entries.iter().map(|(_, series, _)| *series).collect(),
        lengths: entries.iter().map(|entry| u32::try_from(entry.2.len()).unwrap_or(u32::MAX)).collect(),
        members: Some(texts_to_wire(members.map(String::as_str))),
    }
    .encode_to_vec()
}

fn list_from_wire(bytes: &[u8]) -> Result<Vec<Entry>, WireError> {
    let list: v1::ListAnswer = message(bytes)?;
    let (names, members) = (texts_from_wire("names", list.names)?, texts_from_wire("members", list.members)?);
    same_len("series", list.series.len(), names.len())?;
    same_len("lengths", list.lengths.len(), names.len())?;
    let all: u64 = list.lengths.iter().map(|length| u64::from(*length)).sum();
    same_len("members", members.len(), usize::try_from(all).unwrap_or(usize::MAX))?;
    let mut members = members.into_iter();
    let rows = names.into_iter().zip(list.series).zip(list.lengths);
    Ok(rows
        .map(|((name, series), length)| (name, series, members.by_ref().take(length as usize).collect()))
        .collect())
}

// === impl MetricsJob ===

impl Wire for MetricsJob {
    fn to_wire(&self) -> Kind {
        let MetricsQuery { account, prefix, range, .. } = &self.0;
        let (account, prefix) = (account.clone(), prefix.clone());
        Kind::Metrics(v1::MetricsJob { account, prefix, from: range.from.0, to: range.to.0 })
    }

    fn answer_to_wire(answer: BTreeMap<String, MetricPartial>) -> Vec<u8> {
        list_to_wire(
            &answer.into_iter().map(|(name, part)| (name, part.series, part.dims)).collect::<Vec<_>>(),
        )
    }

    fn answer_from_wire(&self, bytes: &[u8]) -> Result<BTreeMap<String, MetricPartial>, WireError> {
        let part = |(name, series, dims)| (name, MetricPartial { series, dims });
        Ok(list_from_wire(bytes)?.into_iter().map(part).collect())
    }
}

impl MetricsJob {
    pub(super) fn from_wire(job: v1::MetricsJob) -> Result<Self, WireError> {
        let v1::MetricsJob { account, prefix, from, to } = job;
        Ok(Self(MetricsQuery { account, prefix, range: range(from, to)?, include_open: false }))
    }
}

// === impl DimensionsJob ===

impl Wire for DimensionsJob {
    fn to_wire(&self) -> Kind {
        Kind::Dimensions(v1::DimensionsJob { scope: Some(scope_to_wire(&self.0)) })
    }

    fn answer_to_wire(answer: BTreeMap<String, DimensionPartial>) -> Vec<u8> {
        list_to_wire(
            &answer.into_iter().map(|(name, part)| (name, part.series, part.values)).collect::<Vec<_>>(),
        )
    }

    fn answer_from_wire(&self, bytes: &[u8]) -> Result<BTreeMap<String, DimensionPartial>, WireError> {
        let part = |(name, series, values)| (name, DimensionPartial { values, series });
        Ok(list_from_wire(bytes)?.into_iter().map(part).collect())
    }
}

impl DimensionsJob {
    pub(super) fn from_wire(job: v1::DimensionsJob) -> Result<Self, WireError> {
        Ok(Self(scope_from_wire(job.scope)?))
    }
}
