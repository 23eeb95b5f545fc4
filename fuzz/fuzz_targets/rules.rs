//! Any text as a file of rules and as a file of tests: rules, or problems with their place in it.
#![no_main]

use alerts::{Problems, RuleSet, TestFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match RuleSet::parse(text) {
        Ok(rules) => {
            let mut all = RuleSet::default();
            all.merge(rules.clone()).expect("the first file has no name twice");
            assert!(rules.rules.is_empty() || all.merge(rules).is_err());
        }
        Err(problems) => check(text, &problems),
    }
    match TestFile::parse(text) {
        Ok(tests) => match tests.run(&RuleSet::default()) {
            Ok(outcomes) => {
                assert!(outcomes.iter().all(|outcome| outcome.mismatches.len() <= outcome.compared))
            }
            Err(problems) => check(text, &problems),
        },
        Err(problems) => check(text, &problems),
    }
});

fn check(text: &str, Problems(problems): &Problems) {
    assert!(!problems.is_empty());
    let lines = text.split(['\n', '\r']).count();
    for problem in problems {
        assert!((1..=lines + 1).contains(&problem.line) && problem.column > 0, "{problem:?}");
    }
}
