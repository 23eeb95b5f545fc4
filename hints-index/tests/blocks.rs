//! A metric large enough for lists of positions, against a list of its combinations that is filtered one by one; as it
//! grew, as a clone of it was, and as it is loaded.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hints_index::{HintsIndex, Journal, Loader, MetricIndex, Search, Selection};
use model::{Matcher, Minute, MinuteRange};
use proptest::prelude::*;

/// Two whole blocks, a few whole chunks and a part of one.
const SERIES: u32 = 2 * 65_536 + 3 * 4_096 + 77;
/// A clone of when there was one whole block.
const THEN: u32 = 65_536 + 4_096 + 5;
/// The first series that has `Late`.
const LATE: u32 = 65_536 + 30_000;
const BASE: u32 = 60 * 2_000;
const DIMS: [&str; 7] = ["Cluster", "Common", "Late", "Nowhere", "Rare", "Region", "VM"];

/// Of each series, the values of [`DIMS`]; empty when absent.
type Rows = Vec<[String; 7]>;

struct House {
    rows: Rows,
    now: HintsIndex,
    then: HintsIndex,
    loaded: HintsIndex,
}

static HOUSE: LazyLock<House> = LazyLock::new(House::build);

// === impl House ===

impl House {
    fn build() -> Self {
        let rows: Rows = (0..SERIES).map(combination).collect();
        let (mut now, mut then) = (HintsIndex::new(), HintsIndex::new());
        for (id, row) in (0..).zip(&rows) {
            if id == THEN {
                then = now.clone();
            }
            let dims = DIMS.into_iter().zip(row).map(|(name, value)| (name, value.as_str()));
            now.insert("default", "Requests", 0, id, dims).unwrap();
        }
        for index in [&mut now, &mut then] {
            for minute in 0..180 {
                let had: Vec<u32> =
                    (0..index.series_count() as u32).filter(|id| had_data(*id, minute)).collect();
                index.note(0, Minute(BASE + minute), &had, &mut Journal::default()).unwrap();
            }
        }
        let loaded = loaded(&now);
        let mut house = Self { rows, now, then, loaded };
        for index in [&mut house.now, &mut house.then, &mut house.loaded] {
            index.delete(0, (0..SERIES).filter(|id| is_deleted(*id)));
        }
        house
    }
}

fn loaded(index: &HintsIndex) -> HintsIndex {
    let (mut index, mut disk) = (index.clone(), BTreeMap::new());
    index.save(Minute(BASE), &mut |key, value| drop(disk.insert(key, value.unwrap())));
    let mut loader = Loader::new();
    disk.iter().for_each(|(key, value)| loader.record(key, value).unwrap());
    loader.finish().unwrap()
}

fn combination(id: u32) -> [String; 7] {
    let mix = (u64::from(id) + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mix = (mix ^ mix >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8;
    let value =
        |has: bool, name: &str, value: u64| if has { format!("{name}{value}") } else { String::new() };
    [
        value(true, "c", mix % 300),
        value(true, "m", if mix % 2 == 0 { 0 } else { mix / 2 % 500 }),
        value(id >= LATE, "l", mix / 3 % 40),
        String::new(),
        value(mix % 1_000 == 0, "r", mix / 1_000 % 7),
        value(true, "g", mix / 5 % 5), // each is at more than a 16th of the positions
        value(true, "v", mix / 7 % 20_000),
    ]
}

/// The last two hours, by turns; every 50th series never.
fn had_data(id: u32, minute: u32) -> bool {
    !id.is_multiple_of(50) && minute % 60 == id % 7 && (minute >= 60 || id.is_multiple_of(3))
}

fn is_deleted(id: u32) -> bool {
    id % 1_009 == 3
}

// === questions ===

fn matcher() -> impl Strategy<Value = Matcher> {
    let dim = || prop::sample::select(DIMS.to_vec());
    let value = "[cmlrgv][0-9]{1,3}";
    let listed = (dim(), prop::sample::select(vec!["in", "not in"]), prop::collection::vec(value, 1..12));
    let same = (prop::sample::select(vec![0_usize, 1, 2, 4, 5, 6]), 0..SERIES).prop_map(|(dim, id)| {
        let value = combination(id)[dim].clone();
        (DIMS[dim], "in", vec![value])
    });
    let patterns = ["c1.*", "c12.*", "v77.*", "m[0-9]", "l(3|4)", ".*9", "", "r.+", "g1|g2", "c.*"];
    let pattern = (
        dim(),
        prop::sample::select(vec!["=~", "!~"]),
        prop::sample::select(patterns.to_vec()).prop_map(|pattern| vec![pattern.to_owned()]),
    );
    let presence = (dim(), prop::sample::select(vec!["exists", "absent"]), Just(Vec::new()));
    prop_oneof![2 => listed, 5 => same, 3 => pattern, 1 => presence]
        .prop_map(|(dim, op, values)| Matcher::new(dim, op, values).unwrap())
}

fn passing(series: u32, rows: &Rows, matchers: &[Matcher]) -> Vec<u32> {
    let dim = |name: &str| DIMS.iter().position(|dim| *dim == name).unwrap();
    let mut left: Vec<u32> = (0..series).filter(|id| !is_deleted(*id)).collect();
    for matcher in matchers {
        let dim = dim(&matcher.dim);
        left.retain(|id| matcher.matches(&rows[*id as usize][dim]));
    }
    left
}

fn counts(rows: &Rows, ids: &[u32], dim: usize) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    for value in ids.iter().map(|id| &rows[*id as usize][dim]).filter(|value| !value.is_empty()) {
        *counts.entry(value.clone()).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn check(
    metric: &MetricIndex,
    rows: &Rows,
    matchers: &[Matcher],
    range: MinuteRange,
    of: usize,
) -> Result<(), TestCaseError> {
    // What is left after each selection is what "why empty" says.
    for asked in 0..=matchers.len() {
        let (matchers, series) = (&matchers[..asked], metric.len() as u32);
        let expected = passing(series, rows, matchers);
        let selection = metric.select(matchers);
        prop_assert_eq!(selection.iter().collect::<Vec<_>>(), &expected[..]);
        same_counts(metric, &selection, of, &counts(rows, &expected, of))?;

        let mut active = metric.select_active(matchers, range);
        prop_assert_eq!(active.selected().iter().collect::<Vec<_>>(), &expected[..]);
        let look_up = active.look_up().to_vec();
        let in_range = |id: u32, range: &MinuteRange| {
            (0..180).any(|minute| range.contains(Minute(BASE + minute)) && had_data(id, minute))
        };
        for id in &expected {
            if look_up.iter().any(|range| in_range(*id, range)) {
                active.found(*id);
            }
        }
        let expected: Vec<u32> = expected.into_iter().filter(|id| in_range(*id, &range)).collect();
        let selection = active.finish();
        prop_assert_eq!(selection.iter().collect::<Vec<_>>(), &expected[..]);
        same_counts(metric, &selection, of, &counts(rows, &expected, of))?;
    }
    Ok(())
}

fn same_counts(
    metric: &MetricIndex,
    selection: &Selection,
    of: usize,
    expected: &[(String, u64)],
) -> Result<(), TestCaseError> {
    let values = metric.values_of(DIMS[of], selection, Search::ALL).page;
    let values: Vec<_> = values.into_iter().map(|(value, count)| (value.to_owned(), count)).collect();
    prop_assert_eq!(values, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn lists_answer_as_looking_at_each_does(
        matchers in prop::collection::vec(matcher(), 0..4),
        (from, len) in (0_u32..180, 1_u32..180),
        of in 0..DIMS.len(),
        which in 0_u8..3,
    ) {
        let house = &*HOUSE;
        let index = [&house.now, &house.then, &house.loaded][usize::from(which)];
        let range = MinuteRange::new(Minute(BASE + from), Minute(BASE + from + len));
        check(index.metric("default", "Requests").unwrap(), &house.rows, &matchers, range, of)?;
    }
}

#[test]
fn lists_cost_two_bytes_a_position_and_nothing_where_values_are_crowded() {
    let bytes = |values: u32, series: u32| {
        let mut index = HintsIndex::new();
        for id in 0..series {
            let value = format!("{:06}", id % values);
            index.insert("default", "Cpu", 0, id, [("Host", value.as_str())]).unwrap();
        }
        index.memory_bytes() as i64
    };
    // What the second block of positions adds: its column, and its lists.
    let block = |values| bytes(values, 2 * 65_536) - bytes(values, 65_536);
    let column = |width: i64| 65_536 / (64 / width) * 8;
    assert!((0..20_000).contains(&(block(1_000) - column(10) - 2 * 65_536)), "{}", block(1_000));
    assert!((0..20_000).contains(&(block(16) - column(4))), "{}", block(16));
}
