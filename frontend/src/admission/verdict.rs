//! What of a batch was refused, and how much of that is told.

use std::collections::HashMap;

use model::{Reason, Refusal};
use proto::v1;

use super::Rejected;

/// Refusals of one batch that are told one by one; the others are only counted.
pub const REFUSALS_TOLD_MAX: usize = 16;

/// The refused rows of a batch.
#[derive(Debug, Default)]
pub struct Refused {
    rows: u64,
    by_reason: [u64; Reason::ALL.len()],
    told: Vec<v1::RowRefusal>,
    only_this_try: bool,
}

// === impl Refused ===

impl Refused {
    /// All rows of a batch, for one reason.
    #[must_use]
    pub fn whole(rows: u64, rejected: &Rejected) -> Self {
        let (refusal, only_this_try) = match rejected {
            Rejected::Always(refusal) => (refusal, false),
            Rejected::ThisTry(refusal) => (refusal, true),
        };
        let mut refused = Self { only_this_try, ..Self::default() };
        // A batch without a single row was refused all the same, and somebody should hear of it.
        refused.count(refusal.reason, rows);
        refused.tell(None, refusal);
        refused
    }

    pub(crate) fn row(&mut self, row: u32, refusal: &Refusal) {
        self.count(refusal.reason, 1);
        self.tell(Some(row), refusal);
    }

    /// How many rows were refused.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows by reason; only the reasons that occurred.
    pub fn by_reason(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.by_reason).filter(|(_, rows)| *rows > 0)
    }

    /// As a batch's reply.
    #[must_use]
    pub fn into_reply(self, accepted: u64) -> v1::BatchReply {
        let refused_by_reason: HashMap<String, u64> =
            self.by_reason().map(|(reason, rows)| (reason.name().to_owned(), rows)).collect();
        let (refused, only_this_try) = (self.rows, self.only_this_try);
        v1::BatchReply { accepted, refused, refusals: self.told, refused_by_reason, only_this_try }
    }

    fn count(&mut self, reason: Reason, rows: u64) {
        self.rows += rows;
        self.by_reason[reason as usize] += rows;
    }

    fn tell(&mut self, row: Option<u32>, refusal: &Refusal) {
        if self.told.len() < REFUSALS_TOLD_MAX {
            let (reason, message) = (refusal.reason.name().to_owned(), refusal.message.clone());
            self.told.push(v1::RowRefusal { row, reason, message });
        }
    }
}
