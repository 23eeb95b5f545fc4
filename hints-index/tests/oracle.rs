//! Against a list of series that is filtered one by one.

use std::collections::BTreeMap;

use hints_index::{HintsIndex, MetricIndex, Search};
use model::{Dims, LocalId, Matcher, SeriesKey};
use proptest::prelude::*;

/// What was inserted, in order.
type Oracle = Vec<(LocalId, SeriesKey)>;

fn dims() -> impl Strategy<Value = Dims> {
    let pair = ("[A-C]", "(|x|y|z|xy|yz|é)");
    prop::collection::btree_map(pair.0, pair.1, 0..4)
        .prop_map(|pairs| Dims::new(pairs.into_iter().collect()).expect("names of a map are unique"))
}

fn series() -> impl Strategy<Value = SeriesKey> {
    ("[ab]", "[mn]", dims()).prop_map(|(account, metric, dims)| SeriesKey { account, metric, dims })
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let listed = (
        "[A-D]",
        prop::sample::select(vec!["in", "not in"]),
        prop::collection::vec("(|x|y|z|xy|yz|é|none)", 1..4),
    );
    let pattern = (
        "[A-D]",
        prop::sample::select(vec!["=~", "!~"]),
        prop::sample::select(vec!["x.*", ".*z", "", "x|y", ".", "none"]).prop_map(|p| vec![p.to_owned()]),
    );
    let presence = ("[A-D]", prop::sample::select(vec!["exists", "absent"]), Just(Vec::new()));
    prop_oneof![listed, pattern, presence]
        .prop_map(|(dim, op, values)| Matcher::new(dim, op, values).expect("good words"))
}

/// Ids are unique over the partition and have gaps within a metric.
fn build(keys: &[SeriesKey], gap: u32, oracle: &mut Oracle, index: &mut HintsIndex) {
    for key in keys {
        let id = oracle.last().map_or(5, |(last, _)| last + gap);
        let pairs = key.dims.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let known = index.metric(&key.account, &key.metric).map(|metric| metric.metric_id());
        let metric = known.unwrap_or(index.metric_count() as u32);
        index.insert(&key.account, &key.metric, metric, id, pairs).expect("ids ascend");
        oracle.push((id, key.clone()));
    }
}

/// A metric's id is its place among the metrics by first appearance.
fn of_metric<'a>(
    oracle: &'a Oracle,
    metric: &'a MetricIndex,
) -> impl Iterator<Item = &'a (LocalId, SeriesKey)> {
    let name_of = |key: &SeriesKey| (key.account.clone(), key.metric.clone());
    let mut names: Vec<_> = Vec::new();
    oracle.iter().map(|(_, key)| name_of(key)).for_each(|name| {
        if !names.contains(&name) {
            names.push(name);
        }
    });
    let name = names[metric.metric_id() as usize].clone();
    oracle.iter().filter(move |(_, key)| name_of(key) == name)
}

fn passes(key: &SeriesKey, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|one| one.matches(key.dims.get(&one.dim).unwrap_or("")))
}

fn selected<'a>(oracle: &'a Oracle, metric: &'a MetricIndex, matchers: &[Matcher]) -> Oracle {
    of_metric(oracle, metric).filter(|(_, key)| passes(key, matchers)).cloned().collect()
}

fn same_selection(oracle: &Oracle, metric: &MetricIndex, matchers: &[Matcher]) -> Result<(), TestCaseError> {
    let selection = metric.select(matchers);
    let found: Vec<LocalId> = selection.iter().map(|at| metric.local_ids().get(at)).collect();
    let expected = selected(oracle, metric, matchers);
    prop_assert_eq!(found, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    prop_assert_eq!(selection.len(), expected.len());
    for at in 0..metric.len() as u32 {
        let id = metric.local_ids().get(at);
        prop_assert_eq!(selection.contains(at), expected.iter().any(|(have, _)| *have == id));
    }
    Ok(())
}

fn same_series(oracle: &Oracle, metric: &MetricIndex) -> Result<(), TestCaseError> {
    let expected: Vec<_> = of_metric(oracle, metric).collect();
    prop_assert_eq!(metric.len(), expected.len());
    for (at, (id, key)) in (0_u32..).zip(expected) {
        prop_assert_eq!(metric.position_of(*id), Some(at));
        prop_assert_eq!(metric.position_of(id + 1_000_000), None);
        let pairs: Vec<_> = metric.dims_of(at).collect();
        let words: Vec<_> =
            key.dims.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        prop_assert_eq!(pairs, words);
        for dim in ["A", "B", "C", "D"] {
            let column = metric.dim(dim);
            let value_id = column.map_or(0, |column| column.value_id(at));
            prop_assert_eq!(column.map_or("", |column| column.value_at(at)), key.dims.get(dim).unwrap_or(""));
            prop_assert_eq!(value_id == 0, key.dims.get(dim).is_none());
        }
    }
    Ok(())
}

fn same_values(
    oracle: &Oracle,
    metric: &MetricIndex,
    matchers: &[Matcher],
    (prefix, substring): (&str, &str),
) -> Result<(), TestCaseError> {
    let selection = metric.select(matchers);
    for dim in ["A", "B", "C", "D"] {
        let mut expected = BTreeMap::<String, u64>::new();
        for (_, key) in selected(oracle, metric, matchers) {
            let value = key.dims.get(dim).unwrap_or("");
            if !value.is_empty() && value.starts_with(prefix) && value.contains(substring) {
                *expected.entry(value.to_owned()).or_default() += 1;
            }
        }
        let (mut found, mut after, mut total) = (Vec::new(), String::new(), 0);
        loop {
            let search = Search { prefix, substring, after: &after, limit: 2 };
            let values = metric.values_of(dim, &selection, search);
            prop_assert!(values.page.len() <= 2);
            found.extend(values.page.into_iter().map(|(value, count)| (value.to_owned(), count)));
            total = values.total.max(total);
            if !values.more {
                break;
            }
            after.clone_from(&found.last().expect("a page that is not the last has values").0);
        }
        prop_assert_eq!(total, expected.len());
        prop_assert_eq!(&found, &expected.into_iter().collect::<Vec<_>>());
        let all = metric.values_of(dim, &selection, Search { prefix, substring, ..Search::ALL });
        prop_assert_eq!(all.page.len(), found.len());
    }
    Ok(())
}

fn every_metric(index: &HintsIndex) -> Vec<&MetricIndex> {
    let accounts: Vec<&str> = index.accounts().collect();
    accounts.iter().flat_map(|account| index.metrics(account)).map(|(_, metric)| &**metric).collect()
}

fn same(
    oracle: &Oracle,
    index: &HintsIndex,
    matchers: &[Matcher],
    search: (&str, &str),
) -> Result<(), TestCaseError> {
    let metrics = every_metric(index);
    prop_assert_eq!(index.series_count(), oracle.len() as u64);
    prop_assert_eq!(index.metric_count(), metrics.len());
    prop_assert_eq!(metrics.iter().map(|metric| metric.len()).sum::<usize>(), oracle.len());
    for metric in metrics {
        same_series(oracle, metric)?;
        same_selection(oracle, metric, matchers)?;
        same_values(oracle, metric, matchers, search)?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_answers_as_a_list_does(
        before in prop::collection::vec(series(), 0..40),
        after in prop::collection::vec(series(), 0..20),
        gap in 1_u32..3,
        matchers in prop::collection::vec(matcher(), 0..3),
        prefix in "(|x|y)",
        substring in "(|z|é)",
    ) {
        let (mut oracle, mut index) = (Oracle::new(), HintsIndex::new());
        build(&before, gap, &mut oracle, &mut index);
        let (oracle_then, clone) = (oracle.clone(), index.clone());
        build(&after, gap, &mut oracle, &mut index);
        same(&oracle, &index, &matchers, (&prefix, &substring))?;
        same(&oracle_then, &clone, &matchers, (&prefix, &substring))?;
    }
}
