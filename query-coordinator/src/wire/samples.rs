//! A job of each kind, for what reads answers to them without having asked.

use model::{Minute, MinuteRange, Sampling};

use super::Answering;
use crate::jobs::{CellsJob, DeclaredJob, DimensionsJob, HintsJob, LeftJob, MetricsJob, RankJob};
use crate::request::{HintsQuery, MetricsQuery, Scope};
use crate::tuple::By;
use crate::window::Steps;

pub(super) fn jobs() -> [Box<dyn Answering>; 7] {
    let range = MinuteRange::new(Minute(0), Minute(60));
    let account = || "a".to_owned();
    let scope =
        || Scope { account: account(), metric: "m".into(), matchers: Vec::new(), range, include_open: false };
    let by = || By::Dims(vec!["d".into(), "e".into()]);
    let (of, words) = ("d".to_owned(), String::new);
    let (prefix, substring, after) = (words(), words(), words());
    let query = HintsQuery { scope: scope(), of, prefix, substring, limit: 9, after };
    let rank = Some(Sampling::Sum);
    let tuples = vec![vec![("d".to_owned(), "x".to_owned())], Vec::new()].into();
    let steps = Steps { range, minutes: 10 };
    [
        Box::new(RankJob { scope: scope(), by: by(), rank, n: 3, bottom: false, local: false }),
        Box::new(CellsJob { scope: scope(), by: by(), sampling: Sampling::Avg, steps, tuples }),
        Box::new(HintsJob { query, is_alone: true }),
        Box::new(LeftJob { scope: scope(), conditions: Vec::new() }),
        Box::new(MetricsJob(MetricsQuery {
            account: account(),
            prefix: words(),
            range,
            include_open: false,
        })),
        Box::new(DimensionsJob(scope())),
        Box::new(DeclaredJob { account: account(), range }),
    ]
}
