//! Splitting loses nothing, doubles nothing, and depends on nothing but the series.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use std::collections::BTreeMap;

use frontend::admission::{Admitted, admit};
use frontend::rebucket::{Part, rebucket};
use model::{
    Aggregate, Distinct, Distribution, Limits, Minute, Number, Placement, PublisherId, Scalars, SeriesKey,
    Sketches, Stamp, series_hash,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proto::{BatchBuilder, BatchColumns, BatchView, v1};

const NOW: u64 = 60_000_020;

/// Metric, dimension values (a, b), minutes ago, number, which sketches, cumulative?
type Plain = (u8, u8, u8, u32, i64, u8, bool);

fn rows() -> impl Strategy<Value = Vec<Plain>> {
    // Metric 0 has no name, and minutes more than 60 ago are too old: those rows are refused.
    vec((0..4_u8, 0..4_u8, 0..4_u8, 0..70_u32, any::<i64>(), 0..8_u8, any::<bool>()), 0..200)
}

fn build(rows: &[Plain]) -> v1::Batch {
    let stamp = Stamp { publisher: PublisherId(9), epoch: 8, sequence: 7 };
    let mut builder = BatchBuilder::new("").publisher(stamp).declares(true);
    for (at, (metric, a, b, ago, number, sketches, cumulative)) in rows.iter().enumerate() {
        let metric = if *metric == 0 { String::new() } else { format!("m{metric}") };
        let (a, b) = (format!("ä{a}"), if *b == 0 { String::new() } else { format!("b{b}") });
        let mut aggregate = Aggregate::of(Scalars::of(Number::Int(*number)));
        let (mut distinct, mut distribution) = (Distinct::default(), Distribution::new());
        distinct.observe(&at.to_string());
        distribution.record(at as f64);
        let (distinct, distribution) =
            ((sketches & 1 > 0).then_some(distinct), (sketches & 2 > 0).then_some(distribution));
        if distinct.is_some() || distribution.is_some() {
            aggregate.sketches = Some(Box::new(Sketches { distinct, distribution }));
        }
        let dims = [("b", b.as_str()), ("a", a.as_str())];
        let minute = Minute(1_000_000 - ago);
        if *cumulative {
            builder.add_cumulative(&metric, dims, minute, &aggregate, 1, 2 + at as u64);
        } else {
            builder.add(&metric, dims, minute, &aggregate);
        }
    }
    builder.build()
}

/// A row as text, with all that belongs to it.
fn texts(batch: &v1::Batch) -> Vec<String> {
    let view = BatchView::new(batch).unwrap();
    let distinct: BTreeMap<_, _> = view.distinct().collect();
    let distribution: BTreeMap<_, _> = view.distribution().collect();
    let cumulative: BTreeMap<_, _> =
        view.cumulative().map(|(row, start, time)| (row, (start, time))).collect();
    (0..view.rows() as u32)
        .map(|at| {
            let row = view.row(at as usize);
            let mut dims: Vec<_> = view.dims(row.series).filter(|(_, value)| !value.is_empty()).collect();
            dims.sort_unstable();
            format!(
                "{} {dims:?} {} {:?} {:?} {:?} {:?}",
                view.metric(row.series),
                row.minute,
                row.scalars,
                distinct.get(&at),
                distribution.get(&at),
                cumulative.get(&at)
            )
        })
        .collect()
}

fn admitted(batch: &v1::Batch) -> Admitted<'_> {
    admit(BatchColumns::new(batch).unwrap(), &Limits::DEFAULT, NOW).unwrap()
}

proptest! {
    #[test]
    fn every_accepted_row_is_in_exactly_one_part(rows in rows(), partitions in 1..9_u32, spread in 1..9_u32) {
        let placement = Placement::new(partitions, spread.min(partitions)).unwrap();
        let batch = build(&rows);
        let parts = rebucket(&admitted(&batch), placement);
        prop_assert_eq!(&parts, &rebucket(&admitted(&batch), placement), "the same batch, the same parts");

        let all = texts(&batch);
        let mut expected: Vec<&String> = admitted(&batch).rows.iter().map(|row| &all[*row as usize]).collect();
        let got: Vec<String> = parts.iter().flat_map(|part| texts(&part.batch)).collect();
        let mut got: Vec<&String> = got.iter().collect();
        expected.sort_unstable();
        got.sort_unstable();
        prop_assert_eq!(got, expected);
        prop_assert!(parts.is_sorted_by(|a, b| a.partition < b.partition));
        for part in &parts {
            check_part(part, &batch, placement);
        }
    }
}

/// Hashes are those of the words, the place is that of the hashes, and what belongs to the batch is the batch's.
fn check_part(part: &Part, of: &v1::Batch, placement: Placement) {
    let view = BatchView::new(&part.batch).unwrap();
    assert!(view.has_hashes() && view.rows() > 0);
    assert_eq!((view.stamp(), view.declares()), (BatchColumns::new(of).unwrap().stamp(), true));
    assert_eq!(part.batch.account, "default");
    for series in 0..view.series_count() as u32 {
        let (metric, dims) = (view.metric(series), view.dims(series));
        assert!(dims.clone().is_sorted() && dims.clone().all(|(_, value)| !value.is_empty()));
        let hash = series_hash("default", metric, dims, &mut Vec::new());
        assert_eq!(view.series_hash(series), hash);
        let key =
            SeriesKey { account: "default".into(), metric: metric.to_owned(), dims: Default::default() };
        assert_eq!(view.metric_hash(series), key.metric_hash());
        assert_eq!(placement.partition_of(view.metric_hash(series), hash), part.partition);
    }
}

#[test]
fn a_part_holds_only_the_strings_that_it_needs() {
    let placement = Placement::new(64, 64).unwrap();
    let rows: Vec<Plain> = (0..64).map(|at| (1 + at % 3, at % 4, 1 + at / 16 % 3, 0, 5, 0, false)).collect();
    let batch = build(&rows);
    let parts = rebucket(&admitted(&batch), placement);
    assert!(parts.len() > 1);
    for part in parts {
        let of_series = 1 + 2 * 2;
        assert!(part.batch.string_len.len() <= of_series * part.batch.series_metric.len());
        assert!(part.batch.row_min.is_empty() && part.batch.row_kinds.is_empty());
    }
}
