//! Every answer is the one that sorting all groups would give: checked against a list of rows and a `BTreeMap`, over
//! random partitions, minutes, late blocks, filters, groups and samplings.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod house;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use house::worlds::{Ask, FIRST, TopAsk, World, asks, samplings, steps_asked, top_asks, worlds};
use house::{ACCOUNT, Row, Upkeep, group_of, sort_key, value_of};
use model::{Aggregate, Number, Sampling, Scalars};
use proptest::prelude::*;
use proto::v1;
use query_coordinator::QueryLimits;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

type Tuple = Vec<(String, String)>;

fn merged<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Aggregate {
    let mut all = Aggregate::default();
    rows.into_iter().for_each(|row| all.merge(&row.aggregate));
    all
}

fn groups<'a>(rows: &[&'a Row], by: Option<&[String]>) -> BTreeMap<Tuple, Vec<&'a Row>> {
    let mut groups: BTreeMap<Tuple, Vec<&Row>> = BTreeMap::new();
    rows.iter().for_each(|row| groups.entry(group_of(row, by)).or_default().push(row));
    groups
}

/// `time=value` of each step.
fn steps(rows: &[&Row], ask: &Ask, step: u32, sampling: Sampling) -> Vec<(u64, Option<f64>)> {
    let starts = (ask.from..ask.to).step_by(step as usize);
    starts
        .map(|start| {
            let end = (start + step).min(ask.to);
            let inside = rows.iter().copied().filter(|row| (start..end).contains(&row.minute));
            (u64::from(start) * 60, sampling.read(&merged(inside), u64::from(end - start) * 60))
        })
        .collect()
}

fn shown(points: &[v1::Point]) -> Vec<(u64, Option<f64>)> {
    points.iter().map(|point| (point.time, point.value)).collect()
}

fn tuple_of(dims: &std::collections::HashMap<String, String>) -> Tuple {
    let mut tuple: Tuple = dims.clone().into_iter().collect();
    tuple.sort();
    tuple
}

fn names() -> BTreeSet<String> {
    ["a", "b", "c", "d"].map(str::to_owned).into()
}

// === top ===

fn check_top(world: &World, top: &TopAsk) {
    let ask = &top.ask;
    let reply = RUNTIME.block_on(world.coordinator(QueryLimits::default()).top(top.request())).unwrap();

    let sampling: Sampling = top.rank.parse().unwrap();
    let seconds = u64::from(ask.to - ask.from) * 60;
    let groups = groups(&world.matching("m", ask), ask.by.as_deref());
    let read = |rows: &Vec<&Row>| sampling.read(&merged(rows.iter().copied()), seconds);
    let mut ranked: Vec<(f64, &Tuple)> =
        groups.iter().filter_map(|(tuple, rows)| Some((read(rows)?, tuple))).collect();
    ranked.sort_by(|one, other| {
        let by_rank = one.0.partial_cmp(&other.0).unwrap();
        let by_rank = if top.bottom { by_rank } else { by_rank.reverse() };
        by_rank.then_with(|| sort_key(&names(), one.1).cmp(&sort_key(&names(), other.1)))
    });
    ranked.truncate(top.n as usize);

    let got: Vec<(f64, Tuple)> = reply.rows.iter().map(|row| (row.rank, tuple_of(&row.dims))).collect();
    let expected: Vec<(f64, Tuple)> = ranked.iter().map(|(rank, tuple)| (*rank, (*tuple).clone())).collect();
    assert_eq!(got, expected);

    let winners: BTreeSet<&Tuple> = ranked.iter().map(|(_, tuple)| *tuple).collect();
    let losers: Vec<_> = groups.iter().filter(|(tuple, _)| !winners.contains(tuple)).collect();
    let others = reply.others.unwrap();
    assert_eq!(others.groups, losers.len() as u64);
    let rest = merged(losers.iter().flat_map(|(_, rows)| rows.iter().copied()));
    assert_eq!(others.rank, sampling.read(&rest, seconds));

    for (row, (_, tuple)) in reply.rows.iter().zip(&ranked) {
        let points = if top.points { steps(&groups[*tuple], ask, top.step, sampling) } else { Vec::new() };
        assert_eq!(shown(&row.points), points);
        assert_eq!(row.pivot.len(), top.pivot.len());
        for (pivot, (metric, name)) in row.pivot.iter().zip(&top.pivot) {
            let sampling: Sampling = name.parse().unwrap();
            let all = world.matching(metric, ask);
            let same = |row: &&&Row| group_of(row, ask.by.as_deref()) == **tuple;
            let rows: Vec<&Row> = all.iter().filter(same).copied().collect();
            assert_eq!(pivot.name, format!("{metric}:{name}"));
            assert_eq!(pivot.value, sampling.read(&merged(rows.iter().copied()), seconds));
            let points = if top.points { steps(&rows, ask, top.step, sampling) } else { Vec::new() };
            assert_eq!(shown(&pivot.points), points);
        }
    }
}

// === series, hints, what exists ===

fn check_series(world: &World, ask: &Ask, name: &str, step: u32, series_max: usize) {
    let request = v1::SeriesRequest {
        account: ACCOUNT.into(),
        metric: "m".into(),
        by: ask.names(),
        sampling: name.into(),
        step_seconds: step * 60,
        r#where: ask.matchers.clone(),
        from: u64::from(ask.from) * 60,
        to: u64::from(ask.to) * 60,
        include_open: ask.include_open,
    };
    let limits = QueryLimits { series_max, ..QueryLimits::default() };
    let reply = RUNTIME.block_on(world.coordinator(limits).series(request)).unwrap();
    let groups = groups(&world.matching("m", ask), ask.by.as_deref());
    let mut expected: Vec<_> = groups.iter().collect();
    expected.sort_by_key(|(tuple, _)| sort_key(&names(), tuple));
    let left_out = expected.len().saturating_sub(series_max);
    expected.truncate(series_max);
    let got: Vec<_> = reply.rows.iter().map(|row| (tuple_of(&row.dims), shown(&row.points))).collect();
    let sampling: Sampling = name.parse().unwrap();
    let expected: Vec<_> =
        expected.into_iter().map(|(tuple, rows)| (tuple.clone(), steps(rows, ask, step, sampling))).collect();
    assert_eq!(got, expected);
    let said = reply.warnings.iter().any(|warning| warning.starts_with(&format!("{left_out} series after")));
    assert_eq!(said, left_out > 0);
}

fn check_hints(world: &World, ask: &Ask, of: &str, prefix: &str, substring: &str, limit: u32) {
    let rows = world.matching("m", ask);
    let mut expected: BTreeMap<String, BTreeSet<Tuple>> = BTreeMap::new();
    for row in rows {
        let value = value_of(row, of);
        if !value.is_empty() && value.starts_with(prefix) && value.contains(substring) {
            expected.entry(value.to_owned()).or_default().insert(group_of(row, None));
        }
    }
    let expected: Vec<(String, u64)> =
        expected.into_iter().map(|(value, series)| (value, series.len() as u64)).collect();
    let coordinator = world.coordinator(QueryLimits::default());
    let (mut got, mut after) = (Vec::new(), String::new());
    loop {
        let request = v1::HintsRequest {
            metric: "m".into(),
            select: ask.matchers.clone(),
            of: of.into(),
            prefix: prefix.into(),
            substring: substring.into(),
            from: u64::from(ask.from) * 60,
            to: u64::from(ask.to) * 60,
            limit,
            after,
            include_open: ask.include_open,
            account: String::new(),
        };
        let reply = RUNTIME.block_on(coordinator.hints(request)).unwrap();
        assert_eq!(reply.total, expected.len() as u64);
        assert!(reply.values.len() <= limit as usize);
        let left: Vec<u64> = reply.why_empty.iter().map(|step| step.series).collect();
        assert_eq!(left, if expected.is_empty() { left_after(world, ask, of) } else { Vec::new() });
        got.extend(reply.values.into_iter().map(|value| (value.value, value.series)));
        after = reply.next;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(got, expected);
}

/// Series with data after none, one, two … of the selections, and with the dimension.
fn left_after(world: &World, ask: &Ask, of: &str) -> Vec<u64> {
    let exists = v1::Matcher { dim: of.into(), op: "exists".into(), values: Vec::new() };
    let steps: Vec<_> = ask.matchers.iter().cloned().chain([exists]).collect();
    let left = |count: usize| {
        let ask = Ask { matchers: steps[..count].to_vec(), ..ask.clone() };
        world.matching("m", &ask).iter().map(|row| group_of(row, None)).collect::<BTreeSet<_>>().len() as u64
    };
    (0..=steps.len()).map(left).collect()
}

fn check_lists(world: &World, ask: &Ask) {
    let ask = Ask { matchers: Vec::new(), ..ask.clone() };
    let coordinator = world.coordinator(QueryLimits::default());
    let (from, to, include_open) = (u64::from(ask.from) * 60, u64::from(ask.to) * 60, ask.include_open);
    let request = v1::MetricsRequest { from, to, include_open, ..Default::default() };
    let reply = RUNTIME.block_on(coordinator.metrics(request)).unwrap();
    let mut expected = Vec::new();
    for metric in ["m", "p"] {
        let rows = world.matching(metric, &ask);
        let series: BTreeSet<Tuple> = rows.iter().map(|row| group_of(row, None)).collect();
        let dims: BTreeSet<String> = series.iter().flatten().map(|(name, _)| name.clone()).collect();
        if !series.is_empty() {
            expected.push((metric.to_owned(), series.len() as u64, dims.into_iter().collect::<Vec<_>>()));
        }
    }
    let got: Vec<_> = reply.metrics.into_iter().map(|row| (row.metric, row.series, row.dims)).collect();
    assert_eq!(got, expected);

    let request = v1::DimensionsRequest { metric: "m".into(), from, to, include_open, ..Default::default() };
    let reply = RUNTIME.block_on(coordinator.dimensions(request)).unwrap();
    let series: BTreeSet<Tuple> = world.matching("m", &ask).iter().map(|row| group_of(row, None)).collect();
    let mut expected: BTreeMap<String, (BTreeSet<String>, u64)> = BTreeMap::new();
    for (name, value) in series.into_iter().flatten() {
        let (values, series) = expected.entry(name).or_default();
        values.insert(value);
        *series += 1;
    }
    let expected: Vec<_> =
        expected.into_iter().map(|(name, (values, series))| (name, values.len() as u64, series)).collect();
    let got: Vec<_> = reply.dimensions.into_iter().map(|row| (row.name, row.values, row.series)).collect();
    assert_eq!(got, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn top_is_what_sorting_gives(world in worlds(), top in top_asks()) {
        check_top(&world, &top);
    }

    #[test]
    fn series_are_the_groups_over_time(
        world in worlds(), ask in asks(), sampling in samplings(), step in steps_asked(), series_max in 1_usize..8,
    ) {
        check_series(&world, &ask, sampling, step, series_max);
    }

    #[test]
    fn hints_are_exact(
        world in worlds(), ask in asks(), of in "[abcd]", prefix in "x?y?", substring in "y?", limit in 1_u32..3,
    ) {
        check_hints(&world, &ask, &of, &prefix, &substring, limit);
    }

    #[test]
    fn lists_hold_what_has_data(world in worlds(), ask in asks()) {
        check_lists(&world, &ask);
    }
}

/// Sums beyond 2^53 differ by one although their floats are equal.
#[test]
fn large_integers_are_ranked_exactly() {
    let row = |value: &str, sum: i64| Row {
        metric: "m",
        dims: vec![("a".into(), value.into())],
        minute: FIRST,
        aggregate: Aggregate::of(Scalars::of(Number::Int(sum))),
        seal: 0,
        open: false,
    };
    let large = 1_i64 << 60;
    let rows = vec![row("x", large), row("y", large + 1), row("z", i64::MAX), row("zz", 5)];
    let world = World { rows, partitions: 3, spread: 3, upkeep: Upkeep::All };
    for by in ["a", "*"] {
        let request = v1::TopRequest {
            metric: "m".into(),
            by: vec![by.into()],
            rank: "sum".into(),
            n: 2,
            from: u64::from(FIRST) * 60,
            to: u64::from(FIRST + 1) * 60,
            ..Default::default()
        };
        let reply = RUNTIME.block_on(world.coordinator(QueryLimits::default()).top(request)).unwrap();
        let winners: Vec<_> = reply.rows.iter().map(|row| row.dims["a"].as_str()).collect();
        assert_eq!(winners, ["z", "y"]);
    }
}
