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
    /// The first, with the metric's name or the place in the request.
    pub messages: Vec<String>,
}

impl Rejected {
    /// Counts points of a metric that are rejected together.
    pub(super) fn add_of(&mut self, metric: &str, refusal: &Refusal, points: u64) {
        self.count(refusal, points, || {
            let metric: String = metric.chars().take(64).collect();
            format!("{metric:?}: {refusal}")
        });
    }

    /// Counts points that go together, for a reason that says where it stands.
    pub(super) fn add(&mut self, refusal: &Refusal, points: u64) {
        self.count(refusal, points, || refusal.to_string());
    }

    /// Adds what was rejected before.
    pub(super) fn merge(&mut self, before: Self) {
        self.points += before.points;
        self.by_reason.iter_mut().zip(before.by_reason).for_each(|(sum, points)| *sum += points);
        self.messages.splice(0..0, before.messages);
        self.messages.truncate(MESSAGES_MAX);
    }

    fn count(&mut self, refusal: &Refusal, points: u64, message: impl FnOnce() -> String) {
        self.points += points;
        self.by_reason[refusal.reason as usize] += points;
        if self.messages.len() < MESSAGES_MAX {
            self.messages.push(message());
        }
    }

    /// Points by reason; only the reasons that occurred.
    pub fn by_reason(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.by_reason).filter(|(_, points)| *points > 0)
    }
}
