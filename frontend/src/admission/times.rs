//! Which minutes a batch may hold, so that every try of a batch has the same verdicts.
//!
//! In:    a batch by columns, the limits, the frontend's clock.
//! Out:   the oldest and the newest minute that its rows may have; or that the batch is not taken in this try.
//! Never: a row's verdict from the clock, when the batch may come again.
//!
//! A batch with a stamp may come many times: its ack was lost, and it is sent again, through another frontend whose
//! clock differs. Islands recognise it as a whole, by its stamp. So "acknowledged rows are applied exactly once, refused
//! rows never" holds if and only if every try that gets into a log brings the same rows. Hence two rules:
//!
//! 1. *Rows* are judged against the time at which the batch was built. That time travels in the batch and is as
//!    immutable as its rows, so the verdict is a function of the batch and of limits that all frontends share. Where the
//!    publisher does not say, it is the newest of its minutes: a function of the batch as well, and the right one for an
//!    input that is published again under the same name, whenever that is.
//! 2. *The clock* decides about the batch as a whole, and only about this try: either all rows that rule 1 accepts get
//!    into the log, or none does, and the reply says `only_this_try`. A publisher that has sent a batch once knows then
//!    that nothing of it was applied; one that has sent it before knows that it does not know.
//!
//! Rule 2 is also what makes the islands' memory long enough. They forget a publisher a day of log time after it was
//! last heard, and no try gets into a log later than lateness (an hour) after the batch was built. Only who was named by
//! a person publishes old input again: of that retention is the bound, and the memory is 31 days.
//!
//! A row may thus be twice as late as lateness when it arrives, and twice as far ahead: once against the time it was
//! built, which is its publisher's affair, and once for the way. What is without a stamp does not come again, so its
//! rows are judged by the clock, to the minute.

use model::{Limits, Minute, Reason, Refusal};
use proto::BatchColumns;

/// The minutes that may be published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    oldest: Minute,
    newest: Minute,
    backfill: bool,
}

// === impl Times ===

impl Times {
    /// # Errors
    /// When the batch was built too long ago, or is to be built too far in the future, for this try.
    pub(super) fn of(columns: &BatchColumns<'_>, limits: &Limits, now: u64) -> Result<Self, Refusal> {
        let now = minute_of(now);
        let (past, backfill) = (past(columns.backfill(), limits), columns.backfill());
        let built = if columns.stamp().is_some() { built(columns).unwrap_or(now) } else { now };
        let named = columns.stamp().is_some_and(|stamp| stamp.is_named());
        check_on_its_way(built, now, named, backfill, limits)?;
        Ok(Self { oldest: built.minus(past), newest: built.plus(limits.ahead_minutes), backfill })
    }

    /// One row's minute.
    pub(super) fn check(&self, minute: Minute) -> Result<(), Refusal> {
        if minute < self.oldest {
            return Err(self.too_old(minute));
        }
        if minute > self.newest {
            let (seconds, newest) = (minute.unix_seconds(), self.newest.unix_seconds());
            return Err(Reason::TooFarAhead.because(format!(
                "minute {seconds} (unix seconds) is ahead of {newest}, the newest that is taken: set the clock"
            )));
        }
        Ok(())
    }

    fn too_old(&self, minute: Minute) -> Refusal {
        let (seconds, oldest) = (minute.unix_seconds(), self.oldest.unix_seconds());
        let way_out = if self.backfill { "it is beyond retention" } else { "mark the batch as backfill" };
        Reason::TooOld.because(format!(
            "minute {seconds} (unix seconds) is older than {oldest}, the oldest that is taken: {way_out}"
        ))
    }
}

/// Rule 2.
fn check_on_its_way(
    built: Minute,
    now: Minute,
    named: bool,
    backfill: bool,
    limits: &Limits,
) -> Result<(), Refusal> {
    const OF: &str = "(unix seconds; built_unix_seconds, or the newest minute where that is 0)";
    let (seconds, oldest) = (built.unix_seconds(), now.minus(past(named && backfill, limits)));
    if built < oldest {
        let oldest = oldest.unix_seconds();
        let way_out = match (named, backfill) {
            (true, true) => "it is beyond retention",
            (true, false) => "mark the batch as backfill",
            (false, _) => "build it anew, marked as backfill, and say when that was",
        };
        return Err(Reason::TooOld.because(format!(
            "the batch is of {seconds} {OF}, older than {oldest}, the oldest that is taken: {way_out}"
        )));
    }
    let newest = now.plus(limits.ahead_minutes);
    if built > newest {
        let newest = newest.unix_seconds();
        return Err(Reason::TooFarAhead.because(format!(
            "the batch is of {seconds} {OF}, ahead of {newest}, the newest that is taken: set the clock"
        )));
    }
    Ok(())
}

/// When the batch was built: a function of the batch alone. `None` of a batch without rows.
fn built(columns: &BatchColumns<'_>) -> Option<Minute> {
    match columns.batch().built_unix_seconds {
        0 => columns.row_minutes().iter().max().copied().map(Minute),
        seconds => Some(minute_of(seconds)),
    }
}

fn past(backfill: bool, limits: &Limits) -> u32 {
    if backfill { limits.retention_minutes } else { limits.lateness_minutes }
}

fn minute_of(unix_seconds: u64) -> Minute {
    Minute(u32::try_from(unix_seconds / 60).unwrap_or(u32::MAX))
}
