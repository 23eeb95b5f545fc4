//! `sluice rules` from outside: files that are good, files that are not, and samples that come out otherwise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod harness;

use std::path::{Path, PathBuf};

use harness::{json_of, sluice, stderr};

#[test]
fn the_examples_are_good() {
    let checked = sluice(&["rules", "check", &example("shop.yaml"), "--format", "json"]);
    assert_eq!((checked.status.code(), json_of(&checked)["files"][0]["rules"].as_u64()), (Some(0), Some(5)));
    let tested = sluice(&["rules", "test", &example("shop.test.yaml"), "--format", "json"]);
    let tests = json_of(&tested)["tests"].as_array().unwrap().len();
    assert_eq!((tested.status.code(), tests), (Some(0), 6), "{}", stderr(&tested));
}

#[test]
fn each_problem_stands_with_file_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> String {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bad =
        file("bad.yaml", "alerts:\n  - name: a\n    metrik: m\n  - name: b\n    metric: m\n    tiers: []\n");
    let checked = sluice(&["rules", "check", &bad]);
    assert_eq!(checked.status.code(), Some(1));
    let said = stderr(&checked);
    assert!(
        said.contains(&format!(
            "{bad}:3:5: alerts[0].metrik: there is no such key (did you mean \"metric\"?)"
        )),
        "{said}"
    );
    assert!(said.contains(&format!("{bad}:6:12: alerts[1].tiers: is empty")), "{said}");

    let rule = "alerts: [{name: a, metric: m, by: [Api], tiers: [{severity: s, when: '> 1'}]}]\n";
    let (one, two) = (file("one.yaml", rule), file("two.yaml", rule));
    let checked = sluice(&["rules", "check", &one, &two, "--partitions", "1"]);
    assert!(
        stderr(&checked).contains(&format!("{two}:1:10: a: account \"default\" has a rule of this name"))
    );
    let checked = sluice(&["rules", "check", &one]);
    assert!(stderr(&checked).contains("a rollup by these dimensions is missing"), "{}", stderr(&checked));
    assert_eq!(sluice(&["rules", "check", "/no/such.yaml"]).status.code(), Some(1));
    assert_eq!(sluice(&["rules", "check"]).status.code(), Some(2));
}

#[test]
fn a_state_that_is_not_expected_is_marked() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(example("shop.test.yaml")).unwrap();
    std::fs::copy(example("shop.yaml"), dir.path().join("shop.yaml")).unwrap();
    let path = dir.path().join("wrong.test.yaml");
    std::fs::write(&path, text.replace("nodatax5 ok firing resolved", "nodatax5 ok ok resolved")).unwrap();
    let tested = sluice(&["rules", "test", &path.display().to_string(), "--format", "table"]);
    assert_eq!(tested.status.code(), Some(1));
    let (said, table) = (stderr(&tested), String::from_utf8_lossy(&tested.stdout).into_owned());
    assert!(said.contains("warning of {Queue=mail}") && said.contains("^^^"), "{said}");
    assert!(table.contains("FAILED") && table.contains("good"), "{table}");
}

fn example(name: &str) -> String {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    root.join("alerts/examples").join(name).display().to_string()
}
