//! What travels comes back; what comes from a peer is read with care.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Aggregate, Distinct, Distribution, Matcher, Minute, MinuteRange, Number, Sampling, Scalars, Sketches,
};
use proptest::prelude::*;

use super::*;
use crate::QueryError;
use crate::budget::Spent;
use crate::cells::{Cells, columns_of};
use crate::jobs::{DimensionPartial, HintsPartial, MetricPartial, PartialGroups, RankPartial, Ranked, Rest};
use crate::keys::Keys;
use crate::partition::PartitionError;
use crate::request::{HintsQuery, MetricsQuery, Scope};
use crate::tuple::By;
use crate::window::Steps;

fn scope() -> Scope {
    let matcher = |op: &str, values: &[&str]| {
        Matcher::new("Region", op, values.iter().map(|value| (*value).to_owned()).collect()).unwrap()
    };
    Scope {
        account: "shop".into(),
        metric: "Latency".into(),
        matchers: vec![matcher("in", &["a", "b"]), matcher("!~", &["x|(?i)y"]), matcher("exists", &[])],
        range: MinuteRange::new(Minute(100), Minute(160)),
        include_open: false,
    }
}

fn by() -> By {
    By::Dims(vec!["Api".into(), "Zone".into()])
}

fn rank_job(by: By) -> RankJob {
    RankJob { scope: scope(), by, rank: Some(Sampling::Percentile(99.9)), n: 7, bottom: true, local: false }
}

fn cells_job() -> CellsJob {
    let tuples: Arc<[_]> = vec![vec![("Api".into(), "Gét".into())], Vec::new()].into();
    let steps = Steps { range: scope().range, minutes: 7 };
    CellsJob { scope: scope(), by: By::Whole, sampling: Sampling::Avg, steps, tuples }
}

fn hints_job() -> HintsJob {
    let query = HintsQuery {
        scope: scope(),
        of: "Api".into(),
        prefix: "G".into(),
        substring: "e".into(),
        limit: 10,
        after: "Ga".into(),
    };
    HintsJob { query, is_alone: true }
}

fn metrics_job() -> MetricsJob {
    let (account, range) = ("shop".into(), scope().range);
    MetricsJob(MetricsQuery { account, prefix: "L".into(), range, include_open: false })
}

#[test]
fn jobs_come_back_word_for_word() {
    check_job(&rank_job(by()));
    check_job(&RankJob { rank: None, ..rank_job(By::Whole) });
    check_job(&cells_job());
    check_job(&hints_job());
    check_job(&LeftJob { scope: Scope { matchers: Vec::new(), ..scope() }, conditions: scope().matchers });
    check_job(&metrics_job());
    check_job(&DimensionsJob(scope()));
    check_job(&DeclaredJob { account: "shop".into(), range: scope().range });
}

#[track_caller]
fn check_job<J: Wire + fmt::Debug>(job: &J) {
    let bytes = encode(job);
    let received = decode(&bytes, &QueryLimits::default()).unwrap();
    assert_eq!(format!("{:?}", received.0), format!("{job:?}"));
}

#[test]
fn a_job_that_no_query_may_ask_is_refused_by_its_field() {
    let refused = |job: Kind, field: &str| {
        let bytes = v1::Job { job: Some(job) }.encode_to_vec();
        assert_eq!(decode(&bytes, &QueryLimits::default()).unwrap_err().field, field);
    };
    let rank = |change: &dyn Fn(&mut v1::RankJob)| {
        let Kind::Rank(mut job) = rank_job(by()).to_wire() else { unreachable!() };
        change(&mut job);
        Kind::Rank(job)
    };
    refused(rank(&|job| job.n = 0), "n");
    refused(rank(&|job| job.n = 1 << 40), "n");
    refused(rank(&|job| job.rank = Some("median".into())), "sampling");
    refused(rank(&|job| job.scope = None), "scope");
    refused(rank(&|job| job.by = None), "by");
    refused(rank(&|job| job.by.as_mut().unwrap().dims.reverse()), "by");
    refused(rank(&|job| job.by.as_mut().unwrap().dims = (100..200).map(|n| n.to_string()).collect()), "by");
    refused(rank(&|job| job.scope.as_mut().unwrap().to = 100), "range");
    refused(rank(&|job| job.scope.as_mut().unwrap().to = u32::MAX), "range");
    refused(rank(&|job| job.scope.as_mut().unwrap().r#where = vec![v1::Matcher::default(); 66]), "where");
    refused(rank(&|job| job.scope.as_mut().unwrap().r#where[0].op = "~".into()), "where");
    refused(
        rank(&|job| job.scope.as_mut().unwrap().r#where[0].values = vec![String::new(); 10_001]),
        "where.values",
    );
    let Kind::Cells(job) = cells_job().to_wire() else { unreachable!() };
    refused(Kind::Cells(v1::CellsJob { step_minutes: 0, ..job.clone() }), "step_minutes");
    let mut many = job.clone();
    many.step_minutes = 1;
    many.tuples.as_mut().unwrap().pairs = vec![0; 40_000];
    many.tuples.as_mut().unwrap().texts = None;
    refused(Kind::Cells(many), "cells");
    let mut odd = job;
    odd.tuples.as_mut().unwrap().pairs = vec![u32::MAX; 3];
    refused(Kind::Cells(odd), "tuples");
    let Kind::Hints(job) = hints_job().to_wire() else { unreachable!() };
    refused(Kind::Hints(v1::HintsJob { limit: 100_001, ..job }), "limit");
    assert_eq!(decode(&[], &QueryLimits::default()).unwrap_err().field, "job");
    assert_eq!(decode(&[0xff], &QueryLimits::default()).unwrap_err().field, "message");
}

/// As version 1 wrote them: `fuzz/seeds.rs` says what they mean.
#[test]
fn bytes_of_version_1_are_still_read_and_written() {
    let jobs = [
        &include_bytes!("../../../fuzz/seeds/worker/small-01")[..],
        include_bytes!("../../../fuzz/seeds/worker/small-02"),
    ];
    for bytes in jobs {
        assert_eq!(decode(bytes, &QueryLimits::default()).unwrap().0.bytes(), bytes);
    }
    let bytes = include_bytes!("../../../fuzz/seeds/worker/small-03");
    assert_eq!(RankJob::answer_to_wire(rank_job(by()).answer_from_wire(bytes).unwrap()), bytes);
    let bytes = include_bytes!("../../../fuzz/seeds/worker/small-04");
    assert_eq!(CellsJob::answer_to_wire(cells_job().answer_from_wire(bytes).unwrap()), bytes);
}

// === answers ===

fn aggregates() -> impl Strategy<Value = Aggregate> {
    (prop::collection::vec(-5_i32..9, 1..5), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(values, halves, distinct, distribution)| {
            let mut all = Aggregate::default();
            let mut sketches = Sketches::default();
            for value in values {
                let value = f64::from(value) / if halves { 2.0 } else { 1.0 };
                let number = Number::from_f64(value).unwrap();
                all.scalars.record(number);
                if distinct {
                    sketches.distinct.get_or_insert_with(Distinct::default).observe_number(number);
                }
                if distribution {
                    sketches.distribution.get_or_insert_with(Distribution::new).record(value);
                }
            }
            all.sketches = (distinct || distribution).then(|| Box::new(sketches));
            all
        },
    )
}

fn tuples() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::btree_map("[a-cé]{1,2}", "[xyü]{1,3}", 0..3).prop_map(|map| map.into_iter().collect())
}

fn check_answer<J: Wire>(job: &J, answer: J::Answer)
where
    J::Answer: fmt::Debug,
{
    let shown = format!("{answer:?}");
    let bytes = J::answer_to_wire(answer);
    assert_eq!(format!("{:?}", job.answer_from_wire(&bytes).unwrap()), shown);
}

proptest! {
    #[test]
    fn the_best_come_back(
        groups in prop::collection::vec((tuples(), aggregates()), 0..6), rest in aggregates(), known: bool, halves: bool,
    ) {
        let rank = |at: usize| if halves { Number::Float(at as f64 + 0.5) } else { Number::Int(at as i64 - 2) };
        let ranked = groups.into_iter().enumerate();
        let best = ranked.map(|(at, (tuple, aggregate))| Ranked { tuple, aggregate, rank: rank(at) }).collect();
        let groups = PartialGroups::Best { best, rest: Rest { aggregate: rest, groups: 3, unranked: 1 } };
        check_answer(&rank_job(by()), RankPartial { known, groups });
    }

    #[test]
    fn all_groups_come_back(groups in prop::collection::vec(("[xü]{0,3}", "[y]{0,2}", aggregates()), 0..6)) {
        let (mut bytes, mut lengths) = (Vec::new(), Vec::new());
        for (api, zone, _) in &groups {
            let key = [api.as_bytes(), &[0xff], zone.as_bytes(), &[0xff]].concat();
            lengths.push(u32::try_from(key.len()).unwrap());
            bytes.extend(key);
        }
        let keys = Keys::from_parts(bytes, &lengths, 2).unwrap();
        let aggregates = groups.into_iter().map(|(_, _, aggregate)| aggregate).collect();
        let groups = PartialGroups::All { keys, aggregates };
        check_answer(&rank_job(by()), RankPartial { known: true, groups });
    }

    #[test]
    fn cells_come_back(filled in prop::collection::btree_map(0_usize..18, aggregates(), 0..9)) {
        let job = cells_job();
        let cells = Cells::of(18, columns_of(job.sampling), filled.clone().into_iter()).unwrap();
        let bytes = CellsJob::answer_to_wire(Some(cells));
        let cells = job.answer_from_wire(&bytes).unwrap().unwrap();
        for cell in 0..18 {
            prop_assert_eq!(cells.get(cell), filled.get(&cell).cloned().unwrap_or_default());
        }
        prop_assert!(job.answer_from_wire(&CellsJob::answer_to_wire(None)).unwrap().is_none());
        let fewer = CellsJob { tuples: Arc::new([]), ..cells_job() };
        prop_assert_eq!(fewer.answer_from_wire(&bytes).is_err(), !filled.is_empty());
    }

    #[test]
    fn what_exists_comes_back(
        values in prop::collection::btree_map("[a-d]{0,3}", any::<u64>(), 0..5),
        lists in prop::collection::btree_map("[a-c]{1,2}", (any::<u64>(), prop::collection::vec("[xyé]{0,2}", 0..4)), 0..4),
        minutes in prop::collection::btree_map(100_u32..160, any::<u64>(), 0..5),
    ) {
        let values: Vec<_> = values.into_iter().collect();
        check_answer(&hints_job(), HintsPartial { total: values.len() + 3, values, more: true });
        let metrics: BTreeMap<_, _> =
            lists.iter().map(|(name, (series, dims))| (name.clone(), MetricPartial { series: *series, dims: dims.clone() })).collect();
        check_answer(&metrics_job(), metrics);
        let dimensions: BTreeMap<_, _> =
            lists.into_iter().map(|(name, (series, values))| (name, DimensionPartial { values, series })).collect();
        check_answer(&DimensionsJob(scope()), dimensions);
        let declared = minutes.into_iter().map(|(minute, rows)| (Minute(minute), rows)).collect();
        check_answer(&DeclaredJob { account: "shop".into(), range: scope().range }, declared);
        check_answer(&LeftJob { scope: scope(), conditions: scope().matchers }, vec![5, 4, 3, 0]);
    }

    #[test]
    fn bytes_of_a_stranger_are_read_alike_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(reads_alike(&bytes), Ok(()));
    }

    #[test]
    fn bytes_that_were_changed_are_read_alike_or_not_at_all(
        groups in prop::collection::vec((tuples(), aggregates()), 0..4), at: prop::sample::Index, to: u8,
    ) {
        let ranked = |(tuple, aggregate)| Ranked { tuple, aggregate, rank: Number::Int(1) };
        let groups = PartialGroups::Best { best: groups.into_iter().map(ranked).collect(), rest: Rest::default() };
        let answer = RankJob::answer_to_wire(RankPartial { known: true, groups });
        for mut bytes in [answer, encode(&rank_job(by())), encode(&cells_job())] {
            let at = at.index(bytes.len());
            bytes[at] = to;
            prop_assert_eq!(reads_alike(&bytes), Ok(()));
        }
    }
}

#[test]
fn an_aggregate_that_is_none_is_refused() {
    let refused = |change: &dyn Fn(&mut v1::Aggregates), field: &str| {
        let mut all = aggregates::aggregates_to_wire([Aggregate::of(Scalars::of(Number::Float(0.5)))].iter());
        change(&mut all);
        assert_eq!(aggregates::aggregates_from_wire(Some(all), 1).unwrap_err().field, field);
    };
    refused(&|all| all.count.clear(), "count");
    refused(&|all| all.count[0] = 0, "aggregates");
    refused(&|all| all.kinds[0] = 0x80, "aggregates");
    refused(&|all| all.sum[0] = f64::NAN.to_bits(), "aggregates");
    refused(&|all| all.min.push(0), "min");
    refused(&|all| all.distinct_rows.push(0), "sketches");
    refused(&|all| (all.distinct_rows, all.distinct) = (vec![1], vec![vec![]]), "sketches");
    refused(&|all| (all.distinct_rows, all.distinct) = (vec![0], vec![vec![9]]), "sketches");
}

#[test]
fn failures_come_back_as_what_they_are() {
    for query in [
        QueryError::TooManyPoints { max: 5 },
        QueryError::TooManyGroups { groups: 9, max: 5 },
        QueryError::TooManySketches { max: 5 },
        QueryError::TooManyBytes { max: 5 },
    ] {
        assert_eq!(failed(failure(&query.clone().into()), "node x"), query.into());
    }
    let words = |why: JobError| failed(failure(&why), "node x").to_string();
    assert_eq!(words(PartitionError::Failed("disk".into()).into()), "node x: it has failed: disk");
    assert_eq!(words(JobError::Cancelled), "node x: it ran out of time");
    assert_eq!(words(QueryError::Bug("no".into()).into()), "node x: internal: BUG: no");
    assert_eq!(words(PartitionError::Elsewhere("ä".repeat(9_000)).into()).len(), "node x: ".len() + 4_096);
}

#[test]
fn a_budget_goes_along_and_what_was_spent_comes_back() {
    let limits = QueryLimits { points_max: 100, groups_max: 10, ..QueryLimits::default() };
    let ours = Budget::new(&limits);
    ours.take_points(60).unwrap();
    let theirs = Budget::from_wire(&ours.to_wire(), &QueryLimits::default());
    let before = theirs.all_spent();
    theirs.take_points(40).unwrap();
    theirs.take_groups(7).unwrap();
    theirs.count_series(3);
    assert_eq!(theirs.take_points(1), Err(QueryError::TooManyPoints { max: 100 }.into()));
    let spent = Spent::from_wire(&theirs.all_spent().since(&before).to_wire());
    assert_eq!((spent.points, spent.groups, spent.series), (41, 7, 3));
    assert_eq!(ours.add(&spent), Err(QueryError::TooManyPoints { max: 100 }.into()));
    assert_eq!(ours.spent().0, 3);
    let more = v1::JobBudget { points_max: u64::MAX, points: u64::MAX, ..v1::JobBudget::default() };
    assert_eq!(
        Budget::from_wire(&more, &limits).take_points(1),
        Err(QueryError::TooManyPoints { max: 100 }.into())
    );
}
