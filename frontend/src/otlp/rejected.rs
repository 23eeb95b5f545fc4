//! Points that became no row, and why.

use model::{Reason, Refusal};

/// Messages that are told; the others are only counted.
const MESSAGES_MAX: usize = 16;

/// Points that became no row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub points: u64,
    /// How many by reason, in the order of [`Reason::ALL`].
    by_reason: [u64; Reason::ALL.len()],
    /// The first, with the metric's name.
    pub messages: Vec<String>,
}

impl Rejected {
    /// Counts points that are rejected together.
    pub(super) fn add_all(&mut self, metric: &str, refusal: &Refusal, points: u64) {
        self.points += points;
        self.by_reason[refusal.reason as usize] += points;
        if points > 0 && self.messages.len() < MESSAGES_MAX {
            let metric: String = metric.chars().take(64).collect();
            self.messages.push(format!("{metric:?}: {refusal}"));
        }
    }

    /// Points by reason; only the reasons that occurred.
    pub fn by_reason(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.by_reason).filter(|(_, points)| *points > 0)
    }
}
