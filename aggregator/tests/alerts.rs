//! Alerts in the island: verdicts are a function of the log, whatever crashes on the way.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod support;

use std::collections::BTreeMap;

use aggregator::{Island, IslandLimits};
use bytes::Bytes;
use model::Minute;
use proptest::prelude::*;
use proto::{BatchView, encode_delivered, encode_rules, v1};
use store::MemoryKv;
use support::{TestRow, dump, replay, rows_record, seal_record};

const RULES: &str = "alerts:
  - {name: hot, account: acme, metric: cpu, sampling: max, window: 2m, tiers: [{severity: a, when: '> 5', for: 2 of 3}]}
  - {name: silent, account: acme, metric: latency, tiers: [{severity: a, when: no data for 2m}]}
  - {name: all, account: acme, metric: cpu, by: [], tiers: [{severity: a, when: '> 12'}, {severity: b, when: '> 20'}]}
  - {name: odd, account: acme, metric: cpu, deviation: {over: 4m}, tiers: [{severity: a, when: beyond 1}]}
";

#[test]
fn a_rule_fires_and_clears_at_the_seals() {
    let mut log = vec![rules_record(1, 10, RULES)];
    for (minute, value) in [(9, 9.0), (10, 9.0), (11, 9.0), (12, 1.0), (13, 1.0), (14, 1.0)] {
        log.push(rows_record(None, &[TestRow { series: 0, minute, value }]));
        log.push(seal_record(minute));
    }
    // One record is the rules, then two a minute.
    check(&log[..3], "");
    check(&log[..5], "hot host=0 pending");
    check(&log[..7], "hot host=0 firing since 11");
    check(&log[..9], "hot host=0 firing since 11");
    check(&log[..11], "hot host=0 resolved since 11");
    check(&log[..13], "");
}

#[test]
fn rows_that_come_late_change_no_verdict() {
    let row = |minute, value| rows_record(None, &[TestRow { series: 0, minute, value }]);
    let log = |before_the_seal: bool| {
        let mut tenth = vec![row(10, 50.0), seal_record(10)];
        tenth.rotate_left(usize::from(!before_the_seal));
        let mut log = vec![rules_record(1, 0, RULES), row(9, 1.0), seal_record(9)];
        log.extend(tenth.into_iter().chain([row(11, 1.0), seal_record(11)]));
        log
    };
    check(&log(false), "");
    check(&log(true), "hot host=0 firing since 11");
}

/// Series 3 is one of the rule's metric and series 1 is not; neither finds room.
#[test]
fn a_minute_is_incomplete_for_the_rules_of_what_was_dropped() {
    for (series, drop_counters_max, is_unknown) in [(3, 10, true), (1, 10, false), (1, 0, true)] {
        let mut island =
            Island::new(IslandLimits { series_max: 1, drop_counters_max, ..IslandLimits::DEFAULT });
        let row = |series| TestRow { series, minute: 10, value: 1.0 };
        let rows = rows_record(None, &[row(0), row(series)]);
        replay(&mut island, &[rules_record(1, 10, RULES), rows, seal_record(10)], &MemoryKv::new());
        assert_eq!(island.counters().rows_dropped, 1);
        let states = shown(&island).into_iter().filter(|one| one.starts_with("all")).collect::<Vec<_>>();
        assert_eq!(
            states,
            if is_unknown { vec!["all  unknown"; 2] } else { vec![] },
            "{series} {drop_counters_max}"
        );
    }
}

#[test]
fn rules_that_cannot_be_used_are_skipped_and_what_held_holds_on() {
    let mut island = Island::new(IslandLimits::DEFAULT);
    island.apply(0, &rules_record(1, 0, RULES)).unwrap();
    let skipped = island.apply(1, &rules_record(2, 0, "alerts: [{name: x}]")).unwrap().skipped;
    assert!(skipped[0].contains("r.yaml:1:10: alerts[0]: metric is missing"), "{skipped:?}");
    assert_eq!(island.rules_version(), 1);
    // The same version again is the same set.
    assert!(island.apply(2, &rules_record(1, 0, "nonsense")).unwrap().skipped.is_empty());
}

/// Who applies to what was known before whatever is put out knows what the view shows.
#[test]
fn every_change_of_state_is_put_out_and_nothing_else() {
    let row = |series, minute, value| TestRow { series, minute, value };
    let mut log = vec![rules_record(1, 10, RULES)];
    for minute in 10..40 {
        let rows: Vec<TestRow> = (0..6)
            .filter(|series| (minute * 7 + series * 5) % 11 > 3)
            .map(|series| row(series, minute, f64::from((minute * 13 + series * 31) % 17)))
            .collect();
        log.push(rows_record(None, &rows));
        // Now and then one seal closes three minutes.
        log.extend((minute % 7 > 1).then(|| seal_record(minute)));
    }
    let (mut island, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
    let (mut known, mut changes) = (BTreeMap::new(), 0);
    for at in 0..log.len() {
        let before = island.view().put_out.last().map(|newest| newest.seal);
        replay(&mut island, &log[..=at], &disk);
        let view = island.view();
        for new in view.put_out.iter().filter(|one| Some(one.seal) > before) {
            changes += new.rows();
            new.batches.iter().for_each(|batch| follow(batch, &mut known));
        }
        let shown: BTreeMap<String, String> = view
            .alerts
            .shown
            .iter()
            .map(|alert| {
                let host = alert.dims.get("host").unwrap_or_default();
                (
                    format!("{} {} {host}", alert.rule.name, alert.rule.severity(alert.tier)),
                    alert.state.to_string(),
                )
            })
            .collect();
        let interesting = known.iter().filter(|(_, state)| *state != "ok" && *state != "none");
        assert!(interesting.eq(shown.iter()), "after record {at}: {known:?} {shown:?}");
    }
    assert!(changes > 50, "{changes}");
}

/// Applies a batch of transitions; each must begin where the one before ended.
fn follow(batch: &v1::Batch, known: &mut BTreeMap<String, String>) {
    let view = BatchView::new(batch).unwrap();
    assert_eq!(view.account(), "acme");
    for at in 0..view.rows() {
        let row = view.row(at);
        let dims: BTreeMap<&str, &str> = view.dims(row.series).collect();
        if dims.get("group") == Some(&"__other__") {
            assert_eq!((dims["from"], dims["to"]), ("none", "ok"), "all others are few");
            continue;
        }
        let host = dims.get("host").copied().unwrap_or_default();
        let name = format!("{} {} {host}", dims["rule"], dims["severity"]);
        let before = known.insert(name, dims["to"].to_owned());
        let before = before.as_deref().unwrap_or("none");
        assert!(before == dims["from"] || (before, dims["from"]) == ("none", "ok"), "{before} {dims:?}");
    }
}

#[test]
fn what_has_arrived_is_put_out_no_more() {
    let mut log = vec![rules_record(1, 10, RULES)];
    for (minute, value) in [(10, 9.0), (11, 9.0), (12, 1.0), (13, 1.0)] {
        log.push(rows_record(None, &[TestRow { series: 0, minute, value }]));
        log.push(seal_record(minute));
    }
    let seals = |log: &[Bytes]| {
        let (mut island, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
        replay(&mut island, log, &disk);
        let loaded = support::load(IslandLimits::DEFAULT, &disk);
        assert_eq!(island.view().put_out, loaded.view().put_out);
        island.view().put_out.iter().map(|one| one.seal).collect::<Vec<_>>()
    };
    assert_eq!(seals(&log), [2, 4, 6, 8]);
    log.extend([encode_delivered(4), seal_record(14)]);
    assert_eq!(seals(&log), [6, 8, 10]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Each log is replayed with a crash before any of its records, in any combination.
    #[test]
    fn crashes_leave_no_trace(
        steps in prop::collection::vec(
            (prop::collection::vec((0..6_u32, 0..3_u32, 0..9_i32), 0..6), prop::bool::weighted(0.6), any::<bool>()), 1..30,
        ),
        change in 5..20_usize,
    ) {
        let (mut log, mut crashes, mut minute) = (vec![rules_record(1, 10, RULES)], vec![false], 9_u32);
        for (at, (rows, seal, crash)) in steps.into_iter().enumerate() {
            if at == change {
                let fewer: Vec<&str> = RULES.lines().filter(|line| !line.contains("hot")).collect();
                log.push(rules_record(2, minute + 2, &fewer.join("\n")));
                crashes.push(crash);
            }
            let rows: Vec<TestRow> = rows
                .into_iter()
                .map(|(series, back, value)| TestRow { series, minute: minute + 1 - back, value: value.into() })
                .collect();
            log.push(rows_record(None, &rows));
            crashes.push(crash);
            if seal {
                minute += 1;
                log.push(seal_record(minute));
                crashes.push(crash);
                if at % 3 == 0 {
                    log.push(encode_delivered((log.len() as u64).saturating_sub(4)));
                    crashes.push(crash);
                }
            }
        }
        let (mut whole, disk) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
        replay(&mut whole, &log, &disk);
        let (mut island, broken) = (Island::new(IslandLimits::DEFAULT), MemoryKv::new());
        for (at, crash) in crashes.iter().enumerate() {
            if *crash {
                island = Island::load(IslandLimits::DEFAULT, &*store::Kv::snapshot(&broken)).unwrap();
            }
            replay(&mut island, &log[..=at], &broken);
        }
        prop_assert_eq!(shown(&island), shown(&whole));
        prop_assert_eq!(island.image().unwrap(), whole.image().unwrap());
        prop_assert_eq!(dump(&broken), dump(&disk));
    }
}

fn rules_record(version: u64, from_minute: u32, text: &str) -> Bytes {
    let files = vec![v1::RuleFile { name: "r.yaml".into(), text: text.into() }];
    encode_rules(v1::Rules { version, from_minute, files })
}

/// Replays, and compares what is shown of the rule hot.
#[track_caller]
fn check(log: &[Bytes], expected: &str) {
    let mut island = Island::new(IslandLimits::DEFAULT);
    replay(&mut island, log, &MemoryKv::new());
    let shown: Vec<String> = shown(&island).into_iter().filter(|one| one.starts_with("hot")).collect();
    assert_eq!(shown.join(", "), expected);
}

fn shown(island: &Island) -> Vec<String> {
    let view = island.view();
    let one = |alert: &aggregator::Alert| {
        let dims: Vec<String> =
            alert.dims.pairs().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let since = alert.fired.map_or(String::new(), |Minute(minute)| format!(" since {minute}"));
        format!("{} {} {}{since}", alert.rule.name, dims.join(","), alert.state)
    };
    view.alerts.shown.iter().map(one).collect()
}
