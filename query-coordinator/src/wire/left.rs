//! `LeftJob`: its conditions are its scope's, which has none of its own.

use prost::Message as _;
use proto::v1;
use proto::v1::job::Job as Kind;

use super::scope::{scope_from_wire, scope_to_wire};
use super::{Wire, WireError, message, same_len};
use crate::jobs::LeftJob;
use crate::request::Scope;

// === impl LeftJob ===

impl Wire for LeftJob {
    fn to_wire(&self) -> Kind {
        let scope = Scope { matchers: self.conditions.clone(), ..self.scope.clone() };
        Kind::Left(v1::LeftJob { scope: Some(scope_to_wire(&scope)) })
    }

    fn answer_to_wire(answer: Vec<u64>) -> Vec<u8> {
        v1::LeftAnswer { series: answer }.encode_to_vec()
    }

    fn answer_from_wire(&self, bytes: &[u8]) -> Result<Vec<u64>, WireError> {
        let answer: v1::LeftAnswer = message(bytes)?;
        same_len("series", answer.series.len(), self.conditions.len() + 1)?;
        Ok(answer.series)
    }
}

impl LeftJob {
    pub(super) fn from_wire(job: v1::LeftJob) -> Result<Self, WireError> {
        let mut scope = scope_from_wire(job.scope)?;
        let conditions = std::mem::take(&mut scope.matchers);
        Ok(Self { scope, conditions })
    }
}
