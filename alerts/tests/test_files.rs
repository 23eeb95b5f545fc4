//! Test files: the golden examples of the repository, and what is said of a file that is wrong or fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

use std::path::Path;

use alerts::{RuleSet, TestFile};

const RULE: &str = "alerts:\n  - name: slow\n    metric: Latency\n    sampling: max\n    tiers: [{severity: bad, when: '> 5', for: 2 of 3}]\n";

#[test]
fn the_examples_do_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let (mut files, mut compared) = (0, 0);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".test.yaml") {
            continue;
        }
        let file =
            TestFile::parse(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|why| panic!("{why}"));
        let mut rules = RuleSet::default();
        for name in &file.rule_files {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            rules.merge(RuleSet::parse(&text).unwrap_or_else(|why| panic!("{why}"))).unwrap();
        }
        for outcome in file.run(&rules).unwrap_or_else(|why| panic!("{}: {why}", path.display())) {
            let text: Vec<String> = outcome.mismatches.iter().map(ToString::to_string).collect();
            assert!(text.is_empty(), "{}: {}\n{}", path.display(), outcome.name, text.join("\n"));
            compared += outcome.compared;
        }
        files += 1;
    }
    assert!(files > 0 && compared > 50, "{files} files, {compared} states");
}

#[test]
fn a_difference_is_shown_minute_by_minute() {
    let text = format!(
        "{RULE}tests:\n  - name: t\n    rule: slow\n    series: [{{dims: {{Api: Get}}, values: 1 9 9 1}}]\n    expect:\n      - {{severity: bad, dims: {{Api: Get}}, states: ok pending firing ok}}\n"
    );
    let outcomes = TestFile::parse(&text).unwrap().run(&RuleSet::default()).unwrap();
    assert_eq!((outcomes.len(), outcomes[0].compared), (1, 4));
    let shown = outcomes[0].mismatches[0].to_string();
    let expected = "11:9: bad of {Api=Get}\n  expected ok pending firing ok\n  got      ok pending firing resolved\n                             ^^^";
    assert_eq!(shown, expected);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check(
        "rule: slow",
        "rule: solw",
        "8:11: tests[0].rule: account \"default\" has no rule \"solw\" (did you mean \"slow\"?)",
    );
    check("values: 1 9 9", "values: 1 9 nine", "\"nine\" is no value");
    check("values: 1 9 9", "values: 1@2 9 9", "only averages are of so many");
    check("values: 1 9 9", "values: 1x99999", "has more than 10000 minutes");
    check(
        "dims: {Api: Get}, values",
        "metric: Requests, dims: {Api: Get}, values",
        "does not look at \"Requests\": use Latency",
    );
    check("severity: bad, dims", "severity: worse, dims", "the rule has no severity \"worse\": use bad");
    check(
        "states: ok pending firing",
        "states: ok pending fireing",
        "\"fireing\" is no state (did you mean \"firing\"?)",
    );
    check("states: ok pending firing", "states: ok pending", "has the states of 2 minutes, the test has 3");
    check(
        "dims: {Api: Get}, states",
        "dims: {Api: Put}, states",
        "no series that the rule looks at is in this group",
    );
    check("    expect:", "    incomplete: [4]\n    expect:", "must be a minute of the test, from 1 to 3");
    check("    expect:", "    before: [{values: 1}]\n    expect:", "is only for rules with `change`");
    check("tests:", "test:", "there is no such key (did you mean \"tests\"?)");
}

#[test]
fn sketches_of_one_group_are_not_guessed() {
    let text = "alerts: [{name: r, metric: m, sampling: p99, by: [], tiers: [{severity: a, when: '> 1'}]}]\ntests:\n  - name: t\n    rule: r\n    series: [{dims: {A: x}, values: 1}, {dims: {A: y}, values: 2}]\n    expect: [{severity: a, states: ok}]\n";
    let why = TestFile::parse(text).unwrap().run(&RuleSet::default()).unwrap_err().to_string();
    assert!(why.contains("two series of one group have a p99 in minute 1: give the merged one"), "{why}");
}

/// Puts `instead` into a good file and expects this to be said.
#[track_caller]
fn check(what: &str, instead: &str, expected: &str) {
    let good = format!(
        "{RULE}tests:\n  - name: t\n    rule: slow\n    series: [{{dims: {{Api: Get}}, values: 1 9 9}}]\n    expect:\n      - {{severity: bad, dims: {{Api: Get}}, states: ok pending firing}}\n"
    );
    let run = |text: &str| TestFile::parse(text)?.run(&RuleSet::default());
    assert!(run(&good).unwrap()[0].mismatches.is_empty());
    assert!(good.contains(what), "{what}");
    let got = run(&good.replacen(what, instead, 1)).unwrap_err().to_string();
    assert!(got.contains(expected), "{got}");
}
