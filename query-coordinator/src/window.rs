//! The time of a query: whole minutes, and the steps of its points.

use model::{Minute, MinuteRange};

use crate::QueryError;
use crate::limits::RANGE_MINUTES_MAX;

/// A range cut into steps of equal length; the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) range: MinuteRange,
    /// Minutes of a step, at least 1.
    pub(crate) minutes: u32,
}

/// `[from, to)` in unix seconds as a range.
pub(crate) fn window(from: u64, to: u64) -> Result<MinuteRange, QueryError> {
    let range = MinuteRange::new(minute("from", from)?, minute("to", to)?);
    if range.is_empty() {
        let message = format!("{from} is not before `to`, which is {to}");
        return Err(QueryError::invalid("from", message, "ask for at least one minute: to = from + 60"));
    }
    if range.len() > RANGE_MINUTES_MAX {
        let message = format!("the range has {} minutes, at most {RANGE_MINUTES_MAX} fit", range.len());
        return Err(QueryError::invalid("from", message, "ask for ten years or less at a time"));
    }
    Ok(range)
}

fn minute(field: &str, seconds: u64) -> Result<Minute, QueryError> {
    let minute = u32::try_from(seconds / 60).map(Minute).map_err(|_| {
        let message = format!("{seconds} is after the year 10136");
        #[expect(clippy::cast_precision_loss, reason = "only its magnitude is looked at")]
        let hint = Minute::instead_of_seconds(seconds as f64).unwrap_or("use unix seconds");
        QueryError::invalid(field, message, hint)
    })?;
    if !seconds.is_multiple_of(60) {
        let message = format!("{seconds} is not a whole minute");
        let hint = format!("use a multiple of 60, for example {}", minute.unix_seconds());
        return Err(QueryError::invalid(field, message, hint));
    }
    Ok(minute)
}

// === impl Steps ===

impl Steps {
    /// The whole range as one step.
    pub(crate) fn one(range: MinuteRange) -> Self {
        Self { range, minutes: range.len().max(1) }
    }

    /// `seconds` a step; 0 is a minute.
    pub(crate) fn of(range: MinuteRange, seconds: u32) -> Result<Self, QueryError> {
        if !seconds.is_multiple_of(60) {
            let message = format!("{seconds} is not a whole number of minutes");
            return Err(QueryError::invalid("step_seconds", message, "use a multiple of 60"));
        }
        Ok(Self { range, minutes: (seconds / 60).clamp(1, range.len().max(1)) })
    }

    /// How many steps.
    pub(crate) fn len(self) -> usize {
        self.range.len().div_ceil(self.minutes) as usize
    }

    /// The step that holds a minute of the range.
    pub(crate) fn index(self, minute: Minute) -> usize {
        ((minute.0 - self.range.from.0) / self.minutes) as usize
    }

    /// The first second of a step.
    pub(crate) fn start(self, index: usize) -> u64 {
        self.range.from.unix_seconds() + index as u64 * u64::from(self.minutes) * 60
    }

    /// How long a step is; the last ends where the range does.
    pub(crate) fn seconds(self, index: usize) -> u64 {
        let end = (self.start(index) + u64::from(self.minutes) * 60).min(self.range.to.unix_seconds());
        end - self.start(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_ends_with_the_range() {
        let steps = Steps::of(window(600, 1020).unwrap(), 180).unwrap();
        let all: Vec<_> = (0..steps.len()).map(|at| (steps.start(at), steps.seconds(at))).collect();
        assert_eq!(all, [(600, 180), (780, 180), (960, 60)]);
        assert_eq!([10, 12, 13, 16].map(|minute| steps.index(Minute(minute))), [0, 0, 1, 2]);
    }

    #[test]
    fn a_time_in_another_unit_is_recognised() {
        for (to, unit) in [
            (1_700_000_000_123, "milliseconds: divide by 1000"),
            (1_700_000_000_000_000, "microseconds"),
            (1_700_000_000_000_000_000, "nanoseconds"),
        ] {
            let error = window(0, to).unwrap_err();
            assert!(error.hint().contains(unit), "{error}: {}", error.hint());
        }
    }

    #[test]
    fn a_step_longer_than_the_range_is_the_range() {
        let steps = Steps::of(window(600, 720).unwrap(), 3600).unwrap();
        assert_eq!((steps.len(), steps.seconds(0)), (1, 120));
        assert_eq!(Steps::one(window(600, 720).unwrap()), steps);
        assert_eq!(Steps::of(window(600, 720).unwrap(), 0).unwrap().len(), 2);
    }
}
