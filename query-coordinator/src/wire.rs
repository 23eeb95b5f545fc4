//! Jobs and their answers as they travel between a coordinator and the node that owns a partition.
//!
//! In:    jobs, answers; bytes of a peer.
//! Out:   bytes; jobs and answers that are as good as those of this process, or an error that says what is wrong.
//! Kept:  nothing.
//! Never: memory beyond a small multiple of the bytes that came. Their number is bounded where they are received
//!        (`limits`); every length in them is checked against what is there.
//!
//! A job is a `Job` of worker.proto; an answer the message that belongs to the job. Both are cut in pieces on the way.

mod aggregates;
mod cells;
mod declared;
mod failure;
mod hints;
mod left;
mod lists;
mod rank;
mod samples;
mod scope;
mod spending;
mod texts;

use std::fmt;

use prost::Message;
use proto::v1;
use proto::v1::job::Job as Kind;
use thiserror::Error;

use crate::QueryLimits;
use crate::budget::{Budget, JobError};
use crate::jobs::{CellsJob, DeclaredJob, DimensionsJob, HintsJob, Job, LeftJob, MetricsJob, RankJob};
use crate::partition::Reading;

pub(crate) use failure::{failed, failure};

/// Bytes that are no job, or no answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {why}")]
pub(crate) struct WireError {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

/// A job that can run elsewhere.
pub(crate) trait Wire: Job + Sized {
    fn to_wire(&self) -> Kind;

    fn answer_to_wire(answer: Self::Answer) -> Vec<u8>;

    /// `self` is the job that was asked: an answer that cannot be one to it is refused.
    fn answer_from_wire(&self, bytes: &[u8]) -> Result<Self::Answer, WireError>;
}

/// A job that came from elsewhere. Its answer is bytes.
#[derive(Debug)]
pub(crate) struct Received(Box<dyn Answering>);

/// Any job, whatever its answer.
trait Answering: Send + Sync + fmt::Debug {
    fn answer(&self, reading: &dyn Reading, budget: &Budget) -> Result<Vec<u8>, JobError>;

    /// Its own bytes.
    fn bytes(&self) -> Vec<u8>;

    /// See [`reads_alike`].
    fn reads_alike(&self, bytes: &[u8]) -> Result<(), String>;
}

/// A job's bytes.
pub(crate) fn encode<J: Wire>(job: &J) -> Vec<u8> {
    v1::Job { job: Some(job.to_wire()) }.encode_to_vec()
}

/// A job that asks for no more than these limits let a query ask.
pub(crate) fn decode(bytes: &[u8], limits: &QueryLimits) -> Result<Received, WireError> {
    let job: v1::Job = message(bytes)?;
    let job = job.job.ok_or_else(|| wrong("job", "is none that this version knows"))?;
    Ok(Received(match job {
        Kind::Rank(job) => Box::new(RankJob::from_wire(job, limits)?),
        Kind::Cells(job) => Box::new(CellsJob::from_wire(job, limits)?),
        Kind::Hints(job) => Box::new(HintsJob::from_wire(job)?),
        Kind::Left(job) => Box::new(LeftJob::from_wire(job)?),
        Kind::Metrics(job) => Box::new(MetricsJob::from_wire(job)?),
        Kind::Dimensions(job) => Box::new(DimensionsJob::from_wire(job)?),
        Kind::Declared(job) => Box::new(DeclaredJob::from_wire(job)?),
    }))
}

fn message<M: Message + Default>(bytes: &[u8]) -> Result<M, WireError> {
    M::decode(bytes).map_err(|why| wrong("message", why.to_string()))
}

fn wrong(field: &'static str, why: impl Into<String>) -> WireError {
    WireError { field, why: why.into() }
}

/// Two columns of the same rows.
fn same_len(field: &'static str, got: usize, rows: usize) -> Result<(), WireError> {
    if got == rows { Ok(()) } else { Err(wrong(field, format!("has {got} entries, must be {rows}"))) }
}

/// What a peer sent, read as a job and as an answer to each: what can be read must be written as what is read as the same.
/// For those who fuzz it.
///
/// # Errors
/// What is not so.
pub fn reads_alike(bytes: &[u8]) -> Result<(), String> {
    let limits = QueryLimits::default();
    if let Ok(job) = decode(bytes, &limits) {
        let again = decode(&job.0.bytes(), &limits).map_err(|why| format!("{job:?} is no job: {why}"))?;
        same("job", &job.0.bytes(), &again.0.bytes())?;
    }
    samples::jobs().iter().try_for_each(|job| job.reads_alike(bytes))
}

fn same(what: &str, one: &[u8], other: &[u8]) -> Result<(), String> {
    if one == other { Ok(()) } else { Err(format!("{what}: {one:02x?} became {other:02x?}")) }
}

impl<J: Wire + fmt::Debug> Answering for J {
    fn answer(&self, reading: &dyn Reading, budget: &Budget) -> Result<Vec<u8>, JobError> {
        self.run(reading, budget).map(Self::answer_to_wire)
    }

    fn bytes(&self) -> Vec<u8> {
        encode(self)
    }

    fn reads_alike(&self, bytes: &[u8]) -> Result<(), String> {
        let Ok(answer) = self.answer_from_wire(bytes) else { return Ok(()) };
        let once = Self::answer_to_wire(answer);
        let again =
            self.answer_from_wire(&once).map_err(|why| format!("what {self:?} read is no answer: {why}"))?;
        same("answer", &once, &Self::answer_to_wire(again))
    }
}

// === impl Received ===

impl Job for Received {
    type Answer = Vec<u8>;

    fn run(&self, reading: &dyn Reading, budget: &Budget) -> Result<Vec<u8>, JobError> {
        self.0.answer(reading, budget)
    }
}

#[cfg(test)]
mod tests;
