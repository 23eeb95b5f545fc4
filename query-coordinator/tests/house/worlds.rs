//! Random rows, and what may be asked of them.

use model::{Aggregate, Bounds, Distinct, Distribution, Matcher, Number, Sketches};
use proptest::prelude::*;
use proto::v1;
use query_coordinator::{Coordinator, QueryLimits};

use super::{Plan, Row, Upkeep, coordinator, rooms, value_of};

/// The last minutes of an hour and the first of the next.
pub(crate) const FIRST: u32 = 117;
pub(crate) const MINUTES: u32 = 6;
pub(crate) const SEALED_THROUGH: u32 = FIRST + 4;

/// Rows, and how they are spread.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) rows: Vec<Row>,
    pub(crate) partitions: u32,
    pub(crate) spread: u32,
    pub(crate) upkeep: Upkeep,
}

/// What is asked of a metric.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) by: Option<Vec<String>>,
    pub(crate) matchers: Vec<v1::Matcher>,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) include_open: bool,
}

// === worlds ===

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let spread = (1_u32..5).prop_flat_map(|partitions| (Just(partitions), 1..=partitions));
    let upkeep = prop::sample::select(vec![Upkeep::Nothing, Upkeep::Early, Upkeep::All]);
    (prop::collection::vec(rows(), 0..60), spread, upkeep)
        .prop_map(|(rows, (partitions, spread), upkeep)| World { rows, partitions, spread, upkeep })
}

pub(crate) fn rows() -> impl Strategy<Value = Row> {
    let metric = prop_oneof![3 => Just("m"), 1 => Just("p")];
    let place = (metric, dims(), FIRST..FIRST + MINUTES, 0_u64..3);
    (place, aggregates()).prop_map(|((metric, dims, minute, seal), aggregate)| Row {
        metric,
        dims,
        minute,
        aggregate,
        seal,
        open: minute > SEALED_THROUGH || seal == 2, // the newest are open, and some of all minutes are pending late rows
    })
}

pub(crate) fn dims() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::btree_map("[abc]", prop_oneof![Just("x"), Just("xy"), Just("y"), Just("z")], 0..4)
        .prop_map(|map| map.into_iter().map(|(name, value)| (name, value.to_owned())).collect())
}

/// Halves, so that float sums are exact in any order; few values, so that there are ties. A third is cut at bounds.
pub(crate) fn aggregates() -> impl Strategy<Value = Aggregate> {
    (prop::collection::vec(-6_i32..7, 1..4), 0_u8..4, any::<bool>()).prop_map(|(values, sketches, whole)| {
        let number = |value: i32| {
            let value = f64::from(value);
            Number::from_f64(if whole { value } else { value / 2.0 }).unwrap()
        };
        let mut aggregate = Aggregate::default();
        let bounds = (values[0] % 3 == 0).then(|| Bounds::new([-2.0, 0.5, 4.0]).unwrap());
        let mut distribution = bounds.map_or_else(Distribution::new, Distribution::with_bounds);
        let mut distinct = Distinct::default();
        for value in values {
            aggregate.scalars.record(number(value));
            distinct.observe_number(number(value));
            distribution.record(number(value).to_f64());
        }
        let kept = Sketches {
            distinct: (sketches & 1 == 1).then_some(distinct),
            distribution: (sketches & 2 == 2).then_some(distribution),
        };
        aggregate.sketches = (sketches > 0).then(|| Box::new(kept));
        aggregate
    })
}

pub(crate) fn asks() -> impl Strategy<Value = Ask> {
    let by = prop::option::of(prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..4));
    let some = (0..MINUTES).prop_flat_map(|from| (Just(FIRST + from), FIRST + from + 1..=FIRST + MINUTES));
    let whole = prop::sample::select(vec![(60, 180), (60, 120), (119, 180), (0, 1440)]);
    let range = prop_oneof![2 => some, 1 => whole];
    (by, prop::collection::vec(matchers(), 0..3), range, any::<bool>()).prop_map(
        |(by, matchers, (from, to), include_open)| Ask {
            by: by.map(|names| names.into_iter().map(str::to_owned).collect()),
            matchers,
            from,
            to,
            include_open,
        },
    )
}

pub(crate) fn matchers() -> impl Strategy<Value = v1::Matcher> {
    let ops = [
        ("=", vec!["x"]),
        ("=", vec![""]),
        ("!=", vec!["x"]),
        ("in", vec!["x", "y"]),
        ("not in", vec!["x", "q"]),
        ("=~", vec!["x.*"]),
        ("!~", vec!["x.*"]),
        ("exists", vec![]),
        ("absent", vec![]),
    ];
    ("[abcd]", prop::sample::select(ops.to_vec())).prop_map(|(dim, (op, values))| v1::Matcher {
        dim,
        op: op.into(),
        values: values.into_iter().map(str::to_owned).collect(),
    })
}

/// Minutes of a step.
pub(crate) fn steps_asked() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![1_u32, 2, 3, 60, 1440])
}

pub(crate) fn samplings() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["sum", "count", "min", "max", "avg", "rate", "distinct", "p50", "p99.9"])
}

impl World {
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            partitions: self.partitions,
            spread: self.spread,
            sealed_through: SEALED_THROUGH,
            known_from: 0,
            now: FIRST + MINUTES,
            upkeep: self.upkeep,
        }
    }

    pub(crate) fn coordinator(&self, limits: QueryLimits) -> Coordinator {
        coordinator(self.plan(), rooms(self.plan(), &self.rows, &[]), limits)
    }

    /// The rows of a metric that an ask is about.
    pub(crate) fn matching(&self, metric: &str, ask: &Ask) -> Vec<&Row> {
        let matcher = |one: &v1::Matcher| Matcher::new(&one.dim, &one.op, one.values.clone()).unwrap();
        let matchers: Vec<Matcher> = ask.matchers.iter().map(matcher).collect();
        let fits = |row: &&Row| {
            row.metric == metric
                && (ask.from..ask.to).contains(&row.minute)
                && (ask.include_open || !row.open)
                && matchers.iter().all(|matcher| matcher.matches(value_of(row, &matcher.dim)))
        };
        self.rows.iter().filter(fits).collect()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct TopAsk {
    pub(crate) ask: Ask,
    pub(crate) rank: &'static str,
    pub(crate) n: u32,
    pub(crate) bottom: bool,
    pub(crate) points: bool,
    pub(crate) step: u32,
    pub(crate) pivot: Vec<(&'static str, &'static str)>,
}

impl TopAsk {
    pub(crate) fn request(&self) -> v1::TopRequest {
        let pivot = |(metric, sampling): &(&str, &str)| v1::Pivot {
            metric: (*metric).to_owned(),
            sampling: (*sampling).to_owned(),
        };
        v1::TopRequest {
            metric: "m".into(),
            by: self.ask.names(),
            rank: self.rank.into(),
            n: self.n,
            order: if self.bottom { "bottom" } else { "top" }.into(),
            r#where: self.ask.matchers.clone(),
            from: u64::from(self.ask.from) * 60,
            to: u64::from(self.ask.to) * 60,
            pivot: self.pivot.iter().map(pivot).collect(),
            points: self.points,
            step_seconds: self.step * 60,
            include_open: self.ask.include_open,
            ..Default::default()
        }
    }
}

impl Ask {
    /// As a request says it.
    pub(crate) fn names(&self) -> Vec<String> {
        self.by.clone().unwrap_or_else(|| vec!["*".into()])
    }
}

pub(crate) fn top_asks() -> impl Strategy<Value = TopAsk> {
    let metric = prop::sample::select(vec!["m", "p", "nowhere"]);
    let pivot = prop::collection::vec((metric, samplings()), 0..3);
    (asks(), samplings(), 1_u32..6, any::<bool>(), any::<bool>(), steps_asked(), pivot).prop_map(
        |(ask, rank, n, bottom, points, step, pivot)| TopAsk { ask, rank, n, bottom, points, step, pivot },
    )
}
