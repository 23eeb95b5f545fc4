//! Rule files as people write them: what they mean, and what is said of those that are wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

use alerts::{ChangeKind, Condition, GroupBy, Quota, RuleSet, Signal};
use model::Sampling;

const LEAST: &str =
    "alerts:\n  - name: slow\n    metric: Latency\n    tiers:\n      - {severity: bad, when: '> 500'}\n";

#[test]
fn the_least_that_is_a_rule() {
    let rules = RuleSet::parse(LEAST).unwrap().rules;
    let [rule] = rules.as_slice() else { panic!("{rules:?}") };
    assert_eq!((&*rule.name, &*rule.account, &*rule.operand.metric), ("slow", "default", "Latency"));
    assert_eq!(
        (rule.operand.sampling, &rule.by, rule.window, rule.forget),
        (Sampling::Sum, &GroupBy::Tuple, 1, 1440)
    );
    let [tier] = rule.tiers.as_slice() else { panic!("{:?}", rule.tiers) };
    assert_eq!((tier.fire, tier.clear), (Quota::ONCE, Quota::ONCE));
    let Condition::Compare { fire, clear } = tier.condition else { panic!("{tier:?}") };
    assert_eq!((fire.to_string(), clear.to_string()), ("> 500".into(), "<= 500".into()));
}

#[test]
fn every_key() {
    let text = r#"
alerts:
  - name: slow
    account: shop
    description: what it is for
    metric: Latency
    where:
      - {dim: Region, value: WestUS}
      - {dim: Api, op: "=~", value: "Get.*"}
      - {dim: Sku, op: not in, values: [Free, Trial]}
      - {dim: Host, op: exists}
    by: [Region, Api]
    sampling: avg
    window: 5m
    change: {against: 1d, as: factor}
    absent_as: 0
    non_negative: true
    forget: 2d
    tiers:
      - {severity: critical, when: "> 2", for: 3 of 5, clear_when: "< 1.5", clear_for: 10m}
      - {severity: gone, when: no data for 5m, clear_for: 2 of 2}
    labels: {team: shop}
    annotations: {summary: "${dim.Api} in ${dim.Region}: ${value}"}
  - {name: r, metric: Errors, ratio_to: {metric: Requests, sampling: count}, tiers: [{severity: a, when: "> 0.1"}]}
  - {name: d, metric: Errors, deviation: {over: 1h}, tiers: [{severity: a, when: beyond 3}]}
"#;
    let rules = RuleSet::parse(text).unwrap().rules;
    let rule = &rules[0];
    assert_eq!(rule.by, GroupBy::Dims(vec!["Api".into(), "Region".into()]));
    assert_eq!((rule.operand.filter.len(), rule.window, rule.forget), (4, 5, 2880));
    assert_eq!((rule.absent_as, rule.non_negative), (Some(0.0), true));
    assert!(matches!(rule.signal, Signal::Change { back: 1440, kind: ChangeKind::Factor }));
    assert_eq!(
        (rule.tiers[0].fire, rule.tiers[0].clear),
        (Quota { hold: 3, of: 5 }, Quota { hold: 10, of: 10 })
    );
    assert_eq!((rule.tiers[1].condition, rule.tiers[1].fire), (Condition::NoData, Quota { hold: 5, of: 5 }));
    assert!(matches!(&rules[1].signal, Signal::Ratio(below) if below.metric == "Requests"));
    assert!(matches!(rules[2].signal, Signal::Deviation { over: 60 }));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check(
        "metric: Latency",
        "metrc: Latency",
        "3:5: alerts[0].metrc: there is no such key (did you mean \"metric\"?)",
    );
    check("    metric: Latency\n", "", "2:5: alerts[0]: metric is missing");
    check(
        "    tiers:",
        "    sampling: p99.9x\n    tiers:",
        "4:15: alerts[0].sampling: \"p99.9x\" is no sampling (did you",
    );
    check("    tiers:", "    sampling: median\n    tiers:", "\"median\" is no sampling: use sum, count");
    check("'> 500'", "'above 500'", "5:31: alerts[0].tiers[0].when: \"above\" is no operator");
    check("'> 500'", "no data for 2d", "must be `no data for 5m`, from 1m to 1440m");
    check("'> 500'", "no data, for: 2 of 2", "has no place beside");
    check("'> 500'", "'> 500', for: 4 of 3", "must be M of N with M from 1 to N");
    check("'> 500'", "'> 500', for: 3 of 33", "N up to 32");
    check("'> 500'", "'> 500', clear_when: '< 600'", "< 600 holds for values that fire (> 500)");
    check("'> 500'", "'> 500', clear_when: '= 501'", "= 501 holds for values that fire");
    check(
        "    tiers:",
        "    window: 90s\n    tiers:",
        "4:13: alerts[0].window: is \"90s\", must be whole minutes",
    );
    check("    tiers:", "    window: 2h\n    tiers:", "is 120 minutes, must be from 1 to 60");
    check("    tiers:", "    sampling: p99\n    window: 5m\n    tiers:", "must be 1m for p99");
    check("    tiers:", "    by: Api\n    tiers:", "is a word, must be a list, or \"*\"");
    check("    tiers:", "    by: [Api, Api]\n    tiers:", "4:15: alerts[0].by[1]: \"Api\" stands twice");
    check("    tiers:", "    where: [{dim: A, op: '=>', value: b}]\n    tiers:", "\"=>\" is no operator");
    check(
        "    tiers:",
        "    where: [{dim: A, op: '=~', value: '('}]\n    tiers:",
        "4:13: alerts[0].where[0]: \"(\" is not a regular",
    );
    check("    tiers:", "    where: [{dim: A}]\n    tiers:", "takes one value, got 0");
    check(
        "    tiers:",
        "    change: {against: 1d}\n    deviation: {over: 1h}\n    tiers:",
        "only one of ratio_to",
    );
    check("    tiers:", "    change: {against: 1d, as: precent}\n    tiers:", "did you mean \"percent\"?");
    check(
        "    tiers:",
        "    labels: {a: '${dim.X}${nope}'}\n    tiers:",
        "${nope} is nothing that an alert knows",
    );
    check("    tiers:", "    absent_as: nan\n    tiers:", "is \"nan\", must be a number");
    check("    tiers:", "    forget: 1m\n    tiers:", "is 1 minutes, must be from 60");
    check("    tiers:", "    account: ''\n    tiers:", "has 0 bytes, must have from 1 to 128");
    check("{severity: bad, when: '> 500'}", "{severity: a, when: no data for 1d}", "it would never fire");
    check("severity: bad", "severity: [bad]", "is a list, must be a word");
    check("      - {severity: bad, when: '> 500'}\n", "      []\n", "5:7: alerts[0].tiers: is empty");
    check(
        "{severity: bad, when: '> 500'}",
        "{severity: a, when: '> 1'}\n      - {severity: a, when: '> 2'}",
        "6:9: alerts[0].tiers[1]: severity \"a\" stands twice",
    );
    check("alerts:", "alrets:", "1:1: alrets: there is no such key (did you mean \"alerts\"?)");
}

#[test]
fn the_first_problem_of_every_rule() {
    let text = "alerts:\n  - {name: a}\n  - {name: b, metric: m, tiers: []}\n";
    let got = RuleSet::parse(text).unwrap_err().to_string();
    let lines: Vec<&str> = got.lines().collect();
    assert_eq!(lines.len(), 2, "{got}");
    assert!(lines[0].starts_with("2:5: alerts[0]: metric is missing"), "{got}");
    assert!(lines[1].starts_with("3:33: alerts[1].tiers: is empty"), "{got}");
}

#[test]
fn the_problems_of_rules_and_settings_stand_together_in_the_order_of_the_file() {
    let text = "metrics:\n  - {metric: m}\nalerts:\n  - {name: a}\n";
    let got = RuleSet::parse(text).unwrap_err().to_string();
    let lines: Vec<&str> = got.lines().collect();
    assert_eq!(lines.len(), 2, "{got}");
    assert!(lines[0].starts_with("2:5: metrics[0]: retention is missing"), "{got}");
    assert!(lines[1].starts_with("4:5: alerts[0]: metric is missing"), "{got}");
}

#[test]
fn a_name_is_taken_once() {
    let two = format!("{LEAST}{}", LEAST.trim_start_matches("alerts:\n"));
    assert!(
        RuleSet::parse(&two).unwrap_err().to_string().starts_with("6:5: alerts[1]: rule \"slow\" of account")
    );
    let mut rules = RuleSet::parse(LEAST).unwrap();
    let why = rules.merge(RuleSet::parse(LEAST).unwrap()).unwrap_err().to_string();
    assert_eq!(why, "2:5: slow: account \"default\" has a rule of this name in another file");
    assert_eq!(rules.rules.len(), 1);
    rules.merge(RuleSet::parse(&LEAST.replace("slow", "slower")).unwrap()).unwrap();
    assert_eq!(rules.rules.len(), 2);
}

#[test]
fn texts_do_not_change_what_a_rule_is() {
    let of = |text: &str| RuleSet::parse(text).unwrap().rules[0].fingerprint;
    let with = |key: &str| LEAST.replace("    tiers:", &format!("    {key}\n    tiers:"));
    assert_eq!(of(LEAST), of(&with("description: other words")));
    assert_eq!(of(LEAST), of(&with("labels: {team: shop}")));
    assert_eq!(
        of(LEAST),
        of(&LEAST.replace("{severity: bad, when: '> 500'}", "{when: \"> 500\", severity: bad}"))
    );
    assert_ne!(of(LEAST), of(&with("window: 2m")));
    assert_ne!(of(LEAST), of(&LEAST.replace("500", "501")));
    assert_eq!(of(LEAST).to_string().len(), 32);
}

/// Puts `instead` into the least rule and expects this to be said.
#[track_caller]
fn check(what: &str, instead: &str, expected: &str) {
    assert!(LEAST.contains(what), "{what}");
    let got = RuleSet::parse(&LEAST.replacen(what, instead, 1)).unwrap_err().to_string();
    assert!(got.contains(expected), "{got}");
}
