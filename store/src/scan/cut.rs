//! How finely each stretch of a range must be read.

use model::{Minute, MinuteRange};

use crate::Tier;

/// What a stretch of time may be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    /// Each day of it lies in one step.
    Days,
    /// Each hour does.
    Hours,
    /// Neither.
    Minutes,
}

/// The range in stretches, ascending and without gaps; the longest of each grain.
pub(super) fn cut(range: MinuteRange, step_minutes: u32) -> Vec<(Grain, MinuteRange)> {
    let mut stretches: Vec<(Grain, MinuteRange)> = Vec::new();
    let mut from = range.from;
    while from < range.to {
        let (grain, to) = next(range, step_minutes, from);
        match stretches.last_mut() {
            Some((last, stretch)) if *last == grain => stretch.to = to,
            _ => stretches.push((grain, MinuteRange::new(from, to))),
        }
        from = to;
    }
    stretches
}

/// The grain of what begins here, and where that ends.
fn next(range: MinuteRange, step_minutes: u32, from: Minute) -> (Grain, Minute) {
    let step = step_minutes.max(1);
    if step < Tier::Hour.minutes() && step < range.len() {
        return (Grain::Minutes, range.to);
    }
    let step_end = from.plus(step - (from.0 - range.from.0) % step).min(range.to);
    let end_of = |tier: Tier, minute: Minute| tier.range(tier.of(minute)).to;
    let full = |tier: Tier, minute: Minute| tier.range(tier.of(minute)).from;
    if full(Tier::Day, from) == from && full(Tier::Day, step_end) > from {
        return (Grain::Days, full(Tier::Day, step_end));
    }
    let hours_end = full(Tier::Hour, step_end).min(end_of(Tier::Day, from));
    if full(Tier::Hour, from) == from && hours_end > from {
        return (Grain::Hours, hours_end);
    }
    // A step that begins within the hour may hold the next one: only this hour is read by the minute.
    (Grain::Minutes, end_of(Tier::Hour, from).min(range.to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_hours_and_days_of_a_step_are_taken_whole() {
        check(60, 120, 60, "hours 60-120");
        check(61, 180, 600, "minutes 61-120, hours 120-180");
        check(60, 179, 600, "hours 60-120, minutes 120-179");
        check(60, 180, 59, "minutes 60-180");
        check(0, 2880, 2880, "days 0-2880");
        check(0, 2880, 1440, "days 0-2880");
        check(60, 2940, 5000, "hours 60-1440, days 1440-2880, hours 2880-2940");
        check(0, 2880, 720, "hours 0-2880");
        check(30, 270, 120, "minutes 30-60, hours 60-120, minutes 120-180, hours 180-240, minutes 240-270");
        check(7, 7, 1, "");
    }

    proptest! {
        #[test]
        fn it_covers_the_range_and_merges_no_two_steps(from in 0_u32..5000, len in 0_u32..9000, step in 1_u32..4000) {
            let range = MinuteRange::new(Minute(from), Minute(from + len));
            let step_of = |minute: u32| (minute - from) / step;
            let mut due = range.from;
            for (grain, stretch) in cut(range, step) {
                prop_assert_eq!(stretch.from, due);
                due = stretch.to;
                let tier = match grain {
                    Grain::Days => Tier::Day,
                    Grain::Hours => Tier::Hour,
                    Grain::Minutes => continue,
                };
                for period in tier.of(stretch.from)..tier.of(stretch.to) {
                    let whole = tier.range(period);
                    prop_assert_eq!(whole.intersection(range), whole);
                    prop_assert_eq!(step_of(whole.from.0), step_of(whole.to.0 - 1));
                }
            }
            prop_assert_eq!(due, range.to.max(range.from));
        }
    }

    #[track_caller]
    fn check(from: u32, to: u32, step: u32, expected: &str) {
        let shown = |(grain, stretch): (Grain, MinuteRange)| {
            format!("{grain:?} {}-{}", stretch.from, stretch.to).to_lowercase()
        };
        let range = MinuteRange::new(Minute(from), Minute(to));
        assert_eq!(cut(range, step).into_iter().map(shown).collect::<Vec<_>>().join(", "), expected);
    }
}
