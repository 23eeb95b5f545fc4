//! `DeclaredJob` and the rows that it finds.

use model::Minute;
use prost::Message as _;
use proto::v1;
use proto::v1::job::Job as Kind;

use super::scope::range;
use super::{Wire, WireError, message, same_len, wrong};
use crate::jobs::DeclaredJob;

// === impl DeclaredJob ===

impl Wire for DeclaredJob {
    fn to_wire(&self) -> Kind {
        let (account, range) = (self.account.clone(), self.range);
        Kind::Declared(v1::DeclaredJob { account, from: range.from.0, to: range.to.0 })
    }

    fn answer_to_wire(answer: Vec<(Minute, u64)>) -> Vec<u8> {
        let (minutes, rows) = answer.into_iter().map(|(minute, rows)| (minute.0, rows)).unzip();
        v1::DeclaredAnswer { minutes, rows }.encode_to_vec()
    }

    fn answer_from_wire(&self, bytes: &[u8]) -> Result<Vec<(Minute, u64)>, WireError> {
        let answer: v1::DeclaredAnswer = message(bytes)?;
        same_len("rows", answer.rows.len(), answer.minutes.len())?;
        if !answer.minutes.iter().all(|minute| self.range.contains(Minute(*minute))) {
            return Err(wrong("minutes", "are of another range"));
        }
        Ok(answer.minutes.into_iter().map(Minute).zip(answer.rows).collect())
    }
}

impl DeclaredJob {
    pub(super) fn from_wire(job: v1::DeclaredJob) -> Result<Self, WireError> {
        Ok(Self { account: job.account, range: range(job.from, job.to)? })
    }
}
