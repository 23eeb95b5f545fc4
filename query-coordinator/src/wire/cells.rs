//! `CellsJob` and what it reads: only cells with data travel.

use prost::Message as _;
use proto::v1;
use proto::v1::job::Job as Kind;

use super::aggregates::{aggregates_from_wire, aggregates_to_wire};
use super::scope::{by_from_wire, by_to_wire, sampling, scope_from_wire, scope_to_wire};
use super::texts::{tuples_from_wire, tuples_to_wire};
use super::{Wire, WireError, message, wrong};
use crate::QueryLimits;
use crate::cells::{Cells, columns_of};
use crate::jobs::CellsJob;
use crate::window::Steps;

// === impl CellsJob ===

impl Wire for CellsJob {
    fn to_wire(&self) -> Kind {
        Kind::Cells(v1::CellsJob {
            scope: Some(scope_to_wire(&self.scope)),
            by: Some(by_to_wire(&self.by)),
            sampling: self.sampling.to_string(),
            step_minutes: self.steps.minutes,
            tuples: Some(tuples_to_wire(self.tuples.iter())),
        })
    }

    fn answer_to_wire(answer: Option<Cells>) -> Vec<u8> {
        let Some(mut cells) = answer else { return v1::CellsAnswer::default().encode_to_vec() };
        let present: Vec<usize> = (0..cells.len()).filter(|cell| cells.is_present(*cell)).collect();
        let aggregates: Vec<_> = present.iter().map(|cell| cells.take(*cell)).collect();
        v1::CellsAnswer {
            known: true,
            cells: present.into_iter().filter_map(|cell| u32::try_from(cell).ok()).collect(),
            aggregates: Some(aggregates_to_wire(aggregates.iter())),
        }
        .encode_to_vec()
    }

    fn answer_from_wire(&self, bytes: &[u8]) -> Result<Option<Cells>, WireError> {
        let answer: v1::CellsAnswer = message(bytes)?;
        if !answer.known {
            return Ok(None);
        }
        let aggregates = aggregates_from_wire(answer.aggregates, answer.cells.len())?;
        let len = self.tuples.len() * self.steps.len();
        let filled = answer.cells.into_iter().map(|cell| cell as usize).zip(aggregates);
        let cells = Cells::of(len, columns_of(self.sampling), filled);
        cells.map(Some).ok_or_else(|| wrong("cells", format!("a cell is not one of {len}")))
    }
}

impl CellsJob {
    pub(super) fn from_wire(job: v1::CellsJob, limits: &QueryLimits) -> Result<Self, WireError> {
        let scope = scope_from_wire(job.scope)?;
        if job.step_minutes == 0 {
            return Err(wrong("step_minutes", "is 0"));
        }
        let steps = Steps { range: scope.range, minutes: job.step_minutes };
        let tuples = tuples_from_wire(job.tuples)?;
        let cells = (tuples.len() as u64).saturating_mul(steps.len() as u64);
        if cells > limits.answer_points_max {
            return Err(wrong("cells", format!("are {cells}, at most {} fit", limits.answer_points_max)));
        }
        let (by, sampling) = (by_from_wire(job.by)?, sampling(&job.sampling)?);
        Ok(Self { scope, by, sampling, steps, tuples: tuples.into() })
    }
}
