//! `HintsJob` and the values that it finds.

use prost::Message as _;
use proto::v1;
use proto::v1::job::Job as Kind;

use super::scope::{scope_from_wire, scope_to_wire};
use super::texts::{texts_from_wire, texts_to_wire};
use super::{Wire, WireError, message, same_len, wrong};
use crate::jobs::{HintsJob, HintsPartial};
use crate::limits::HINTS_LIMIT_MAX;
use crate::request::HintsQuery;

// === impl HintsJob ===

impl Wire for HintsJob {
    fn to_wire(&self) -> Kind {
        let HintsQuery { scope, of, prefix, substring, limit, after } = &self.query;
        Kind::Hints(v1::HintsJob {
            scope: Some(scope_to_wire(scope)),
            of: of.clone(),
            prefix: prefix.clone(),
            substring: substring.clone(),
            limit: *limit as u64,
            after: after.clone(),
            is_alone: self.is_alone,
        })
    }

    fn answer_to_wire(answer: HintsPartial) -> Vec<u8> {
        v1::HintsAnswer {
            values: Some(texts_to_wire(answer.values.iter().map(|(value, _)| value.as_str()))),
            series: answer.values.iter().map(|(_, series)| *series).collect(),
            total: answer.total as u64,
            more: answer.more,
        }
        .encode_to_vec()
    }

    fn answer_from_wire(&self, bytes: &[u8]) -> Result<HintsPartial, WireError> {
        let answer: v1::HintsAnswer = message(bytes)?;
        let values = texts_from_wire("values", answer.values)?;
        same_len("series", answer.series.len(), values.len())?;
        Ok(HintsPartial {
            values: values.into_iter().zip(answer.series).collect(),
            total: usize::try_from(answer.total).map_err(|why| wrong("total", why.to_string()))?,
            more: answer.more,
        })
    }
}

impl HintsJob {
    pub(super) fn from_wire(job: v1::HintsJob) -> Result<Self, WireError> {
        if job.limit > u64::from(HINTS_LIMIT_MAX) {
            return Err(wrong("limit", format!("is {}, at most {HINTS_LIMIT_MAX} fit", job.limit)));
        }
        let query = HintsQuery {
            scope: scope_from_wire(job.scope)?,
            of: job.of,
            prefix: job.prefix,
            substring: job.substring,
            limit: usize::try_from(job.limit).unwrap_or(usize::MAX),
            after: job.after,
        };
        Ok(Self { query, is_alone: job.is_alone })
    }
}
